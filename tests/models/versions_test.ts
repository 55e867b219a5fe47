// deno-lint-ignore-file camelcase -- fields have the names of the wire
/**
 * Versions are added and removed under each policy, and both APIs report the same: which version answers, its inputs, its state. The
 * behaviours that users of ie_serving rely on.
 */
import assert from "node:assert/strict";
import {
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
} from "../../src/apis/tensorflow_serving/grpc/model_codec.ts";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { type ModelChanges, Scratch } from "../support/scratch.ts";
import { Server } from "../support/server.ts";

/** Models with different inputs, as versions of one model. */
const MODELS = ["half_plus_two", "digits", "tiny", "mixed"];
const INPUTS = ["x [-1]", "image [-1,8,8]", "x [1,1]", "many"];

/** A server of models in a folder, called over gRPC and REST. */
class Rig implements AsyncDisposable {
  readonly scratch: Scratch;
  readonly server: Server;
  readonly client: PredictionClient;
  readonly #rest: string;

  private constructor(scratch: Scratch, server: Server) {
    this.scratch = scratch;
    this.server = server;
    this.client = new PredictionClient(server.address);
    this.#rest = `http://${server.events("server started")[0]?.rest}/v1/models`;
  }

  /** @param prepare adds versions before the server starts. */
  static async start(
    models: Readonly<Record<string, ModelChanges>>,
    prepare: (scratch: Scratch) => Promise<void>,
  ): Promise<Rig> {
    await using resources = new AsyncDisposableStack();
    const scratch = resources.use(await Scratch.make());
    await prepare(scratch);
    const server = await Server.start([
      ...["config", "--config_path", await scratch.writeConfig(models), "--file_system_poll_wait_seconds", "0.05"],
      ...["--rest_port", "any", "--rest_bind_address", "127.0.0.1"],
    ]);
    resources.move();
    return new Rig(scratch, server);
  }

