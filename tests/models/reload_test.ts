/** The set of models changes while a client predicts continuously: no prediction may fail. */
import assert from "node:assert/strict";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { SteadyLoad } from "../support/steady_load.ts";

const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

function ask(client: PredictionClient, name: string, label?: string): Promise<Message> {
  const modelSpec = label === undefined ? { name } : { name, version_label: label };
  return client.predict({ model_spec: modelSpec, inputs: { x: floatTensor([10]) } });
}

type Entry = Record<string, unknown>;

function entry(name: string, basePath: string, changes: Entry = {}): Entry {
  return { name, base_path: basePath, model_platform: "tensorflow", ...changes };
}

function reload(
  client: PredictionClient,
  models: readonly Entry[],
  metricNames: readonly string[] = [],
): Promise<Message> {
  return client.call("tensorflow.serving.ModelService", "HandleReloadConfigRequest", {
    request: { config: { model_config_list: { config: models } }, metric_names: metricNames },
  });
}

/** Serves all versions, the first two by name. */
const BOTH_LABELLED: Entry = { "model_version_policy": { all: {} }, "version_labels": { old: 1, new: 2 } };

const HALF = ["--model_name=half", `--model_base_path=${modelPath("half_plus_two")}`];

Deno.test("HandleReloadConfigRequest adds, changes and removes models while another serves", async () => {
  await using scratch = await Scratch.make();
  for (const version of [1, 2]) await scratch.addVersion("more", { model: "half_plus_two", version });
  await using server = await Server.start(HALF);
  using client = new PredictionClient(server.address);
  const load = new SteadyLoad(server.address, "half");
  const half = entry("half", modelPath("half_plus_two"));
  const more = entry("more", `${scratch.path}/more`);

  const reply = await reload(client, [half, more], [":tensorflow:core:x"]);
  assert.deepEqual(reply, {
    status: { error_code: "OK", error_message: "" },
    metric: [{ name: ":tensorflow:core:x", int64_value_increase: "0", value_increase: "int64_value_increase" }],
  });
  assert.equal(((await ask(client, "more")).model_spec as { version: Message }).version.value, "2");

  await reload(client, [half, entry("more", `${scratch.path}/more`, BOTH_LABELLED)]);
  assert.equal(((await ask(client, "more", "old")).model_spec as { version: Message }).version.value, "1");

  await reload(client, [half]);
  await assert.rejects(ask(client, "more"), { code: NOT_FOUND });
  await load.stop();
});

Deno.test("HandleReloadConfigRequest rejects unusable configurations, and changes nothing", async () => {
  await using server = await Server.start(HALF);
  using client = new PredictionClient(server.address);
  const load = new SteadyLoad(server.address, "half");
  const half = entry("half", modelPath("half_plus_two"));
  const tiny = entry("tiny", modelPath("tiny"));
  const cases: [Entry[], number, string][] = [
    [[tiny, tiny], INVALID_ARGUMENT, "Illegal to list model tiny multiple times in config list"],
    [
      [half, entry("tiny", "models/tiny")],
      INVALID_ARGUMENT,
      "Expected model tiny to have an absolute path or URI; got base_path()=models/tiny",
    ],
    [
      [{ ...half, model_platform: "openvino" }],
      INVALID_ARGUMENT,
      "Illegal to change a model's platform. For model half platform was tensorflow and new platform requested is openvino",
    ],
    [[half, { ...tiny, model_platform: "caffe" }], INVALID_ARGUMENT, "Model tiny requests unsupported platform caffe"],
    [
      [tiny, { ...half, version_labels: { stable: 9 } }],
      FAILED_PRECONDITION,
      "Request to assign label to version 9 of model half, which is not currently available for inference",
    ],
  ];
  for (const [models, code, details] of cases) await assert.rejects(reload(client, models), { code, details });
  const nothing = { request: {} };
  await assert.rejects(client.call("tensorflow.serving.ModelService", "HandleReloadConfigRequest", nothing), {
    code: INVALID_ARGUMENT,
    details:
      "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
  });
  await assert.rejects(client.predict({ model_spec: { name: "tiny" } }), { code: NOT_FOUND });
  assert.equal(server.events("configuration refused").length, cases.length);
  await load.stop();
});

