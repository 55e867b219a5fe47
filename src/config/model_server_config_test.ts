import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import type { ModelConfig } from "../model/model_config.ts";
import type { ModelServerEntry } from "../service/messages.ts";
import { ConfigError } from "../base/config_error.ts";
import { modelsOf } from "./model_server_config.ts";
import { readModelServerConfig } from "./model_server_text.ts";
import { mutations } from "../base/testing/mutations.ts";

const LOAD = {
  device: "CPU",
  pluginConfig: new Map<string, string>(),
  inferRequestCount: 2,
  shape: undefined,
  batchSize: undefined,
};

const ENTRY: ModelServerEntry = {
  name: "a",
  basePath: "/models/a",
  modelType: 0,
  platform: "tensorflow",
  versionPolicy: { kind: "latest", count: 1 },
  versionLabels: new Map(),
  hasLogging: false,
};

const GOOD = `
# two models
model_config_list: {
  config { name: 'a' base_path: "/models/a", model_platform: "tensorflow" }
  config: <
    name: "b" base_path: "/models" "/b"; model_platform: 'openvino'
    model_version_policy { specific { versions: 42 versions: [0x2B, 44] } }
    version_labels { key: 'stable' value: 42 }
    version_labels: { key: 'canary' value: 43 }
    logging_config { log_collector_config { type: "" } }
  >
}`;

function complaint(text: string): string {
  try {
    readModelServerConfig(text);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return `${error.place?.line}:${error.place?.column} ${error.message}`;
  }
  return "none";
}

Deno.test("readModelServerConfig() reads models with their policies and labels", () => {
  assert.deepEqual(readModelServerConfig(GOOD), [
    { entry: ENTRY, place: { line: 4, column: 3 } },
    {
      entry: {
        ...ENTRY,
        name: "b",
        basePath: "/models/b",
        platform: "openvino",
        versionPolicy: { kind: "specific", versions: [42, 43, 44] },
        versionLabels: new Map([["stable", 42], ["canary", 43]]),
        hasLogging: true,
      },
      place: { line: 5, column: 3 },
    },
  ]);
});

Deno.test("readModelServerConfig() distinguishes no configuration from one without models", () => {
  assert.equal(readModelServerConfig("# nothing"), undefined);
  assert.deepEqual(readModelServerConfig("model_config_list {}"), []);
});

Deno.test("readModelServerConfig() reads each policy, and 0 as 1", () => {
  const policy = (text: string) =>
    readModelServerConfig(`model_config_list { config { model_version_policy { ${text} } } }`)?.[0]?.entry
      .versionPolicy;
  assert.deepEqual(policy(""), { kind: "latest", count: 1 });
  assert.deepEqual(policy("latest {}"), { kind: "latest", count: 1 });
  assert.deepEqual(policy("latest { num_versions: 0 }"), { kind: "latest", count: 1 });
  assert.deepEqual(policy("latest { num_versions: 3 }"), { kind: "latest", count: 3 });
  assert.deepEqual(policy("all: {}"), { kind: "all" });
  assert.deepEqual(policy("specific { versions: -1 versions: 010 }"), { kind: "specific", versions: [-1, 8] });
});