  /** The input of a version, or of the newest, as both APIs report it; `none` if there is no such version. */
  async input(name: string, version?: number): Promise<string> {
    const [overGrpc, overRest] = await Promise.all([this.#grpcInput(name, version), this.#restInput(name, version)]);
    assert.equal(overRest, overGrpc);
    return overGrpc;
  }

  /** The states of the versions, the newest first, as both APIs report them. */
  async states(name: string, version?: number): Promise<string[]> {
    const model_spec = version === undefined ? { name } : { name, version: { value: version } };
    const service = "tensorflow.serving.ModelService";
    const overGrpc = await this.client.call(service, "GetModelStatus", { request: { model_spec } }).then(
      ({ model_version_status: states }) => (states as Message[]).map(stateOf),
      ({ details }) => [details as string],
    );
    const { model_version_status: states, error } = await this.get(pathOf(name, version));
    assert.deepEqual(error === undefined ? (states as Message[]).map(stateOf) : [error], overGrpc);
    return overGrpc;
  }

  /** Waits until a version has entered a state for the `count`th time. */
  async state(name: string, { version, state, count = 1 }: { version: number; state: string; count?: number }): Promise<
    void
  > {
    const isMeant = (event: Message) => event.name === name && event.version === version && event.state === state;
    const events = () => this.server.events("version state changed").filter(isMeant);
    await this.server.until(() => events().length >= count, `${name} ${version} ${state}`);
  }

  async get(path: string): Promise<Message> {
    return await (await fetch(`${this.#rest}/${path}`)).json();
  }

  async post(path: string, body: unknown): Promise<Message> {
    return await (await fetch(`${this.#rest}/${path}`, { method: "POST", body: JSON.stringify(body) })).json();
  }

  async remove(name: string, version: number): Promise<void> {
    await Deno.remove(`${this.scratch.path}/${name}/${version}`, { recursive: true });
  }

  async #grpcInput(name: string, version?: number): Promise<string> {
    const modelSpec = { name, signatureName: "", ...(version === undefined ? {} : { version: BigInt(version) }) };
    const message = encodeGetModelMetadataRequest({ modelSpec, metadataFields: ["signature_def"] });
    const path = "/tensorflow.serving.PredictionService/GetModelMetadata";
    const reply = await this.client.callRaw(path, { message }).catch(({ details }) => details as string);
    if (typeof reply === "string") return reply;
    const { inputs = [] } = decodeGetModelMetadataResponse(reply).signatures.get("serving_default") ?? {};
    return shown(inputs.map(({ name, shape = [] }) => [name, shape.map(({ min, max }) => min === max ? min : -1)]));
  }

  async #restInput(name: string, version?: number): Promise<string> {
    const { metadata, error } = await this.get(`${pathOf(name, version)}/metadata`);
    if (error !== undefined) return error as string;
    const { signature_def: { signature_def: { serving_default: { inputs } } } } = metadata as {
      signature_def: {
        signature_def: { serving_default: { inputs: Record<string, { tensor_shape: { dim: { size: string }[] } }> } };
      };
    };
    return shown(
      Object.entries(inputs).map(([name, { tensor_shape: { dim } }]) => [name, dim.map(({ size }) => Number(size))]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

function pathOf(name: string, version?: number): string {
  return version === undefined ? name : `${name}/versions/${version}`;
}

function stateOf({ version, state, status }: Message): string {
  const { error_code: code, error_message: message } = status as Message;
  return `${version} ${state} ${code}${message === "" ? "" : `: ${message}`}`;
}

function shown(inputs: readonly (readonly [string, readonly unknown[]])[]): string {
  const [first, ...others] = inputs;
  return others.length > 0 ? "many" : `${first?.[0]} [${first?.[1]}]`;
}

/** Adds the first model as version 1, the second as version 2, and so on. */
async function addVersions(scratch: Scratch, name: string, versions: readonly number[]): Promise<void> {
  for (const version of versions) {
    await scratch.addVersion(name, { model: MODELS[version - 1] as string, version });
  }
}

Deno.test("each version serves the model of its folder, and requests without a version get the newest", async () => {
  await using rig = await Rig.start(
    { m: { model_version_policy: { all: {} } } },
    (scratch) => addVersions(scratch, "m", [1, 3]),
  );
  assert.deepEqual([await rig.input("m", 1), await rig.input("m", 3), await rig.input("m")], [
    INPUTS[0],
    INPUTS[2],
    INPUTS[2],
  ]);
  assert.deepEqual(await rig.states("m"), ["3 AVAILABLE OK", "1 AVAILABLE OK"]);
  assert.deepEqual(await rig.states("m", 1), ["1 AVAILABLE OK"]);
  const half = { model_spec: { name: "m", version: { value: 1 } }, inputs: { x: floatTensor([10, 20]) } };
  assert.deepEqual(((await rig.client.predict(half)).outputs as Record<string, Message>).y?.float_val, [7, 12]);
  const tiny = { model_spec: { name: "m" }, inputs: { x: floatTensor([10], [1, 1]) } };
  assert.deepEqual(((await rig.client.predict(tiny)).outputs as Record<string, Message>).y?.float_val, [21]);
  assert.deepEqual(await rig.post("m/versions/1:predict", { instances: [10, 20] }), { predictions: [7, 12] });
  assert.deepEqual(await rig.post("m:predict", { inputs: [[10]] }), { outputs: [[21]] });
});

Deno.test("each model's policy chooses among its versions", async () => {
  const policies = {
    all: { policy: { all: {} }, served: [1, 2, 3] },
    specific: { policy: { specific: { versions: [1, 3] } }, served: [1, 3] },
    latest: { policy: { latest: { num_versions: 2 } }, served: [2, 3] },
    newest: { policy: undefined, served: [3] },
  };
  const changes = Object.entries(policies).map(([name, { policy }]) =>
    [name, policy === undefined ? {} : { model_version_policy: policy }] as const
  );
  await using rig = await Rig.start(Object.fromEntries(changes), async (scratch) => {
    for (const name of Object.keys(policies)) await addVersions(scratch, name, [1, 2, 3]);
  });
  for (const [name, { served }] of Object.entries(policies)) {
    for (const version of [1, 2, 3]) {
      const isServed = served.includes(version);
      const missing = [
        `Servable not found for request: Specific(${name}, ${version})`,
        `Could not find version ${version} of model ${name}`,
      ];
      const answers = [await rig.input(name, version), (await rig.states(name, version)).join()];
      assert.deepEqual(answers, isServed ? [INPUTS[version - 1], `${version} AVAILABLE OK`] : missing);
    }
    assert.equal((await rig.states(name)).length, served.length);
  }
});

Deno.test("under a specific policy versions are served as they are added, removed and added again", async () => {
  await using rig = await Rig.start(
    { m: { model_version_policy: { specific: { versions: [1, 3, 4] } } } },
    (scratch) => addVersions(scratch, "m", [1, 4]),
  );
  assert.deepEqual(await rig.states("m"), ["4 AVAILABLE OK", "1 AVAILABLE OK"]);
  assert.deepEqual([await rig.input("m", 1), await rig.input("m")], [INPUTS[0], INPUTS[3]]);

  await rig.remove("m", 4);
  await addVersions(rig.scratch, "m", [2, 3]);
  await rig.state("m", { version: 3, state: "available" });
  await rig.state("m", { version: 4, state: "end" });
  assert.deepEqual(await rig.states("m"), ["4 END OK", "3 AVAILABLE OK", "1 AVAILABLE OK"]);
  assert.deepEqual([await rig.input("m", 3), await rig.input("m")], [INPUTS[2], INPUTS[2]]);

  await addVersions(rig.scratch, "m", [4]);
  await rig.state("m", { version: 4, state: "available", count: 2 });
  assert.deepEqual(await rig.states("m"), ["4 AVAILABLE OK", "3 AVAILABLE OK", "1 AVAILABLE OK"]);
  assert.deepEqual([await rig.input("m", 1), await rig.input("m", 3), await rig.input("m")], [
    INPUTS[0],
    INPUTS[2],
    INPUTS[3],
  ]);
});

Deno.test("under ie_serving's default policy a new version replaces the old one", async () => {
  await using rig = await Rig.start({ m: {} }, (scratch) => addVersions(scratch, "m", [1]));
  assert.deepEqual(await rig.states("m"), ["1 AVAILABLE OK"]);
  assert.equal(await rig.input("m"), INPUTS[0]);
  await addVersions(rig.scratch, "m", [2]);
  await rig.state("m", { version: 1, state: "end" });
  assert.deepEqual(await rig.states("m"), ["2 AVAILABLE OK", "1 END OK"]);
  assert.equal(await rig.input("m"), INPUTS[1]);
  await rig.remove("m", 2);
  await rig.state("m", { version: 2, state: "end" });
  assert.deepEqual(await rig.states("m"), ["2 END OK", "1 AVAILABLE OK"]);
  assert.equal(await rig.input("m"), INPUTS[0]);
});

Deno.test("mapping_config.json names inputs and outputs, in row and column format, for each version by itself", async () => {
  await using rig = await Rig.start({ m: { model_version_policy: { all: {} } } }, async (scratch) => {
    await addVersions(scratch, "m", [1]);
    await scratch.addVersion("m", { model: "half_plus_two", version: 2 });
    const mapping = JSON.stringify({ inputs: { x: "new_key" }, outputs: { y: "half" } });
    await Deno.writeTextFile(`${scratch.path}/m/2/mapping_config.json`, mapping);
  });
  assert.deepEqual([await rig.input("m", 1), await rig.input("m", 2)], ["x [-1]", "new_key [-1]"]);
  const request = { model_spec: { name: "m" }, inputs: { new_key: floatTensor([10, 20]) } };
  assert.deepEqual(((await rig.client.predict(request)).outputs as Record<string, Message>).half?.float_val, [7, 12]);
  for (
    const [body, reply] of [
      [{ instances: [10, 20] }, { predictions: [7, 12] }],
      [{ instances: [{ new_key: 10 }, { new_key: 20 }] }, { predictions: [7, 12] }],
      [{ inputs: [10, 20] }, { outputs: [7, 12] }],
      [{ inputs: { new_key: [10, 20] } }, { outputs: [7, 12] }],
    ]
  ) {
    assert.deepEqual(await rig.post("m:predict", body), reply);
  }
  assert.match(String((await rig.post("m:predict", { inputs: { x: [10] } })).error), /^Missing named input: new_key /);
});

Deno.test("shapes of the file apply with and without names, and auto accepts any shape, over both APIs", async () => {
  const names = { auto: "auto", named: { image: "(2,8,8)" }, unnamed: "(2,8,8)" };
  const models = Object.fromEntries(Object.entries(names).map(([name, shape]) => [name, { shape }]));
  await using rig = await Rig.start(models, async (scratch) => {
    for (const name of Object.keys(names)) await scratch.addVersion(name, { model: "digits", version: 1 });
  });
  const zeros = (rows: number) => Array.from({ length: rows }, () => Array.from({ length: 8 }, () => Array(8).fill(0)));
  for (const name of Object.keys(names)) {
    for (const rows of [2, 1, 5, 2]) {
      const image = floatTensor(Array(rows * 64).fill(0), [rows, 8, 8]);
      const overGrpc = await rig.client.predict({ model_spec: { name }, inputs: { image } }).then(
        ({ outputs }) => ((outputs as Record<string, Message>).digit?.int64_val as string[]).length,
        ({ details }) => details as string,
      );
      const { outputs, error } = await rig.post(`${name}:predict`, { inputs: { image: zeros(rows) } });
      assert.equal(error ?? (outputs as { digit: number[] }).digit.length, overGrpc);
      const refusal = `Invalid input shape - Expected: (2,8,8); Actual: (${rows},8,8); input name: image`;
      assert.equal(overGrpc, name === "auto" || rows === 2 ? rows : refusal);
    }
  }
});
