// deno-lint-ignore-file camelcase -- fields have the names they have on the wire
/** The program as clients see it: three gRPC implementations that are not ours against the numbers OpenVINO itself gives. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { floatTensor, type Message, PredictionClient } from "../../support/prediction_client.ts";
import { python } from "../../support/python.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";
import { findTool } from "../../support/tools.ts";

const interpreter = await python();
const grpcurl = await findTool("grpcurl");
const HERE = fileURLToPath(new URL("./", import.meta.url));
const PROTOS = fileURLToPath(new URL("../../../protos", import.meta.url));

/** A tensor as the Python programs print it. */
interface PrintedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string;
}
type PrintedTensors = Record<string, PrintedTensor>;

/** Runs a program with a text on its standard input. */
async function run(program: string, args: readonly string[], input: string): Promise<string> {
  const process = new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function sampleRequest(): Promise<{ inputs: { image: { float_val: number[] } } }> {
  return JSON.parse(await Deno.readTextFile(`${modelPath("digits")}/samples/grpc.json`));
}

async function sampleImages(): Promise<Float32Array> {
  return Float32Array.from((await sampleRequest()).inputs.image.float_val);
}

function printed(images: Float32Array): string {
  const image = {
    dtype: "float32",
    shape: [images.length / 64, 8, 8],
    data: Buffer.from(images.buffer).toString("base64"),
  };
  return JSON.stringify({ image });
}

async function referenceAnswer(images: Float32Array): Promise<PrintedTensors> {
  const args = [`${HERE}clients/reference.py`, `${modelPath("digits")}/1/digits.xml`];
  return JSON.parse(await run(interpreter as string, args, printed(images)));
}

/** The bytes of an answer's tensor that grpc-js received or grpcurl printed, whichever field they came in. */
function bytesOf(tensor: Message): string {
  const values = tensor.dtype === "DT_FLOAT"
    ? Float32Array.from(tensor.float_val as number[])
    : BigInt64Array.from((tensor.int64_val as string[]).map(BigInt));
  return Buffer.from(values.buffer).toString("base64");
}

function digitsServer(): Promise<Server> {
  return Server.start([
    "model",
    "--model_name",
    "digits",
    "--model_path",
    modelPath("digits"),
    "--convert_inputs=false",
  ]);
}

Deno.test({
  name: "grpcio, grpc-js and grpcurl get OpenVINO's own numbers to the last bit",
  ignore: interpreter === undefined || grpcurl === undefined,
  async fn(): Promise<void> {
    const images = await sampleImages();
    const expected = await referenceAnswer(images);
    await using server = await digitsServer();

    const fromGrpcio = await run(
      interpreter as string,
      [`${HERE}clients/grpcio_predict.py`, server.address, PROTOS, "digits"],
      printed(images),
    );
    assert.deepEqual(JSON.parse(fromGrpcio), [expected, expected]);

    using client = new PredictionClient(server.address);
    const image = floatTensor([...images], [images.length / 64, 8, 8]);
    const answer = await client.predict({ model_spec: { name: "digits" }, inputs: { image } });
    const outputs = answer.outputs as Record<string, Message>;
    for (const [name, { data }] of Object.entries(expected)) {
      assert.equal(bytesOf(outputs[name] as Message), data, name);
    }

    const fromGrpcurl = await run(
      grpcurl as string,
      [
        ...["-plaintext", "-import-path", PROTOS, "-proto", "tensorflow_serving/apis/prediction_service.proto"],
        ...["-d", "@", server.address, "tensorflow.serving.PredictionService/Predict"],
      ],
      JSON.stringify(await sampleRequest()),
    );
    const shown = JSON.parse(fromGrpcurl).outputs;
    assert.equal(bytesOf({ dtype: "DT_FLOAT", float_val: shown.probabilities.floatVal }), expected.probabilities?.data);
    assert.equal(bytesOf({ dtype: "DT_INT64", int64_val: shown.digit.int64Val }), expected.digit?.data);
  },
});

Deno.test("A reply names the model, the version and the signature, and the digits are right", async () => {
  const images = await sampleImages();
  await using server = await digitsServer();
  using client = new PredictionClient(server.address);
  const image = floatTensor([...images], [images.length / 64, 8, 8]);
  const answer = await client.predict({ model_spec: { name: "digits" }, inputs: { image } });
  const { name, version, signature_name } = answer.model_spec as Message;
  assert.deepEqual([name, (version as Message).value, signature_name], ["digits", "1", "serving_default"]);
  const { int64_val: digits } = (answer.outputs as Record<string, Message>).digit as Message;
  assert.deepEqual(digits, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

Deno.test("GetModelMetadata and GetModelStatus describe the model that serves", async () => {
  await using server = await digitsServer();
  using client = new PredictionClient(server.address);
  const request = { model_spec: { name: "digits" }, metadata_field: ["signature_def"] };
  const metadata = await client.call("tensorflow.serving.PredictionService", "GetModelMetadata", { request });
  const any = (metadata.metadata as Record<string, Message>).signature_def as Message;
  assert.equal(any.type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
  const text = (any.value as Buffer).toString("latin1");
  for (const part of ["serving_default", "image", "probabilities", "digit", "tensorflow/serving/predict"]) {
    assert(text.includes(part), part);
  }

  const status = await client.call("tensorflow.serving.ModelService", "GetModelStatus", { request });
  assert.deepEqual(status.model_version_status, [
    { version: "1", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
  ]);
});

/** gRPC's codes, by the numbers grpc-js reports. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const UNIMPLEMENTED = 12;

Deno.test("A request that is wrong gets the code and the sentence that say why, and the connection lives on", async () => {
  await using server = await digitsServer();
  using client = new PredictionClient(server.address);
  const image = floatTensor(new Array(64).fill(0), [1, 8, 8]);
  const spec = { name: "digits" };
  const cases: [Message, number, string][] = [
    [{ inputs: { image } }, INVALID_ARGUMENT, "Missing ModelSpec"],
    [{ model_spec: {}, inputs: { image } }, INVALID_ARGUMENT, "ModelSpec has no name specified."],
    [{ model_spec: { name: "dogs" }, inputs: { image } }, NOT_FOUND, "Servable not found for request: Latest(dogs)"],
    [
      { model_spec: { name: "digits", version: { value: "7" } }, inputs: { image } },
      NOT_FOUND,
      "Servable not found for request: Specific(digits, 7)",
    ],
    [
      { model_spec: { name: "digits", version_label: "stable" }, inputs: { image } },
      INVALID_ARGUMENT,
      "Unrecognized servable version label: stable",
    ],
    [
      { model_spec: { name: "digits", signature_name: "classify" }, inputs: { image } },
      FAILED_PRECONDITION,
      'Serving signature key "classify" not found.',
    ],
    [
      { model_spec: spec, inputs: {} },
      INVALID_ARGUMENT,
      "input size does not match signature: 0!=1 len({}) != len({image}). Sent extra: {}. Missing but required: {image}.",
    ],
    [
      { model_spec: spec, inputs: { picture: image } },
      INVALID_ARGUMENT,
      "input tensor alias not found in signature: picture. Inputs expected to be in the set {image}.",
    ],
    [
      { model_spec: spec, inputs: { image }, output_filter: ["color"] },
      INVALID_ARGUMENT,
      "output tensor alias not found in signature: color Outputs expected to be in the set {digit,probabilities}.",
    ],
    [
      { model_spec: spec, inputs: { image: { ...image, dtype: "DT_INT32" } } },
      INVALID_ARGUMENT,
      "Invalid input precision - Expected: FP32; Actual: I32; input name: image",
    ],
    [
      { model_spec: spec, inputs: { image: floatTensor(new Array(64).fill(0), [8, 8]) } },
      INVALID_ARGUMENT,
      "Invalid number of shape dimensions - Expected: (-1,8,8); Actual: (8,8); input name: image",
    ],
    [
      { model_spec: spec, inputs: { image: floatTensor(new Array(72).fill(0), [1, 9, 8]) } },
      INVALID_ARGUMENT,
      "Invalid input shape - Expected: (-1,8,8); Actual: (1,9,8); input name: image",
    ],
    [
      { model_spec: spec, inputs: { image: floatTensor([0], [1, 8, 8]) } },
      INVALID_ARGUMENT,
      "tensor parsing error: image",
    ],
  ];
  for (const [request, code, details] of cases) {
    await assert.rejects(client.predict(request), { code, details });
  }

  const predict = "/tensorflow.serving.PredictionService/Predict";
  const garbage = client.callRaw(predict, { message: new Uint8Array([0xff, 0xff, 0xff]) });
  await assert.rejects(garbage, { code: INVALID_ARGUMENT });
  const unknown = "/tensorflow.serving.SessionService/SessionRun";
  await assert.rejects(client.callRaw(unknown, { message: new Uint8Array() }), { code: UNIMPLEMENTED });

  const answer = await client.predict({ model_spec: spec, inputs: { image }, output_filter: ["digit"] });
  assert.deepEqual(Object.keys(answer.outputs as Message), ["digit"]);
});
