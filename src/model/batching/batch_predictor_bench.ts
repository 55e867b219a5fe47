/** The cost of batching a request, beside the inference, which takes no time here. */
import type { NumericTensor, Tensor } from "../../base/tensor.ts";
import { BatchPredictor } from "./batch_predictor.ts";
import { ToyInferRequest } from "../testing/batching.ts";
import { InferRequestPool } from "../infer_request_pool.ts";

const REQUESTS = 64;
const ROW = 64;

function floats(rows: number): NumericTensor {
  return { dtype: "f32", shape: [rows, ROW], bytes: new Uint8Array(4 * rows * ROW) };
}

class Idle extends ToyInferRequest {
  override infer(inputs: readonly Tensor[]): readonly Tensor[] {
    return inputs;
  }
}

function newPredictor(): BatchPredictor {
  return new BatchPredictor(
    {
      requestRowsMax: 1000,
      batchRowsMax: 1000,
      batchTimeoutMs: 0,
      waitingBatchesMax: 10,
      batchesAtOnceMax: 1,
      allowedBatchRows: [],
      isPadding: false,
    },
    {
      pool: new InferRequestPool([new Idle((inputs) => inputs)], { waitersMax: 0 }),
      inputs: [{ shape: [{ min: 0, max: Infinity }, { min: ROW, max: ROW }] }],
      inLoopBytesMax: Infinity,
      batchesAtOnceMax: 1,
    },
  );
}

const predictor = newPredictor();
const inputs = [floats(1)];
const use = (outputs: readonly Tensor[]): number => outputs.length;

Deno.bench({
  name: `${REQUESTS} requests of a row in one tick`,
  group: "batching",
  async fn(): Promise<void> {
    const answers: Promise<number>[] = [];
    for (let i = 0; i < REQUESTS; i++) {
      answers.push(predictor.predict(inputs, { caller: { signal: new AbortController().signal }, use }));
    }
    await Promise.all(answers);
  },
});

Deno.bench({
  name: "one request of a row in a tick",
  group: "batching",
  async fn(): Promise<void> {
    await predictor.predict(inputs, { caller: { signal: new AbortController().signal }, use });
  },
});
