/** `ovserve sagemaker` as SageMaker starts and calls it: a process told by environment variables, asked over HTTP. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Scratch } from "../../support/scratch.ts";
import { runProgram, Server } from "../../support/server.ts";

const ATTRIBUTES = "x-amzn-sagemaker-custom-attributes";

/** The program that sets variables for another. */
const ENV = "/usr/bin/env";

/** A model folder in a form that the container takes. */
async function modelDir(layout: Readonly<Record<string, string>>): Promise<Scratch> {
  const scratch = await Scratch.make();
  for (const [path, model] of Object.entries(layout)) await scratch.addVersion(path, { model, version: 1 });
  return scratch;
}

function start(folder: string, variables: Readonly<Record<string, string>> = {}): Promise<Server> {
  const args = ["sagemaker", "--model_dir", folder, "--rest_bind_address", "127.0.0.1", "--rest_port", "any"];
  const through = [ENV, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
  return Server.start(args, { through });
}

async function urlOf(server: Server): Promise<string> {
  return `http://${(await server.event("server started")).rest}`;
}

async function ask(url: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
}

/** What `np.save` writes for one row of f32. */
function npy(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(117) + "\n";
  const bytes = new Uint8Array(10 + header.length + 4 * values.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length, 0]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 10 + header.length);
  return bytes;
}

Deno.test("SageMaker's calls are answered in all the forms they come in", async () => {
  await using scratch = await modelDir({ half_plus_two: "half_plus_two", tiny: "tiny" });
  await scratch.addVersion("half_plus_two", { model: "half_plus_two", version: 2 });
  await using server = await start(scratch.path);
  const url = await urlOf(server);
  const ping = (attributes: string) => ask(`${url}/ping`, { headers: { [ATTRIBUTES]: attributes } });
  assert.deepEqual(await ping(""), [200, ""]);
  assert.deepEqual(await ping("tfs-model-name=tiny"), [200, ""]);
  assert.deepEqual(await ping("tfs-model-name=nope"), [502, ""]);

  const invoke = (type: string, body: BodyInit, attributes = "") =>
    ask(`${url}/invocations`, { method: "POST", body, headers: { "content-type": type, [ATTRIBUTES]: attributes } });
  const answer = [200, '{\n    "predictions": [2.5, 3.0\n    ]\n}'];
  const json = "application/json";
  assert.deepEqual(await invoke(json, '{"instances": [1, 2]}'), answer);
  assert.deepEqual(await invoke(json, "1, 2"), answer);
  assert.deepEqual(await invoke("application/jsonlines", '{"x": 1}\n{"x": 2}\n'), answer);
  assert.deepEqual(await invoke("text/csv", "1\n2\n"), answer);
  assert.deepEqual(await invoke("application/x-npy", npy([1, 2])), answer);
  assert.deepEqual(await invoke(json, "[1, 2]", "tfs-model-version=1,tfs-method=predict"), [
    400,
    '{\n    "error": "Invalid number of shape dimensions - Expected: (-1); Actual: (1,2); input name: x"\n}',
  ]);
  assert.deepEqual(await invoke(json, "[[3]]", "tfs-model-name=tiny"), [
    200,
    '{\n    "predictions": [[7.0]\n    ]\n}',
  ]);
  const unversioned = await invoke(json, "1, 2", "tfs-model-version=7");
  assert.deepEqual(unversioned, [
    404,
    '{\n    "error": "Servable not found for request: Specific(half_plus_two, 7)"\n}',
  ]);
  assert.equal((await invoke("image/png", "?"))[0], 415);

  // All versions that lie there are served, and TensorFlow Serving's own paths beside SageMaker's.
  const [status, text] = await ask(`${url}/v1/models/half_plus_two`);
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(text).model_version_status.map(({ version }: { version: string }) => version), [
    "2",
    "1",
  ]);
});

Deno.test("Models are found in every layout the container takes, and the variables say the rest", async () => {
  const layouts: readonly (readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>, string])[] = [
    [{ "export/Servo": "half_plus_two" }, {}, "Servo"],
    [{ "": "half_plus_two" }, {}, "model"],
    [{ first: "tiny", second: "half_plus_two" }, { SAGEMAKER_TFS_DEFAULT_MODEL_NAME: "second" }, "second"],
  ];
  for (const [layout, variables, name] of layouts) {
    await using scratch = await Scratch.make();
    const folder = join(scratch.path, "model");
    for (const [path, model] of Object.entries(layout)) {
      await scratch.addVersion(join("model", path), { model, version: 1 });
    }
    await using server = await start(folder, { ...variables, SAGEMAKER_TFS_ENABLE_BATCHING: "true" });
    const url = await urlOf(server);
    const init = { method: "POST", body: "1", headers: { "content-type": "application/json" } };
    assert.deepEqual(await ask(`${url}/invocations`, init), [200, '{\n    "predictions": [2.5\n    ]\n}'], name);
    assert.equal((await ask(`${url}/v1/models/${name}/versions/1`))[0], 200, name);
  }
});

