/** Flags and files decide what is served: one server process for each way to configure it. */
import assert from "node:assert/strict";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;

/** Asks half_plus_two, under any name, for 10 / 2 + 2. */
function ask(client: PredictionClient, modelSpec: Message, shape = [1]): Promise<Message> {
  const values = new Array(shape.reduce((product, size) => product * size, 1)).fill(10);
  return client.predict({ model_spec: modelSpec, inputs: { x: floatTensor(values, shape) } });
}

function valuesOf(answer: Message): unknown {
  return ((answer.outputs as Message).y as Message).float_val;
}

function versionOf(answer: Message): unknown {
  return ((answer.model_spec as Message).version as Message).value;
}

Deno.test("ovserve config serves the models of a JSON file, from any working directory", async () => {
  await using server = await Server.start(["config", "--config_path", `${modelPath("config.json")}`]);
  using client = new PredictionClient(server.address);
  const { models } = await server.event("server started");
  assert.deepEqual(models, ["digits", "dynamic", "half_plus_two", "mixed", "tiny"]);
  assert.deepEqual(valuesOf(await ask(client, { name: "half_plus_two" })), [7]);
});

Deno.test("ovserve config logs a model that cannot be served and serves the others", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("good", { model: "half_plus_two", version: 3 });
  await Deno.mkdir(`${scratch.path}/bad/1`, { recursive: true });
  await Deno.writeTextFile(`${scratch.path}/bad/1/model.xml`, "<net/>");
  const path = await scratch.writeConfig({ good: {}, bad: {}, absent: {} });
  await using server = await Server.start(["config", "--config_path", path, "--file_system_poll_wait_seconds", "0.05"]);
  using client = new PredictionClient(server.address);
  assert.deepEqual(server.events("model not served").map(({ name }) => name), ["bad", "absent"]);
  assert.equal(versionOf(await ask(client, { name: "good" })), "3");
  await assert.rejects(ask(client, { name: "bad" }), { code: NOT_FOUND });
});

Deno.test("ovserve config fails to start with an invalid file, and without a model that can be served", async () => {
  await using scratch = await Scratch.make();
  const cases: [string, RegExp][] = [
    [
      await scratch.write("a.json", '{"model_config_list": [\n]'),
      /^ovserve: .*a\.json:2:2: this is not JSON, at the end$/,
    ],
    [
      await scratch.write(
        "b.json",
        '{"model_config_list": [{"config": {"name": "a", "base_path": "a", "nireq": "4"}}]}',
      ),
      /^ovserve: .*b\.json:1:76: model_config_list\[0\]\.config\.nireq: expected a whole number from 0 to 100000, found "4"$/,
    ],
    [await scratch.write("c.json", '{"model_config_list": []}'), /^ovserve: No model is listed$/],
    [await scratch.writeConfig({ absent: {} }), /^ovserve: Cannot serve absent: Cannot find .*absent\. /],
    [`${scratch.path}/none.json`, /^ovserve: Cannot find .*none\.json$/],
  ];
  for (const [path, sentence] of cases) {
    const { code, stderr } = await runProgram(["config", "--config_path", path, "--port", "0", "--log_level", "error"]);
    assert.equal(code, 1, stderr);
    assert.match(stderr.trim(), sentence);
  }
});

Deno.test("--model_config_file applies policies and labels as TensorFlow Serving does", async () => {
  await using scratch = await Scratch.make();
  for (const version of [1, 2, 3]) await scratch.addVersion("half", { model: "half_plus_two", version });
  const path = await scratch.write(
    "models.conf",
    `model_config_list: {
      config { name: 'half' base_path: '${scratch.path}/half' model_platform: 'tensorflow'
        model_version_policy { specific { versions: 1 versions: 3 } }
        version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 3 } } }`,
  );
  await using server = await Server.start([`--model_config_file=${path}`, "--model_name=ignored"]);
  using client = new PredictionClient(server.address);
  assert.equal(versionOf(await ask(client, { name: "half", version_label: "stable" })), "1");
  assert.equal(versionOf(await ask(client, { name: "half", version_label: "canary" })), "3");
  await assert.rejects(ask(client, { name: "half", version: { value: "2" } }), { code: NOT_FOUND });
  await assert.rejects(ask(client, { name: "half", version_label: "old" }), {
    code: INVALID_ARGUMENT,
    details: "Unrecognized servable version label: old",
  });
  const notes = server.events("argument ignored").map(({ note }) => note);
  assert.deepEqual(notes, ["--model_name is ignored: the file lists the models"]);
});