Deno.test("HandleReloadConfigRequest reports new models that did not become available, and loading is retried", async () => {
  await using scratch = await Scratch.make();
  await using server = await Server.start([...HALF, "--file_system_poll_wait_seconds=0.05"]);
  using client = new PredictionClient(server.address);
  const load = new SteadyLoad(server.address, "half");
  const models = [entry("half", modelPath("half_plus_two")), entry("late", `${scratch.path}/late`)];
  await assert.rejects(reload(client, models), {
    code: UNKNOWN,
    details: "1 model(s) did not become available: {{{name: late} due to error: NOT_FOUND: " +
      "Cannot find the base path}, }",
  });
  await server.event("model not served", ({ reason }) => reason === `Cannot find ${scratch.path}/late`);
  await scratch.addVersion("late", { model: "half_plus_two", version: 1 });
  await server.event("version state changed", ({ name, state }) => name === "late" && state === "available");
  await ask(client, "late");
  await load.stop();
});

Deno.test("A JSON file is applied when it changes: models are added, replaced without a gap and removed", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  await scratch.addVersion("more", { model: "half_plus_two", version: 5 });
  const path = await scratch.writeConfig({ half: {} });
  await using server = await Server.start([
    ...["config", "--config_path", path, "--model_config_file_poll_wait_seconds", "0.05"],
  ]);
  using client = new PredictionClient(server.address);
  const load = new SteadyLoad(server.address, "half");

  await scratch.writeConfig({ half: { nireq: 3 }, more: {} });
  await server.event("model measured", ({ name, inferRequestCount }) => name === "half" && inferRequestCount === 3);
  await server.event("configuration reloaded", ({ models }) => (models as string[]).includes("more"));
  await ask(client, "more");

  await scratch.write("models.json", '{"model_config_list": [{"config": {"name": "half"}}]}');
  const { error } = await server.event("configuration refused");
  assert.match(String(error), /models\.json:1:35: model_config_list\[0\]\.config\.base_path: this is missing$/);
  await ask(client, "more");

  await scratch.writeConfig({ half: {} });
  await server.event("configuration reloaded", ({ models }) => !(models as string[]).includes("more"));
  await server.event("version state changed", ({ name, state }) => name === "more" && state === "end");
  await assert.rejects(ask(client, "more"), { code: NOT_FOUND });
  assert.equal(server.events("configuration refused").length, 1);
  await load.stop();
});

Deno.test("A storm of SIGHUPs while the file is edited and models load ends with the file's configuration", async () => {
  await using scratch = await Scratch.make();
  const models: Record<string, Entry> = {};
  for (let i = 0; i < 5; i++) await scratch.addVersion(`m${i}`, { model: "half_plus_two", version: 1 });
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const list = () =>
    Object.keys(models).map((name) =>
      `config { name: '${name}' base_path: '${scratch.path}/${name}' model_platform: 'tensorflow' }\n`
    );
  models.half = {};
  const path = await scratch.write("models.conf", `model_config_list { ${list().join("")} }`);
  await using server = await Server.start([`--model_config_file=${path}`]);
  using client = new PredictionClient(server.address);
  const load = new SteadyLoad(server.address, "half");
  for (let round = 0; round < 100; round++) {
    if (round % 2 === 0) models[`m${round % 5}`] = {};
    else delete models[`m${round % 5}`];
    await scratch.write("models.conf", `model_config_list { ${list().join("")} }`);
    server.signal("SIGHUP");
  }
  // More than at any moment of the storm, so that the wait ends after it.
  for (const name of ["m0", "m1", "m2", "m4"]) models[name] = {};
  delete models.m3;
  await scratch.write("models.conf", `model_config_list { ${list().join("")} }`);
  server.signal("SIGHUP");
  const expected = Object.keys(models).sort();
  await server.event(
    "configuration reloaded",
    (event) => JSON.stringify([...event.models as string[]].sort()) === JSON.stringify(expected),
  );
  await ask(client, "m4");
  await assert.rejects(ask(client, "m3"), { code: NOT_FOUND });
  await load.stop();
  assert.deepEqual(server.events("configuration refused"), []);
});

Deno.test("SIGHUP reads a file that is not polled, and is harmless without one", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const text = (name: string) =>
    `model_config_list { config { name: "${name}" base_path: "${scratch.path}/half" model_platform: "tensorflow" } }`;
  const path = await scratch.write("models.conf", text("half"));
  await using server = await Server.start([`--model_config_file=${path}`]);
  await scratch.write("models.conf", text("other"));
  server.signal("SIGHUP");
  await server.event("configuration reloaded", ({ models }) => (models as string[])[0] === "other");
  await scratch.write("models.conf", "");
  server.signal("SIGHUP");
  const { error } = await server.event("configuration refused");
  assert.match(String(error), /only legal to transition from one ModelConfigList to another\.$/);
  using client = new PredictionClient(server.address);
  await ask(client, "other");

  await using single = await Server.start(HALF);
  single.signal("SIGHUP");
  await single.event("reload ignored");
  using other = new PredictionClient(single.address);
  await ask(other, "half");
});
