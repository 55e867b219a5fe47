/**
 * Joins tensors along the first dimension and splits them again: the inputs of requests into those of a batch, and its outputs into
 * theirs.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import {
  DTYPE_BYTES,
  elementCount,
  type NumericDType,
  type NumericTensor,
  type StringTensor,
  type Tensor,
} from "../../base/tensor.ts";

/** Larger memory is not reused but left to the garbage collector. */
const KEPT_BYTES_MAX = 32 << 20;

/** Memory that is reused from one batch to the next, and grows when needed. */
export class GatherMemory {
  #bytes = new Uint8Array(0);

  /** Returns memory with its former content; the same memory each time. */
  take(byteLength: number): Uint8Array {
    if (byteLength > KEPT_BYTES_MAX) return new Uint8Array(byteLength);
    if (this.#bytes.length < byteLength) this.#bytes = new Uint8Array(Math.max(byteLength, 2 * this.#bytes.length));
    return this.#bytes.subarray(0, byteLength);
  }
}

/**
 * Joins tensors along the first dimension.
 *
 * They must have one dtype and rank. If other dimensions differ, the smaller ones are padded with the tensor's own first element, as
 * TensorFlow Serving does with `pad_variable_length_inputs` (tensorflow_serving/batching/batching_util.cc).
 *
 * @param options.extraRows how many copies of the first row, which is known to be valid, follow.
 * @param options.memory receives numbers; new memory by default.
 * @returns a tensor that borrows `memory`.
 * @throws {ServingError} INVALID_ARGUMENT for a tensor without elements that needs padding.
 */
export function gather(
  tensors: readonly Tensor[],
  options: { extraRows?: number; memory?: GatherMemory } = {},
): Tensor {
  const [first] = tensors;
  const rowShape = largestRowShape(tensors);
  const rowElements = elementCount(rowShape);
  const extraRows = options.extraRows ?? 0;
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] as number), extraRows);
  const shape = [rows, ...rowShape];
  return first?.dtype === "string"
    ? { dtype: "string", shape, strings: gatherStrings(tensors as readonly StringTensor[], { rowShape, extraRows }) }
    : gatherNumbers(tensors as readonly NumericTensor[], { ...options, shape, rowShape, rowElements, extraRows });
}

/**
 * Joins the outputs of a request's parts.
 *
 * @returns a tensor that borrows nothing.
 * @throws {ServingError} FAILED_PRECONDITION when their rows differ in shape.
 */
export function concat(tensors: readonly Tensor[]): Tensor {
  const rowShape = largestRowShape(tensors);
  if (tensors.every(({ shape }) => shape.length === rowShape.length + 1 && isRowShape(shape, rowShape))) {
    return gather(tensors);
  }
  throw new ServingError(CODE.FAILED_PRECONDITION, "Cannot join the outputs of a request's parts: their rows differ");
}

function gatherNumbers(
  tensors: readonly NumericTensor[],
  { shape, rowShape, rowElements, extraRows, memory = new GatherMemory() }: {
    shape: readonly number[];
    rowShape: readonly number[];
    rowElements: number;
    extraRows: number;
    memory?: GatherMemory;
  },
): NumericTensor {
  const dtype = (tensors[0] as NumericTensor).dtype;
  const rowBytes = rowElements * DTYPE_BYTES[dtype];
  const bytes = memory.take((shape[0] as number) * rowBytes);
  let offset = 0;
  for (const tensor of tensors) {
    const tensorBytes = (tensor.shape[0] as number) * rowBytes;
    if (isRowShape(tensor.shape, rowShape)) bytes.set(tensor.bytes, offset);
    else padNumbers(tensor, rowShape, bytes.subarray(offset, offset + tensorBytes));
    offset += tensorBytes;
  }
  for (let row = 0; row < extraRows; row++, offset += rowBytes) {
    bytes.copyWithin(offset, 0, rowBytes);
  }
  return { dtype, shape, bytes };
}

function gatherStrings(
  tensors: readonly StringTensor[],
  { rowShape, extraRows }: { rowShape: readonly number[]; extraRows: number },
): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (const tensor of tensors) {
    for (const string of isRowShape(tensor.shape, rowShape) ? tensor.strings : padStrings(tensor, rowShape)) {
      strings.push(string);
    }
  }
  const row = strings.slice(0, elementCount(rowShape));
  for (let i = 0; i < extraRows; i++) strings.push(...row);
  return strings;
}

/** The dimensions after the first, each the largest of all tensors. */
function largestRowShape(tensors: readonly Tensor[]): readonly number[] {
  const rowShape = (tensors[0] as Tensor).shape.slice(1);
  for (let i = 1; i < tensors.length; i++) {
    const { shape } = tensors[i] as Tensor;
    for (let axis = 0; axis < rowShape.length; axis++) {
      const size = shape[axis + 1] as number;
      if (size > (rowShape[axis] as number)) rowShape[axis] = size;
    }
  }
  return rowShape;
}

