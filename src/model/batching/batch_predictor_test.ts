import assert from "node:assert/strict";
import { withSeeds } from "../../base/testing/random.ts";
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { elementCount, type Tensor } from "../../base/tensor.ts";
import type { InferRequest } from "../../engine/engine.ts";
import { type BatchingOptions, BatchPredictor } from "./batch_predictor.ts";
import { integers, microtasks, numbersOf, ToyInferRequest } from "../testing/batching.ts";
import { InferRequestPool } from "../infer_request_pool.ts";

const ANY = { min: 0, max: Infinity };
/** A number that fails every inference with it. */
const POISON = 666;

interface RigOptions extends Partial<BatchingOptions> {
  readonly shape?: PartialShape;
  readonly inLoopBytesMax?: number;
  readonly requests?: number;
  /** Whether the engine has no inference on the calling thread. */
  readonly isOffLoopOnly?: boolean;
  readonly compute?: (inputs: readonly Tensor[]) => readonly Tensor[];
}

/** Every number plus one, and each row's sum. */
function plusOneAndSums([input]: readonly Tensor[]): readonly Tensor[] {
  const { shape } = input as Tensor;
  const numbers = numbersOf(input);
  if (numbers.includes(POISON)) throw new ServingError(CODE.INTERNAL, "Cannot infer: poison");
  const rows = shape[0] as number;
  const rowSize = elementCount(shape.slice(1));
  const sums = Array.from({ length: rows }, (_, row) => sum(numbers.slice(row * rowSize, (row + 1) * rowSize)));
  return [integers(shape, numbers.map((number) => number + 1)), integers([rows], sums)];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Shapes and numbers, copied. */
function toNumbers(outputs: readonly Tensor[]): number[][] {
  return outputs.map((output) => [...output.shape, NaN, ...numbersOf(output)]);
}

function withoutInfer(request: InferRequest): InferRequest {
  return { inferAsync: (inputs) => request.inferAsync(inputs), [Symbol.dispose]: () => request[Symbol.dispose]() };
}

/** A predictor on infer requests in memory. Off the loop, inferences end when the test opens the gate. */
class Rig implements Disposable {
  readonly requests: readonly ToyInferRequest[];
  readonly #pool: InferRequestPool;
  readonly #predictor: BatchPredictor;
  #gates: (() => void)[] = [];

  constructor(
    { shape = [ANY, ANY], inLoopBytesMax = Infinity, requests = 1, isOffLoopOnly, compute, ...options }: RigOptions =
      {},
  ) {
    const gate = () => new Promise<void>((resolve) => this.#gates.push(resolve));
    this.requests = Array.from({ length: requests }, () => new ToyInferRequest(compute ?? plusOneAndSums, gate));
    const pooled = isOffLoopOnly ? this.requests.map(withoutInfer) : this.requests;
    this.#pool = new InferRequestPool(pooled, { waitersMax: 0 });
    this.#predictor = new BatchPredictor({
      requestRowsMax: 100,
      batchRowsMax: 100,
      batchTimeoutMs: 0,
      waitingBatchesMax: 10,
      batchesAtOnceMax: 8,
      allowedBatchRows: [],
      isPadding: false,
      ...options,
    }, { pool: this.#pool, inputs: [{ shape }], inLoopBytesMax, batchesAtOnceMax: 8 });
  }

  /** Predicts and returns the result of `use`. */
  predict(
    input: Tensor,
    { signal = new AbortController().signal, use = toNumbers }: { signal?: AbortSignal; use?: typeof toNumbers } = {},
  ): Promise<number[][]> {
    return this.#predictor.predict([input], { caller: { signal }, use });
  }

  open(): void {
    for (const open of this.#gates.splice(0)) open();
  }

  /** The shapes of all batches. */
  get batches(): string[] {
    return this.requests.flatMap(({ seen }) => seen.map(([input]) => String(input?.shape)));
  }

  [Symbol.dispose](): void {
    this.#predictor[Symbol.dispose]();
    this.#pool[Symbol.dispose]();
  }
}

/** The result of {@link Rig.predict} for a lone request. */
function expected(input: Tensor): number[][] {
  return toNumbers(plusOneAndSums([input]));
}

function fails(code: number, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.code === code && message.test(error.message);
}

Deno.test("BatchPredictor infers the requests of one tick together and hands each its rows", async () => {
  using rig = new Rig();
  const inputs = [integers([1, 2], [1, 2]), integers([2, 2], [3, 4, 5, 6]), integers([1, 2], [7, 8])];
  assert.deepEqual(await Promise.all(inputs.map((input) => rig.predict(input))), inputs.map(expected));
  assert.deepEqual(rig.batches, ["4,2"]);
});

Deno.test("BatchPredictor infers small batches in the loop, and larger ones off it", async () => {
  using rig = new Rig({ inLoopBytesMax: 8 });
  const small = rig.predict(integers([1, 2], [1, 2]));
  await small;
  const [a, b] = [rig.predict(integers([1, 2], [1, 2])), rig.predict(integers([1, 2], [3, 4]))];
  await microtasks();
  assert.equal(rig.requests[0]?.isInferring, true);
  rig.open();
  assert.deepEqual(await Promise.all([a, b]), [
    expected(integers([1, 2], [1, 2])),
    expected(integers([1, 2], [3, 4])),
  ]);
  assert.deepEqual(rig.batches, ["1,2", "2,2"]);
});

Deno.test("BatchPredictor never mixes requests of different shapes", async () => {
  using rig = new Rig();
  const inputs = [integers([1, 1], [1]), integers([1, 2], [2, 3]), integers([2, 1], [4, 5]), integers([1, 2], [6, 7])];
  assert.deepEqual(await Promise.all(inputs.map((input) => rig.predict(input))), inputs.map(expected));
  assert.deepEqual(rig.batches.sort(), ["2,2", "3,1"]);
});

Deno.test("BatchPredictor pads requests of different shapes if configured", async () => {
  using rig = new Rig({ isPadding: true });
  const [a, b] = await Promise.all([rig.predict(integers([1, 1], [1])), rig.predict(integers([1, 3], [2, 3, 4]))]);
  assert.deepEqual(rig.batches, ["2,3"]);
  assert.deepEqual(a, expected(integers([1, 3], [1, 1, 1])));
  assert.deepEqual(b, expected(integers([1, 3], [2, 3, 4])));
});

Deno.test("BatchPredictor fills batches up to allowed sizes, and hands out no padding rows", async () => {
  using rig = new Rig({ allowedBatchRows: [2, 4, 100] });
  const inputs = [1, 2, 3].map((value) => integers([1, 1], [value]));
  assert.deepEqual(await Promise.all(inputs.map((input) => rig.predict(input))), inputs.map(expected));
  assert.deepEqual(await rig.predict(integers([1, 1], [9])), expected(integers([1, 1], [9])));
  assert.deepEqual(rig.batches, ["4,1", "2,1"]);
});

Deno.test("BatchPredictor fails only the request that cannot be inferred", async () => {
  using rig = new Rig();
  const outcomes = await Promise.allSettled([1, 2, POISON, 3].map((value) => rig.predict(integers([1, 1], [value]))));
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  const { reason } = outcomes[2] as PromiseRejectedResult;
  assert.ok(fails(CODE.INTERNAL, /^Cannot infer: poison$/)(reason));
});

Deno.test("BatchPredictor fails only the request whose reply cannot be made", async () => {
  using rig = new Rig();
  const error = new Error("no reply");
  const failing = rig.predict(integers([1, 1], [1]), {
    use: () => {
      throw error;
    },
  });
  const good = rig.predict(integers([1, 1], [2]));
  await assert.rejects(failing, error);
  assert.deepEqual(await good, expected(integers([1, 1], [2])));
  assert.deepEqual(rig.batches, ["2,1"]);
});

Deno.test("BatchPredictor drops a request that is no longer wanted", async () => {
  using rig = new Rig({ inLoopBytesMax: 0 });
  const first = rig.predict(integers([1, 1], [1]));
  await microtasks();
  const leaving = new AbortController();
  const left = rig.predict(integers([1, 1], [2]), leaving);
  const stays = rig.predict(integers([1, 1], [3]));
  leaving.abort(new ServingError(CODE.CANCELLED, "The client cancelled the call"));
  rig.open();
  await first;
  await assert.rejects(left, fails(CODE.CANCELLED, /cancelled the call/));
  rig.open();
  await stays;
  assert.deepEqual(rig.batches, ["1,1", "1,1"]);
});

Deno.test("BatchPredictor rejects too many rows, and inputs without a common number of rows", async () => {
  using rig = new Rig({ requestRowsMax: 2, batchRowsMax: 2, waitingBatchesMax: 1, inLoopBytesMax: 0 });
  const argument = (message: RegExp) => fails(CODE.INVALID_ARGUMENT, message);
  assert.throws(
    () => rig.predict(integers([3, 1], [1, 2, 3])),
    argument(/^Task size 3 is larger than maximum input batch size 2$/),
  );
  assert.throws(() => rig.predict(integers([], [1])), argument(/must have at least one dimension$/));
  const running = rig.predict(integers([2, 1], [1, 2]));
  const waiting = rig.predict(integers([2, 1], [3, 4]));
  assert.throws(() => rig.predict(integers([1, 1], [1])), fails(CODE.UNAVAILABLE, /queue .* is full/));
  rig.open();
  await running;
  await microtasks();
  rig.open();
  await waiting;
});

Deno.test("BatchPredictor infers a request larger than a batch in parts and joins them", async () => {
  using rig = new Rig({ batchRowsMax: 2, inLoopBytesMax: 0, requests: 2 });
  const large = integers([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const small = integers([1, 2], [11, 12]);
  const both = Promise.all([rig.predict(large), rig.predict(small)]);
  let isOver = false;
  both.finally(() => isOver = true);
  for (; !isOver; await microtasks()) rig.open();
  assert.deepEqual(await both, [expected(large), expected(small)]);
  assert.deepEqual(rig.batches.sort(), ["2,2", "2,2", "2,2"]);
});

Deno.test("BatchPredictor fails a request in parts only when all parts have released its inputs", async () => {
  using rig = new Rig({ batchRowsMax: 1, inLoopBytesMax: 0, requests: 2 });
  const large = rig.predict(integers([2, 1], [POISON, 1]));
  let isOver = false;
  large.catch(() => isOver = true);
  await microtasks();
  assert.deepEqual(rig.requests.map(({ isInferring }) => isInferring), [true, true]);
  rig.open();
  await assert.rejects(large, fails(CODE.INTERNAL, /poison/));
  assert.equal(isOver, true);
  assert.deepEqual(rig.requests.map(({ isInferring }) => isInferring), [false, false]);
});

Deno.test("BatchPredictor infers requests without rows", async () => {
  using rig = new Rig({ allowedBatchRows: [2, 100] });
  assert.deepEqual(await rig.predict(integers([0, 2], [])), expected(integers([0, 2], [])));
  const inputs = [integers([0, 2], []), integers([1, 2], [1, 2]), integers([0, 2], [])];
  assert.deepEqual(await Promise.all(inputs.map((input) => rig.predict(input))), inputs.map(expected));
  assert.deepEqual(rig.batches, ["0,2", "2,2"]);
});

Deno.test("BatchPredictor infers off the loop where the engine cannot infer in it, requests without rows too", async () => {
  using rig = new Rig({ isOffLoopOnly: true });
  for (const input of [integers([1, 2], [1, 2]), integers([0, 2], [])]) {
    const reply = rig.predict(input);
    await microtasks();
    assert.equal(rig.requests[0]?.isInferring, true);
    rig.open();
    assert.deepEqual(await reply, expected(input));
  }
});

Deno.test("BatchPredictor does not mix up rows when outputs differ from those probed", async () => {
  using rig = new Rig({ compute: ([input]) => [input?.shape[0] === 1 ? input : integers([1], [0])] });
  const inputs = [1, 2, 3].map((value) => integers([1, 1], [value]));
  const answers = await Promise.all(inputs.map((input) => rig.predict(input)));
  assert.deepEqual(answers, [1, 2, 3].map((value) => [[1, 1, NaN, value]]));
});

Deno.test("BatchPredictor answers every request as if it were alone, in any batches", async () => {
  await withSeeds(async (below) => {
    const batchRowsMax = 1 + below(6);
    const allowedBatchRows = below(2) === 0 ? [] : [Math.ceil(batchRowsMax / 2), batchRowsMax];
    using rig = new Rig({
      requestRowsMax: 12,
      batchRowsMax,
      allowedBatchRows,
      waitingBatchesMax: 1000,
      requests: 1 + below(3),
      inLoopBytesMax: below(3) * 16,
      isOffLoopOnly: below(4) === 0,
    });
    const pending: Promise<void>[] = [];
    for (let i = 0; i < 40; i++) {
      const shape = [below(10), 1 + below(2)];
      const isPoison = below(10) === 0 && (shape[0] as number) > 0;
      const input = integers(
        shape,
        Array.from({ length: elementCount(shape) }, (_, at) => isPoison && at === 0 ? POISON : below(500)),
      );
      const leaving = new AbortController();
      const answer = rig.predict(input, leaving);
      const leaves = below(8) === 0;
      pending.push(answer.then((got) => assert.deepEqual(got, expected(input)), (error) => {
        if (isPoison && error instanceof ServingError) return assert.equal(error.message, "Cannot infer: poison");
        assert.ok(leaves && error === leaving.signal.reason, `a request failed with ${error}`);
      }));
      if (leaves) leaving.abort(new Error("left"));
      if (below(4) === 0) rig.open();
      if (below(3) === 0) await Promise.resolve();
    }
    let isOver = false;
    const all = Promise.all(pending).finally(() => isOver = true);
    for (; !isOver; await microtasks()) rig.open();
    await all;
  });
});