Deno.test("Batching's variables bound what is batched", async () => {
  await using scratch = await modelDir({ half_plus_two: "half_plus_two" });
  await using server = await start(scratch.path, {
    SAGEMAKER_TFS_ENABLE_BATCHING: "true",
    SAGEMAKER_TFS_MAX_BATCH_SIZE: "3",
    SAGEMAKER_TFS_INSTANCE_COUNT: "2",
    SAGEMAKER_TFS_INTRA_OP_PARALLELISM: "0",
  });
  const init = { method: "POST", headers: { "content-type": "application/json" } };
  const url = `${await urlOf(server)}/invocations`;
  assert.equal((await ask(url, { ...init, body: "1, 2, 3" }))[0], 200);
  const [status, text] = await ask(url, { ...init, body: "1, 2, 3, 4" });
  assert.equal(status, 400, text);
  assert.match(text, /4.*3/);
  assert.deepEqual(server.events("argument ignored").map(({ note }) => note), [
    "SAGEMAKER_TFS_INSTANCE_COUNT is ignored: one process uses all processors",
  ]);
});

Deno.test("What the container would not serve, or what it does and this does not, is told in one sentence", async () => {
  await using scratch = await modelDir({ tiny: "tiny" });
  await using empty = await Scratch.make();
  await using twins = await modelDir({ "a/tiny": "tiny", "b/tiny": "tiny" });
  await using scripted = await modelDir({ tiny: "tiny" });
  await Deno.mkdir(join(scripted.path, "code"));
  await Deno.writeTextFile(join(scripted.path, "code", "inference.py"), "def handler(data, context): …");
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const inUse = new RegExp(`^ovserve: Cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use`);
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ["/nowhere", "", 1, /^ovserve: Cannot find \/nowhere, where SageMaker puts the models$/],
    [empty.path, "", 1, /^ovserve: No model below .*: put the files of version 1 into the folder NAME\/1 there$/],
    [twins.path, "", 1, /^ovserve: Two models below .* are called tiny$/],
    [scripted.path, "", 2, /^ovserve: .*\/code\/inference\.py cannot be run: scripts are not run/],
    [
      scratch.path,
      "SAGEMAKER_TFS_DEFAULT_MODEL_NAME=big",
      2,
      /^ovserve: SAGEMAKER_TFS_DEFAULT_MODEL_NAME is big, .* tiny/,
    ],
    [scratch.path, "SAGEMAKER_MULTI_MODEL=True", 2, /^ovserve: .* SAGEMAKER_MULTI_MODEL is not supported: models/],
    [scratch.path, "SAGEMAKER_TFS_ENABLE_BATCHING=yes", 2, /^ovserve: .* SAGEMAKER_TFS_ENABLE_BATCHING: expected true/],
    [scratch.path, "SAGEMAKER_SAFE_PORT_RANGE=9000", 2, /^ovserve: .* SAGEMAKER_SAFE_PORT_RANGE: expected two ports/],
    [scratch.path, `SAGEMAKER_SAFE_PORT_RANGE=${port}-${port}`, 1, inUse],
    [scratch.path, `SAGEMAKER_BIND_TO_PORT=${port}`, 1, inUse],
  ];
  const addresses = ["--grpc_bind_address", "127.0.0.1", "--rest_bind_address", "127.0.0.1"];
  for (const [folder, variable, code, sentence] of cases) {
    const ports = variable.startsWith("SAGEMAKER_BIND") ? ["--port", "0"] : ["--rest_port", "any"];
    const through = [ENV, ...(variable === "" ? [] : [variable])];
    const outcome = await runProgram(["sagemaker", "--model_dir", folder, ...addresses, ...ports], { through });
    const complaint = outcome.stderr.trim().split("\n").filter((line) => !line.startsWith("{")).join("\n");
    assert.match(complaint, sentence);
    assert.equal(outcome.code, code);
  }
});
