/**
 * Tensors: a dtype, a shape and bytes. Independent of OpenVINO's and TensorFlow's names.
 *
 * @module
 */
import { CODE, ServingError } from "./status.ts";

/** Bytes per element of each numeric dtype. */
export const DTYPE_BYTES = {
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  bool: 1,
} as const;

/** An element type of fixed size. */
export type NumericDType = keyof typeof DTYPE_BYTES;

/** Every element type that both OpenVINO and TensorFlow have. */
export type DType = NumericDType | "string";

/** A tensor of numbers: little endian, row major, tightly packed. The functions that pass tensors document who owns `bytes`. */
export interface NumericTensor {
  readonly dtype: NumericDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A tensor of byte strings, row major. */
export interface StringTensor {
  readonly dtype: "string";
  readonly shape: readonly number[];
  readonly strings: readonly Uint8Array[];
}

/** A tensor of any dtype. */
export type Tensor = NumericTensor | StringTensor;

/** A tensor with its name in a request, a reply or a signature. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * Returns the number of elements of a shape; 1 for a scalar.
 *
 * @throws {ServingError} INVALID_ARGUMENT if a dimension is negative or not whole, or the product exceeds 2^53 - 1.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) {
    const dimension = shape[i] as number;
    if (!(dimension >= 0) || !Number.isSafeInteger(dimension)) {
      throw new ServingError(CODE.INVALID_ARGUMENT, `Shape ${formatShape(shape)} has the dimension ${dimension}`);
    }
    count *= dimension;
  }
  if (!Number.isSafeInteger(count)) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `Shape ${formatShape(shape)} holds too many elements`);
  }
  return count;
}

/** Prints a shape as model_server does: `(1,3,224,224)`. */
export function formatShape(shape: readonly number[]): string {
  return `(${shape.join(",")})`;
}

/** Returns the bytes of tensors' elements. */
export function byteLength(tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (const tensor of tensors) {
    if (tensor.dtype !== "string") bytes += tensor.bytes.byteLength;
    else for (const string of tensor.strings) bytes += string.byteLength;
  }
  return bytes;
}