Deno.test("readModelServerConfig() reports mistakes with their place", () => {
  const model = (inside: string) => `model_config_list {\n config { ${inside} } }`;
  const cases: [string, string][] = [
    ["models {}", '1:1 ModelServerConfig has no field "models", it has model_config_list, custom_model_config'],
    ["custom_model_config {}", "1:1 custom_model_config is not supported, list the models in model_config_list"],
    ["model_config_list: 5", "1:20 expected { … } behind model_config_list, found 5"],
    ["model_config_list {} model_config_list {}", "1:22 model_config_list comes twice"],
    [model("name: 'a' name: 'b'"), "2:21 name comes twice"],
    [model("name: a"), "2:17 expected a text in quotes for name, found a"],
    [model(String.raw`name: '\377'`), "2:17 the text of name is not UTF-8"],
    [model("model_type: constructor"), "2:23 expected one of MODEL_TYPE_UNSPECIFIED, TENSORFLOW, OTHER in model_type"],
    [model("model_version_policy { all {} latest {} }"), "2:41 latest stands beside all: a policy is one of them"],
    [model("model_version_policy { all { num_versions: 1 } }"), '2:40 All has no field "num_versions", it has none'],
    [
      model("model_version_policy { latest { num_versions: 1.5 } }"),
      "2:57 expected a whole number from 0 to 4294967295 for num_versions, found 1.5",
    ],
    [
      model("version_labels { key: 'a' value: 9007199254740993 }"),
      "2:44 expected a whole number from 0 to 9007199254740991 for value, found 9007199254740993",
    ],
  ];
  for (const [text, expected] of cases) assert.equal(complaint(text), expected, text);
  assert.match(
    complaint(model("batch_size: 1")),
    /^2:11 ModelConfig has no field "batch_size", it has name, base_path/,
  );
});

Deno.test("readModelServerConfig() reads any text or throws a ConfigError", () => {
  const pieces = [..."{}<>[]:,;#'\"\\\n -a0é", "name", "-1", "latest", "all {}"];
  for (const { text } of mutations(GOOD, { pieces, count: 3000 })) {
    assert.match(complaint(text), /^(?:none$|\d+:\d+ )/, text);
  }
});

function models(
  entries: readonly ModelServerEntry[],
  before: readonly ModelConfig[] = [],
): ReturnType<typeof modelsOf> {
  return modelsOf(entries, { load: LOAD, before });
}

Deno.test("modelsOf() makes models of entries and notes what is ignored", () => {
  const { models: [model], notes } = models([{ ...ENTRY, platform: "", modelType: 1, hasLogging: true }]);
  assert.deepEqual(model, {
    ...LOAD,
    name: "a",
    basePath: "/models/a",
    versionPolicy: { kind: "latest", count: 1 },
    versionLabels: new Map(),
    platform: "tensorflow",
  });
  assert.equal(notes.length, 2);
});

Deno.test("modelsOf() refuses what TensorFlow Serving refuses, with its messages", () => {
  const cases: [ModelServerEntry[], string][] = [
    [[ENTRY, ENTRY], "Illegal to list model a multiple times in config list"],
    [
      [{ ...ENTRY, basePath: "models/a" }],
      "Expected model a to have an absolute path or URI; got base_path()=models/a",
    ],
    [[{ ...ENTRY, basePath: "" }], "Expected model a to have an absolute path or URI; got base_path()="],
    [[{ ...ENTRY, platform: "caffe" }], "Model a requests unsupported platform caffe"],
    [
      [{ ...ENTRY, platform: "" }],
      "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, " +
      "model name is a",
    ],
    [
      [{ ...ENTRY, modelType: 1 }],
      "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, " +
      "model name is a",
    ],
    [[{ ...ENTRY, platform: "", modelType: 2 }], "ModelServerConfig::model_type choice 2 not supported."],
  ];
  for (const [entries, message] of cases) {
    assert.throws(() => models(entries), { code: CODE.INVALID_ARGUMENT, message });
  }
  assert.throws(() => models([{ ...ENTRY, name: "" }]), /has no name/);
  assert.throws(() => models([{ ...ENTRY, basePath: "gs://bucket/a" }]), /mount the storage/);
});

Deno.test("modelsOf() refuses a change of platform", () => {
  const before = models([ENTRY]).models;
  assert.throws(() => models([{ ...ENTRY, platform: "openvino" }], before), {
    message:
      "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is " +
      "openvino",
  });
  const unnamed = before.map((model) => ({ ...model, platform: undefined }));
  assert.equal(models([{ ...ENTRY, platform: "openvino" }], unnamed).models[0]?.platform, "openvino");
});
