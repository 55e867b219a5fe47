// deno-lint-ignore-file camelcase -- fields have the names of the wire
/** Serves one small model of each format that OpenVINO reads: names, signatures, mappings, devices, caches. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Signature } from "../../src/base/signature.ts";
import {
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
} from "../../src/apis/tensorflow_serving/grpc/model_codec.ts";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";

const MODELS = fileURLToPath(new URL("./formats/", import.meta.url));

/** A server of one model, and its client. */
class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly client: PredictionClient;

  private constructor(server: Server) {
    this.server = server;
    this.client = new PredictionClient(server.address);
  }

  static async start(path: string, ...args: string[]): Promise<Rig> {
    return new Rig(await Server.start(["model", "--model_name", "m", "--model_path", path, ...args]));
  }

  /** The outputs, as numbers by name. */
  async predict(inputs: Message, signature_name = ""): Promise<Record<string, number[]>> {
    const { outputs } = await this.client.predict({ model_spec: { name: "m", signature_name }, inputs });
    return Object.fromEntries(
      Object.entries(outputs as Record<string, Message>).map(([name, { float_val, int64_val }]) => {
        const values = (float_val as number[]).length > 0 ? float_val : int64_val;
        return [name, (values as (number | string)[]).map(Number)];
      }),
    );
  }

  async signatures(): Promise<ReadonlyMap<string, Signature>> {
    const modelSpec = { name: "m", signatureName: "" };
    const message = encodeGetModelMetadataRequest({ modelSpec, metadataFields: ["signature_def"] });
    const path = "/tensorflow.serving.PredictionService/GetModelMetadata";
    return decodeGetModelMetadataResponse(await this.client.callRaw(path, { message })).signatures;
  }

  /** The notes that loading logged. */
  notes(): string[] {
    const events = this.server.log.split("\n").map((line) => JSON.parse(line));
    return events.filter(({ event }) => event === "model noted").map(({ note }) => note);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** A model's folder with one more file in its version, removed at the end of a test. */
class ModelCopy implements Disposable {
  readonly path = Deno.makeTempDirSync();

  constructor(source: string, added: Readonly<Record<string, string>> = {}) {
    const version = join(this.path, "1");
    Deno.mkdirSync(version);
    for (const { name } of Deno.readDirSync(join(source, "1"))) {
      Deno.copyFileSync(join(source, "1", name), join(version, name));
    }
    for (const [name, text] of Object.entries(added)) Deno.writeTextFileSync(join(version, name), text);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const ROW = floatTensor([1, 2, 3], [1, 3]);

for (
  const { format, inputs, outputs } of [
    { format: "onnx", inputs: { x: ROW, bias: floatTensor([10, 20, 30]) }, outputs: { y: [12, 24, 36] } },
    { format: "saved_model", inputs: { image: ROW }, outputs: { scores: [16, 22], class: [1] } },
    { format: "frozen_graph", inputs: { "x:0": ROW }, outputs: { "y:0": [3, 5, 7] } },
    { format: "tflite", inputs: { x: ROW }, outputs: { Identity: [3, 5, 7] } },
    { format: "paddle", inputs: { x: ROW }, outputs: { y: [3, 5, 7] } },
  ]
) {
  Deno.test(`a model of the format ${format} is served`, async () => {
    await using rig = await Rig.start(`${MODELS}${format}`);
    assert.deepEqual(await rig.predict(inputs), outputs);
  });
}

Deno.test("a SavedModel's signatures keep their names, tensors and methods", async () => {
  await using rig = await Rig.start(`${MODELS}saved_model`);
  assert.deepEqual(await rig.predict({ inputs: ROW }, "only_scores"), { scores: [16, 22] });
  const signatures = await rig.signatures();
  const names = (specs: Signature["inputs"]) => specs.map(({ name, tensorName }) => `${name} = ${tensorName}`);
  assert.deepEqual([...signatures.keys()].sort(), ["only_scores", "other", "serving_default"]);
  assert.deepEqual(names(signatures.get("serving_default")?.inputs ?? []), ["image = pixels:0"]);
  assert.deepEqual(names(signatures.get("serving_default")?.outputs ?? []).sort(), [
    "class = best:0",
    "scores = product:0",
  ]);
  assert.equal(signatures.get("serving_default")?.methodName, "tensorflow/serving/predict");
  assert.equal(signatures.get("only_scores")?.methodName, "tensorflow/serving/regress");
  assert.deepEqual(await rig.predict({ z: ROW }, "other"), { q: [2, 4, 6] });
  await assert.rejects(() => rig.predict({ z: ROW }, "another"), /Serving signature key "another" not found\./);
  assert.deepEqual(rig.notes(), []);
});

Deno.test("a tensor with two names, and one passed through, have all names of the signature", async () => {
  await using rig = await Rig.start(`${MODELS}aliases`);
  assert.deepEqual(await rig.predict({ x: ROW }), {
    a: [2, 4, 6],
    z: [2, 4, 6],
    b: [3, 6, 9],
    through: [1, 2, 3],
  });
});

Deno.test("mapping_config.json renames inputs and outputs", async () => {
  const mapping = JSON.stringify({ inputs: { x: "image" }, outputs: { y: "scores" } });
  using model = new ModelCopy(`${MODELS}onnx`, { "mapping_config.json": mapping });
  await using rig = await Rig.start(model.path);
  const bias = floatTensor([0, 0, 0]);
  assert.deepEqual(await rig.predict({ image: ROW, bias }), { scores: [2, 4, 6] });
  await assert.rejects(() => rig.predict({ x: ROW, bias }), /input tensor alias not found in signature: x\./);
  const [input] = (await rig.signatures()).get("serving_default")?.inputs ?? [];
  assert.equal(input?.tensorName, "x");
});

Deno.test("mapping_config.json with an unknown tensor fails the version, with the reason", async () => {
  using model = new ModelCopy(`${MODELS}onnx`, { "mapping_config.json": `{"inputs": {"pixels": "image"}}` });
  const { code, stderr } = await runProgram(["model", "--model_name", "m", "--model_path", model.path, "--port", "0"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /Cannot use mapping_config\.json: the model has no input pixels, its inputs are x, bias/);
});

for (
  const [args, message] of [
    [["--target_device", "NPU"], /Cannot compile the model for the device NPU: this machine has CPU/],
    [["--target_device", "FPGA"], /Cannot compile the model for the device FPGA: this machine has CPU/],
    [["--plugin_config", `{"NUM_STRAEMS": 2}`], /Cannot compile the model: Unsupported property NUM_STRAEMS/],
    [["--plugin_config", `{"NUM_STREAMS": "many"}`], /Cannot compile the model: .*many/],
  ] as const
) {
  Deno.test(`${args.join(" ")} is rejected in one sentence`, async () => {
    const common = ["model", "--model_name", "m", "--model_path", modelPath("tiny"), "--port", "0"];
    const { code, stderr } = await runProgram([...common, ...args]);
    assert.notEqual(code, 0);
    assert.match(stderr, message);
  });
}

Deno.test("AUTO and HETERO serve with the devices of the machine", async () => {
  for (const device of ["AUTO", "HETERO:CPU"]) {
    await using rig = await Rig.start(`${MODELS}onnx`, "--target_device", device);
    assert.deepEqual(await rig.predict({ x: ROW, bias: floatTensor([1, 1, 1]) }), { y: [3, 5, 7] });
  }
});

Deno.test("--cache_dir is filled, reused, and ignored if it is unusable", async () => {
  using cache = new ModelCopy(`${MODELS}onnx`);
  const folder = join(cache.path, "cache");
  const inputs = { x: ROW, bias: floatTensor([1, 1, 1]) };
  for (let start = 0; start < 2; start++) {
    await using rig = await Rig.start(`${MODELS}onnx`, "--cache_dir", folder);
    assert.deepEqual(await rig.predict(inputs), { y: [3, 5, 7] });
    assert.deepEqual(rig.notes(), []);
  }
  const blobs = await Array.fromAsync(Deno.readDir(folder), ({ name }) => join(folder, name));
  assert.deepEqual(blobs.map((path) => path.endsWith(".blob")), [true]);
  for (const path of blobs) {
    await Deno.chmod(path, 0o600);
    await Deno.truncate(path, 100);
  }
  await using damaged = await Rig.start(`${MODELS}onnx`, "--cache_dir", folder);
  assert.deepEqual(await damaged.predict(inputs), { y: [3, 5, 7] });
  const blocked = join(cache.path, "1", "model.onnx", "cache");
  await using rig = await Rig.start(`${MODELS}onnx`, "--cache_dir", blocked);
  assert.deepEqual(await rig.predict(inputs), { y: [3, 5, 7] });
  const [note] = rig.notes();
  assert.match(note ?? "", /^Compiled without the cache in .*: Cannot compile the model: Couldn't create directory/);
});
