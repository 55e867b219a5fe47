import assert from "node:assert/strict";
import { withSeeds } from "../../base/testing/random.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { elementCount, type StringTensor, type Tensor } from "../../base/tensor.ts";
import { checkRows, concat, gather, GatherMemory, rowCount, sliceRows } from "./batch_tensors.ts";
import { copyTensor, integers, numbersOf } from "../testing/batching.ts";

function strings(shape: readonly number[], values: readonly string[]): StringTensor {
  return { dtype: "string", shape, strings: values.map((value) => new TextEncoder().encode(value)) };
}

function textsOf(tensor: Tensor | undefined): string[] {
  if (tensor?.dtype !== "string") throw new Error("Not a tensor of strings");
  return tensor.strings.map((bytes) => new TextDecoder().decode(bytes));
}

function fails(code: number, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.code === code && message.test(error.message);
}

Deno.test("gather() joins rows and fills up with copies of the first", () => {
  const tensor = gather([integers([1, 2], [1, 2]), integers([2, 2], [3, 4, 5, 6])], { extraRows: 2 });
  assert.deepEqual(tensor.shape, [5, 2]);
  assert.deepEqual(numbersOf(tensor), [1, 2, 3, 4, 5, 6, 1, 2, 1, 2]);
});

Deno.test("gather() does the same with strings", () => {
  const tensor = gather([strings([1, 2], ["a", "b"]), strings([1, 2], ["c", ""])], { extraRows: 1 });
  assert.deepEqual([tensor.shape, textsOf(tensor)], [[3, 2], ["a", "b", "c", "", "a", "b"]]);
});

Deno.test("gather() reuses memory", () => {
  const memory = new GatherMemory();
  const first = gather([integers([2], [1, 2]), integers([1], [3])], { memory });
  const second = gather([integers([1], [4]), integers([1], [5])], { memory });
  assert.ok(first.dtype === "i32" && second.dtype === "i32");
  assert.equal(first.bytes.buffer, second.bytes.buffer);
  assert.deepEqual(numbersOf(second), [4, 5]);
});

Deno.test("gather() pads smaller rows with their tensor's first element", () => {
  const tensor = gather([integers([1, 1, 2], [1, 2]), integers([2, 2, 1], [3, 4, 5, 6])]);
  assert.deepEqual(tensor.shape, [3, 2, 2]);
  assert.deepEqual(numbersOf(tensor), [1, 2, 1, 1, 3, 3, 4, 3, 5, 3, 6, 3]);
  const words = gather([strings([1, 1], ["a"]), strings([1, 3], ["b", "c", "d"])]);
  assert.deepEqual(textsOf(words), ["a", "a", "a", "b", "c", "d"]);
});

Deno.test("gather() rejects padding a row without elements, and accepts a tensor without rows", () => {
  assert.throws(
    () => gather([integers([1, 0], []), integers([1, 1], [1])]),
    fails(CODE.INVALID_ARGUMENT, /^Got empty tensor in batch of non-empty tensors\.$/),
  );
  assert.deepEqual(numbersOf(gather([integers([0, 3], []), integers([1, 1], [1])])), [1, 1, 1]);
  assert.deepEqual(textsOf(gather([strings([0, 2], []), strings([1, 1], ["a"])])), ["a", "a"]);
});

Deno.test("sliceRows() returns what gather() joined, without copying", () => {
  const whole = gather([integers([1, 2], [1, 2]), integers([2, 2], [3, 4, 5, 6])]);
  const part = sliceRows(whole, { row: 1, count: 2 });
  assert.deepEqual([part.shape, numbersOf(part)], [[2, 2], [3, 4, 5, 6]]);
  assert.ok(part.dtype === "i32" && whole.dtype === "i32");
  assert.equal(part.bytes.buffer, whole.bytes.buffer);
  const words = sliceRows(strings([2, 2], ["a", "b", "c", "d"]), { row: 1, count: 1 });
  assert.deepEqual([words.shape, textsOf(words)], [[1, 2], ["c", "d"]]);
  assert.deepEqual(sliceRows(integers([0, 2], []), { row: 0, count: 0 }).shape, [0, 2]);
});

Deno.test("concat() joins only tensors with rows of the same shape", () => {
  assert.deepEqual(numbersOf(concat([integers([1, 1], [1]), integers([1, 1], [2])])), [1, 2]);
  const fail = fails(CODE.FAILED_PRECONDITION, /their rows differ/);
  assert.throws(() => concat([integers([1, 1], [1]), integers([1, 2], [2, 3])]), fail);
  assert.throws(() => concat([integers([1, 1], [1]), integers([1], [2])]), fail);
});

Deno.test("rowCount() and checkRows() throw TensorFlow Serving's errors for tensors that cannot be batched", () => {
  assert.equal(rowCount([integers([2, 1], [1, 2]), integers([2], [1, 2])]), 2);
  const argument = (message: RegExp) => fails(CODE.INVALID_ARGUMENT, message);
  assert.throws(() => rowCount([]), argument(/^Batching Run\(\) must have at least one input tensor$/));
  assert.throws(() => rowCount([integers([], [1])]), argument(/input tensors must have at least one dimension$/));
  assert.throws(
    () => rowCount([integers([1], [1]), integers([2], [1, 2])]),
    argument(/^Batching Run\(\) input tensors must have equal 0th-dimension size$/),
  );
  checkRows([integers([2], [1, 2])], 2);
  const precondition = (message: RegExp) => fails(CODE.FAILED_PRECONDITION, message);
  assert.throws(() => checkRows([integers([], [1])], 1), precondition(/^Batched output tensor has 0 dimensions$/));
  assert.throws(
    () => checkRows([integers([2], [1, 2]), integers([1], [1])], 2),
    precondition(/^Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of/),
  );
});

/** A number of a tensor, or of what padding makes of it. */
function at(tensor: Tensor, place: readonly number[]): number {
  const numbers = numbersOf(tensor);
  if (place.some((index, axis) => index >= (tensor.shape[axis] as number))) return numbers[0] as number;
  return numbers[place.reduce((sum, index, axis) => sum * (tensor.shape[axis] as number) + index, 0)] as number;
}

function* places(shape: readonly number[]): Generator<number[]> {
  const [size, ...rest] = shape;
  if (size === undefined) return yield [];
  for (let index = 0; index < size; index++) for (const place of places(rest)) yield [index, ...place];
}

Deno.test("gather() pads every shape as an element-by-element definition does, and sliceRows() restores each", async () => {
  await withSeeds((below) => {
    const rank = 1 + below(4);
    const tensors = Array.from({ length: 1 + below(4) }, () => {
      const shape = Array.from({ length: rank }, () => 1 + below(3));
      return integers(shape, Array.from({ length: elementCount(shape) }, () => below(1000)));
    });
    const memory = new GatherMemory();
    gather([integers([50], Array(50).fill(-1))], { memory });
    const whole = copyTensor(gather(tensors, { memory, extraRows: below(3) }));
    let row = 0;
    for (const tensor of tensors) {
      const count = tensor.shape[0] as number;
      const part = sliceRows(whole, { row, count });
      for (const place of places(part.shape)) assert.equal(at(part, place), at(tensor, place));
      row += count;
    }
    const [first] = tensors;
    for (; row < (whole.shape[0] as number); row++) {
      const extra = sliceRows(whole, { row, count: 1 });
      for (const place of places(extra.shape)) assert.equal(at(extra, place), at(first as Tensor, place));
    }
    return Promise.resolve();
  });
});
