/** Warm-up requests recorded in a version, with the whole program. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { encodePredictRequest } from "../../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { concat, field, floats, recordFile } from "../../src/model/testing/loading.ts";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { modelPath } from "../support/model_path.ts";
import { type Outcome, runProgram, Server } from "../support/server.ts";

/** A `PredictionLog` of a request to `digits` for images of a shape. */
function predictionLog(shape: readonly number[], { input = "image", signatureName = "" } = {}): Uint8Array {
  const values = Array(shape.reduce((product, size) => product * size, 1)).fill(1);
  const request = encodePredictRequest({
    modelSpec: { name: "any", signatureName },
    inputs: [{ name: input, tensor: floats(values, shape) }],
    outputFilter: [],
  }, { asTensorContent: true });
  return field(6, [field(1, concat(request))]);
}

/** `digits` with a file of warm-up requests, removed at the end of a test. */
class WarmModel implements Disposable {
  readonly path = Deno.makeTempDirSync();

  constructor(requests: Uint8Array) {
    const version = join(this.path, "1");
    Deno.mkdirSync(join(version, "assets.extra"), { recursive: true });
    for (const name of ["digits.xml", "digits.bin"]) {
      Deno.copyFileSync(join(modelPath("digits"), "1", name), join(version, name));
    }
    Deno.writeFileSync(join(version, "assets.extra", "tf_serving_warmup_requests"), requests);
  }

  get arguments(): string[] {
    return ["model", "--model_name", "digits", "--model_path", this.path];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

async function run(requests: Uint8Array): Promise<Outcome> {
  using model = new WarmModel(requests);
  return await runProgram([...model.arguments, "--port", "0", "--grpc_bind_address", "127.0.0.1"]);
}

Deno.test("a version whose warm-up requests succeed is served, and other records are noted", async () => {
  const classify = field(2, [field(1, [field(1, [field(1, "any")])])]);
  const records = [predictionLog([1, 8, 8]), classify, predictionLog([4, 8, 8], { signatureName: "serving_default" })];
  using model = new WarmModel(recordFile(records));
  await using server = await Server.start([...model.arguments, "--num_request_iterations_for_warmup", "3"]);
  const { note } = await server.event("model noted");
  assert.equal(note, "Warm-up requests of Classify are skipped");
  using client = new PredictionClient(server.address);
  const inputs = { image: floatTensor(Array(64).fill(1), [1, 8, 8]) };
  const { outputs } = await client.predict({ model_spec: { name: "digits" }, inputs });
  assert.equal(((outputs as Record<string, Message>).probabilities?.float_val as number[]).length, 10);
});

for (
  const [what, requests, reason] of [
    [
      "a warm-up request of another shape",
      recordFile([predictionLog([1, 8, 8]), predictionLog([1, 9, 8])]),
      /record 2: Invalid input shape - Expected: \(-1,8,8\); Actual: \(1,9,8\); input name: image/,
    ],
    [
      "a warm-up request for another input",
      recordFile([predictionLog([1, 8, 8], { input: "picture" })]),
      /record 1: input tensor alias not found in signature: picture\./,
    ],
    [
      "a warm-up request that is not a PredictRequest",
      recordFile([field(6, [field(1, "?")])]),
      /record 1: Cannot parse message/,
    ],
    [
      "a damaged warm-up file",
      recordFile([predictionLog([1, 8, 8])]).with(100, 0x55),
      /Cannot warm up with .*tf_serving_warmup_requests: corrupted record at 0/,
    ],
    [
      "a truncated warm-up file",
      recordFile([predictionLog([1, 8, 8])]).subarray(0, 100),
      /Cannot warm up with .*tf_serving_warmup_requests: truncated record at 0/,
    ],
  ] as const
) {
  Deno.test(`${what} fails the version`, async () => {
    const { code, stderr } = await run(requests);
    assert.notEqual(code, 0);
    assert.match(stderr, reason);
  });
}