function isRowShape(shape: readonly number[], rowShape: readonly number[]): boolean {
  for (let axis = 0; axis < rowShape.length; axis++) {
    if (shape[axis + 1] !== rowShape[axis]) return false;
  }
  return true;
}

function padNumbers(tensor: NumericTensor, rowShape: readonly number[], target: Uint8Array): void {
  if (target.length === 0) return;
  checkHasElements(tensor);
  const elementBytes = DTYPE_BYTES[tensor.dtype as NumericDType];
  target.set(tensor.bytes.subarray(0, elementBytes));
  for (let filled = elementBytes; filled < target.length; filled *= 2) target.copyWithin(filled, 0, filled);
  forEachRun(tensor.shape, rowShape, (from, to, length) => {
    target.set(tensor.bytes.subarray(from * elementBytes, (from + length) * elementBytes), to * elementBytes);
  });
}

function padStrings(tensor: StringTensor, rowShape: readonly number[]): Uint8Array[] {
  const count = (tensor.shape[0] as number) * elementCount(rowShape);
  if (count === 0) return [];
  checkHasElements(tensor);
  const strings: Uint8Array[] = Array(count).fill(tensor.strings[0]);
  forEachRun(tensor.shape, rowShape, (from, to, length) => {
    for (let i = 0; i < length; i++) strings[to + i] = tensor.strings[from + i] as Uint8Array;
  });
  return strings;
}

function checkHasElements({ shape }: Tensor): void {
  if (elementCount(shape) > 0) return;
  throw new ServingError(CODE.INVALID_ARGUMENT, "Got empty tensor in batch of non-empty tensors.");
}

/** Calls `copy` for each run of elements that stays contiguous when rows become larger, with indices into both. */
function forEachRun(
  shape: readonly number[],
  rowShape: readonly number[],
  copy: (from: number, to: number, length: number) => void,
): void {
  const axes = rowShape.length;
  const length = shape[axes] as number;
  const runs = elementCount(shape) / length;
  for (let run = 0; run < runs; run++) {
    let rest = run;
    let to = 0;
    let stride = rowShape[axes - 1] as number;
    for (let axis = axes - 1; axis >= 0; axis--) {
      const size = shape[axis] as number;
      to += rest % size * stride;
      rest = Math.floor(rest / size);
      if (axis > 0) stride *= rowShape[axis - 1] as number;
    }
    copy(run * length, to, length);
  }
}

/**
 * Returns some rows of a tensor.
 *
 * @returns a tensor that borrows from the one given.
 */
export function sliceRows(tensor: Tensor, { row, count }: { row: number; count: number }): Tensor {
  const { shape } = tensor;
  const rows = shape[0] as number;
  const sliced = shape.slice();
  sliced[0] = count;
  if (tensor.dtype === "string") {
    const rowStrings = rows === 0 ? 0 : tensor.strings.length / rows;
    return {
      dtype: "string",
      shape: sliced,
      strings: tensor.strings.slice(row * rowStrings, (row + count) * rowStrings),
    };
  }
  const rowBytes = rows === 0 ? 0 : tensor.bytes.length / rows;
  return { dtype: tensor.dtype, shape: sliced, bytes: tensor.bytes.subarray(row * rowBytes, (row + count) * rowBytes) };
}

/**
 * Checks that outputs have a row for each row of a batch.
 *
 * @throws {ServingError} FAILED_PRECONDITION in TensorFlow Serving's words (tensorflow_serving/batching/batching_session.cc).
 */
export function checkRows(outputs: readonly Tensor[], rows: number): void {
  for (const { shape } of outputs) {
    if (shape.length === 0) {
      throw new ServingError(CODE.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions");
    }
    if (shape[0] !== rows) {
      throw new ServingError(
        CODE.FAILED_PRECONDITION,
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
      );
    }
  }
}

/**
 * Returns the number of rows that all inputs of a request have.
 *
 * @throws {ServingError} INVALID_ARGUMENT in TensorFlow Serving's words (`ComputeTensorBatchSize` of batching_util.h).
 */
export function rowCount(inputs: readonly Tensor[]): number {
  let rows: number | undefined;
  for (const { shape } of inputs) {
    const [size] = shape;
    if (size === undefined) {
      throw new ServingError(CODE.INVALID_ARGUMENT, "Batching Run() input tensors must have at least one dimension");
    }
    if (rows !== undefined && size !== rows) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        "Batching Run() input tensors must have equal 0th-dimension size",
      );
    }
    rows = size;
  }
  if (rows === undefined) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "Batching Run() must have at least one input tensor");
  }
  return rows;
}
