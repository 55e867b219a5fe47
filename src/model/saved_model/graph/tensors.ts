/**
 * Small tensors for graphs, made of plain numbers and read as such.
 *
 * @module
 */
import type { NumericTensor, StringTensor, Tensor } from "../../../base/tensor.ts";

/** A tensor of 32-bit integers; a scalar unless a shape is given. */
export function int32s(values: readonly number[], shape: readonly number[] = [values.length]): NumericTensor {
  return { dtype: "i32", shape, bytes: new Uint8Array(Int32Array.from(values).buffer) };
}

/** A tensor of 64-bit integers. */
export function int64s(
  values: readonly (number | bigint)[],
  shape: readonly number[] = [values.length],
): NumericTensor {
  return { dtype: "i64", shape, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** A tensor of floats. */
export function float32s(values: readonly number[], shape: readonly number[] = [values.length]): NumericTensor {
  return { dtype: "f32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A tensor of byte strings. */
export function stringTensor(
  strings: readonly Uint8Array[],
  shape: readonly number[] = [strings.length],
): StringTensor {
  return { dtype: "string", shape, strings };
}

/** The values of a tensor of integers as numbers; undefined for another dtype or a value past 2^53. */
export function integersOf(tensor: Tensor | undefined): number[] | undefined {
  if (tensor === undefined || tensor.dtype === "string") return undefined;
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers: number[] = [];
  switch (tensor.dtype) {
    case "i32":
      for (let at = 0; at < bytes.length; at += 4) numbers.push(view.getInt32(at, true));
      return numbers;
    case "i64":
      for (let at = 0; at < bytes.length; at += 8) {
        const value = Number(view.getBigInt64(at, true));
        if (!Number.isSafeInteger(value)) return undefined;
        numbers.push(value);
      }
      return numbers;
    default:
      return undefined;
  }
}

/** The strings of a tensor as text; undefined for numbers. */
export function textsOf(tensor: Tensor | undefined): string[] | undefined {
  if (tensor?.dtype !== "string") return undefined;
  const decoder = new TextDecoder();
  return tensor.strings.map((string) => decoder.decode(string));
}