Deno.test("--model_config_file is refused with TensorFlow Serving's message and the place", async () => {
  await using scratch = await Scratch.make();
  const model = (name: string, basePath: string) =>
    `\nconfig { name: '${name}' base_path: '${basePath}' model_platform: 'tensorflow' }`;
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const labelled = `version_labels { key: 'stable' value: 2 } }`;
  const cases: [string, string][] = [
    [model("a", "models/a"), "2:1: Expected model a to have an absolute path or URI; got base_path()=models/a"],
    [model("a", "/a") + model("a", "/b"), "3:1: Illegal to list model a multiple times in config list"],
    ["\nconfig { nome: 'a' }", '2:10: ModelConfig has no field "nome", it has name, base_path'],
    [
      `\n${model("half", `${scratch.path}/half`).trim().slice(0, -1)} ${labelled}`,
      "Request to assign label to version 2 of model half, which is not currently available for inference",
    ],
  ];
  for (const [models, sentence] of cases) {
    const path = await scratch.write("models.conf", `model_config_list {${models} }`);
    const { code, stderr } = await runProgram([`--model_config_file=${path}`, "--port=0", "--log_level=error"]);
    assert.equal(code, 1, stderr);
    assert(stderr.startsWith("ovserve: ") && stderr.includes(sentence), stderr);
    assert.equal(stderr.trim().split("\n").length, 1);
  }
});

Deno.test("without a command, the server logs once that it has no model, and serves it when it appears", async () => {
  await using scratch = await Scratch.make();
  await using server = await Server.start([
    "--model_name=half",
    `--model_base_path=${scratch.path}/half`,
    "--file_system_poll_wait_seconds=0.05",
  ]);
  using client = new PredictionClient(server.address);
  await assert.rejects(ask(client, { name: "half" }), { code: NOT_FOUND });
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  await server.event("version state changed", ({ state }) => state === "available");
  assert.deepEqual(valuesOf(await ask(client, { name: "half" })), [7]);
  assert.equal(server.events("model awaited").length, 1);
});

Deno.test("--batch_size, --shape and --enable_serialization_as_tensor_content take effect", async () => {
  const model = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")];
  const cases: [string[], number[], number[]][] = [
    [["--batch_size", "2"], [2], [3]],
    [["--shape", "(3)"], [3], [2]],
    [["--shape", '{"x": "(1:4)"}', "--enable_serialization_as_tensor_content"], [4], [5]],
  ];
  for (const [flags, goodShape, badShape] of cases) {
    await using server = await Server.start([...model, ...flags]);
    using client = new PredictionClient(server.address);
    const { tensor_content: content, float_val: values } = ((await ask(client, { name: "half" }, goodShape))
      .outputs as Message).y as Message;
    const isContent = flags.includes("--enable_serialization_as_tensor_content");
    assert.equal((content as Uint8Array).length, isContent ? 16 : 0);
    assert.equal((values as number[]).length, isContent ? 0 : goodShape[0]);
    await assert.rejects(ask(client, { name: "half" }, badShape), { code: INVALID_ARGUMENT }, String(badShape));
  }
});

Deno.test("--cache_dir keeps compiled models", async () => {
  await using scratch = await Scratch.make();
  const cache = `${scratch.path}/cache`;
  await using server = await Server.start([
    ...["model", "--model_name", "half", "--model_path", modelPath("half_plus_two"), "--cache_dir", cache],
  ]);
  await server.event("server started");
  const names = await Array.fromAsync(Deno.readDir(cache), ({ name }) => name);
  assert.notEqual(names.length, 0);
});

Deno.test("POST /v1/config/reload reports what is wrong with the file, while the server goes on", async () => {
  await using scratch = await Scratch.make();
  const path = await scratch.writeConfig({ half_plus_two: { base_path: modelPath("half_plus_two") } });
  const rest = ["--rest_bind_address", "127.0.0.1", "--rest_port", "any"];
  await using server = await Server.start(["config", "--config_path", path, ...rest]);
  const { rest: address } = await server.event("server started");
  const reload = async () => {
    const response = await fetch(`http://${address}/v1/config/reload`, { method: "POST" });
    return [response.status, (await response.json()).error];
  };
  assert.deepEqual(await reload(), [200, undefined]);
  await scratch.write("models.json", '{"model_config_list": [');
  assert.deepEqual(await reload(), [400, "The file of models cannot be used at line 1, column 24: the log says why"]);
  await server.event("configuration refused", ({ error }) => (error as string).startsWith(`${path}:1:24: `));
  await Deno.remove(path);
  assert.deepEqual(await reload(), [400, "The file of models cannot be found: the log says why"]);
  await server.event("configuration refused", ({ error }) => error === `Cannot find ${path}`);
  const metadata = await fetch(`http://${address}/v1/models/half_plus_two/metadata`, { method: "HEAD" });
  assert.equal(metadata.status, 200);
});
