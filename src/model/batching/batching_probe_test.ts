import assert from "node:assert/strict";
import type { Tensor } from "../../base/tensor.ts";
import { FakeEngine, type FakeModelFile } from "../../engine/testing/fake_engine.ts";
import type { BatchingOptions } from "./batch_predictor.ts";
import { type BatchingProbe, probeBatching } from "./batching_probe.ts";
import { integers, ToyInferRequest } from "../testing/batching.ts";
import { VersionFolder } from "../testing/loading.ts";

const OPTIONS: BatchingOptions = {
  requestRowsMax: 100,
  batchRowsMax: 100,
  batchTimeoutMs: 0,
  waitingBatchesMax: 10,
  batchesAtOnceMax: 2,
  allowedBatchRows: [4, 8, 100],
  isPadding: false,
};

type Shape = FakeModelFile["inputs"][number]["shape"];

/** A port; without a shape its rank is dynamic. */
function port(name: string, shape: Shape): FakeModelFile["inputs"][number] {
  return { names: [name], dtype: "f32", ...shape === undefined ? {} : { shape } };
}

async function probe(file: FakeModelFile, inLoopBytesMax = 0): Promise<BatchingProbe> {
  using folder = new VersionFolder();
  using engine = new FakeEngine();
  const { path } = folder.writeModel(file);
  using model = await engine.read(path);
  using compiled = await model.compile({ device: "CPU" });
  return await probeBatching(compiled, { options: OPTIONS, inLoopBytesMax });
}

async function reason(inputs: readonly Shape[], outputs: readonly Shape[]): Promise<string> {
  const { options, notes } = await probe({
    inputs: inputs.map((shape, i) => port(`x${i}`, shape)),
    outputs: outputs.map((shape, i) => port(`y${i}`, shape)),
  });
  assert.equal(options === undefined, notes.length === 1);
  return notes.join().replace("Requests are not batched: ", "");
}

Deno.test("probeBatching() accepts a model with dynamic first dimensions", async () => {
  assert.equal(await reason([[-1, 3], [-1]], [[-1, 3], [-1], undefined]), "");
});

Deno.test("probeBatching() reports the shape that prevents batching", async () => {
  assert.equal(await reason([[1, 3]], [[1, 3]]), "the first dimension of the input x0 is always 1");
  assert.equal(await reason([[-1, 3], []], [[-1, 3]]), "the input x1 is a scalar");
  assert.equal(await reason([undefined], [[-1]]), "the input x0 may have any number of dimensions");
  assert.equal(await reason([[-1, 3]], [[1, 3]]), "the first dimension of the output y0 is always 1");
  assert.equal(await reason([[-1, 3]], [[-1, 3], []]), "the output y1 is a scalar");
  assert.equal(await reason([], [[-1]]), "the model has no inputs");
});

Deno.test("probeBatching() finds by a trial that an output has other rows than the inputs", async () => {
  const any = { min: 0, max: Infinity };
  const x = { names: ["x"], dtype: "i32" as const };
  const compiled = {
    inputs: [{ ...x, shape: [any] }, { ...x, shape: [{ min: 4, max: 9 }] }],
    outputs: [{ ...x, shape: [any] }, { names: ["four"], dtype: "i32" as const, shape: undefined }],
    createInferRequest: () => new ToyInferRequest(([x]) => [x as Tensor, integers([4], [1, 2, 3, 4])]),
  };
  const { options, notes } = await probeBatching(compiled, { options: OPTIONS, inLoopBytesMax: 0 });
  assert.equal(options, undefined);
  assert.deepEqual(notes, ["Requests are not batched: the output four has the shape (4) for 5 rows"]);
});

Deno.test("probeBatching() trusts the shapes of a model that rejects zeros", async () => {
  const { options } = await probe({ inputs: [port("x", [-1])], outputs: [port("y", [-1])], failInfer: "no zeros" });
  assert.deepEqual(options, OPTIONS);
});

Deno.test("probeBatching() limits batches to the model's bounds", async () => {
  const { options } = await probe({ inputs: [port("x", [[1, 8], 2])], outputs: [port("y", [-1, 2])] });
  assert.equal(options?.batchRowsMax, 8);
  assert.deepEqual(options?.allowedBatchRows, [4, 8]);
});

Deno.test("probeBatching() measures many rows for the loop, if one row is inferred in it", async () => {
  const file = { inputs: [port("x", [-1, 2])], outputs: [port("y", [-1, 2])] };
  assert.equal((await probe(file)).inLoopBytesMax, 0);
  assert.ok((await probe(file, 8)).inLoopBytesMax > 64, "nothing is quicker than the fake engine");
});
