import assert from "node:assert/strict";
import { ConfigError } from "../base/config_error.ts";
import { readModelConfigList } from "./model_config_list.ts";
import { mutations } from "../base/testing/mutations.ts";

const LOAD = {
  device: "CPU",
  pluginConfig: new Map<string, string>(),
  inferRequestCount: undefined,
  shape: undefined,
  batchSize: undefined,
};

function read(text: string): ReturnType<typeof readModelConfigList> {
  return readModelConfigList(text, { folder: "/etc/models", load: LOAD });
}

/** Returns the error about a list of models, each given as the content of its `config`, as `line:column reason`. */
function complaint(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return `${error.place?.line}:${error.place?.column} ${error.message}`;
  }
  return "none";
}

const GOOD = `{"model_config_list": [
  {"config": {"name": "a", "base_path": "a"}},
  {"config": {
    "name": "b", "base_path": "/models/b", "nireq": 4, "target_device": "GPU.0",
    "batch_size": "auto", "plugin_config": {"NUM_STREAMS": 2, "ENABLE_MMAP": true},
    "model_version_policy": {"specific": {"versions": [1, 3]}},
    "inference_precision": "bf16", "saved_model_tags": ["serve", "gpu"]
  }}
], "pipeline_config_list": []}`;

Deno.test("readModelConfigList() reads models, with paths relative to the file's folder", () => {
  const { models, notes } = read(GOOD);
  assert.deepEqual(notes, []);
  assert.deepEqual(models, [
    {
      ...LOAD,
      name: "a",
      basePath: "/etc/models/a",
      versionPolicy: { kind: "latest", count: 1 },
      versionLabels: new Map(),
      platform: undefined,
    },
    {
      name: "b",
      basePath: "/models/b",
      versionPolicy: { kind: "specific", versions: [1, 3] },
      versionLabels: new Map(),
      platform: undefined,
      device: "GPU.0",
      pluginConfig: new Map([["NUM_STREAMS", "2"], ["ENABLE_MMAP", "YES"]]),
      inferencePrecision: "bf16",
      savedModelTags: ["serve", "gpu"],
      inferRequestCount: 4,
      shape: undefined,
      batchSize: { kind: "auto" },
    },
  ]);
});

Deno.test("readModelConfigList() notes that a shape replaces the batch size", () => {
  const { models, notes } = read(
    `{"model_config_list": [{"config": {"name": "a", "base_path": "a", "batch_size": 2, "shape": "(1,3)"}}]}`,
  );
  assert.deepEqual(models[0]?.shape, { kind: "all", shape: [{ min: 1, max: 1 }, { min: 3, max: 3 }] });
  assert.equal(models[0]?.batchSize, undefined);
  assert.deepEqual(notes, ["Model a: batch_size is ignored, since shape says it too"]);
});

Deno.test("readModelConfigList() reports mistakes with their place", () => {
  const model = (inside: string) => `{"model_config_list": [\n{"config": {"name": "a", "base_path": "a"${inside}}}]}`;
  const at = "model_config_list[0].config";
  const cases: [string, string][] = [
    ["[]", "1:1 expected an object, found []"],
    ["{}", "1:1 model_config_list: this is missing"],
    ['{"model_config_list": {}}', "1:23 model_config_list: expected a list, found {}"],
    ['{"model_config_list": [{"name": "a"}]}', "1:24 model_config_list[0].config: this is missing"],
    ['{"model_config_list": [{"config": {"base_path": "a"}}]}', `1:35 ${at}.name: this is missing`],
    ['{"model_config_list": [], "model_list": 1}', "1:41 model_list: this key is not known here"],
    [model(', "nirek": 1'), `2:53 ${at}.nirek: this key is not known here`],
    [model(', "nireq": "4"'), `2:53 ${at}.nireq: expected a whole number from 0 to 100000, found "4"`],
    [model(', "nireq": 1.5'), `2:53 ${at}.nireq: expected a whole number from 0 to 100000, found 1.5`],
    [model(', "nireq": 1, "nireq": 2'), '2:56 "nireq" comes twice'],
    [model(', "target_device": ""'), `2:61 ${at}.target_device: expected a text that is not empty, found ""`],
    [
      model(', "shape": [0]'),
      `2:53 ${at}.shape: expected a size of at least 1, a range such as 100:500 or -1 in the shape [0], found 0`,
    ],
    [
      model(', "model_version_policy": {"newest": {}}'),
      `2:68 ${at}.model_version_policy: expected the version policy latest, specific or all, found "newest"`,
    ],
    [
      model(', "plugin_config": {"A": null}'),
      `2:61 ${at}.plugin_config: expected a string, number or boolean for "A", found null`,
    ],
    [
      '{"model_config_list": [{"config": {"name": "a", "base_path": "s3://b/a"}}]}',
      `1:62 ${at}.base_path: expected a folder, found "s3://b/a": mount the storage and name the mounted folder`,
    ],
    [
      '{"model_config_list": [{"config": {"name": "a", "base_path": "a"}},\n{"config": {"name": "a", "base_path": "b"}}]}',
      '2:21 model_config_list[1].config.name: model "a" is listed twice',
    ],
    [
      '{"model_config_list": [], "pipeline_config_list": [{}]}',
      "1:51 pipeline_config_list: pipelines are not served: call the models one after the other",
    ],
  ];
  for (const [text, expected] of cases) assert.equal(complaint(text), expected, text);
  assert.match(complaint(model(', "layout": "NHWC:NCHW"')), /^2:54 .*layout is not supported: send inputs in/);
});

Deno.test("readModelConfigList() reads any text or throws a ConfigError", () => {
  const pieces = [...'{}[]:,"\\\n -a0é.', "null", '"auto"', '"name"', "config", "1e9"];
  for (const { text } of mutations(GOOD, { pieces, count: 3000 })) {
    assert.match(complaint(text), /^(?:none$|\d+:\d+ )/, text);
  }
});
