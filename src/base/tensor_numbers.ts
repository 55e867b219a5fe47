/**
 * The elements of numeric tensors as JavaScript's numbers.
 *
 * @module
 */
import { DTYPE_BYTES, type NumericTensor } from "./tensor.ts";

const ARRAYS = {
  f16: Float16Array,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  bool: Uint8Array,
} as const;

/** The elements as numbers, row major: a view where their array holds numbers, else a copy. Those of 64 bits may be rounded. */
export function numbersOf(tensor: NumericTensor): ArrayLike<number> {
  const { dtype } = tensor;
  switch (dtype) {
    case "i64":
      return Float64Array.from(new BigInt64Array(...elementMemory(tensor)), Number);
    case "u64":
      return Float64Array.from(new BigUint64Array(...elementMemory(tensor)), Number);
    case "bf16": {
      // bfloat16 is the upper half of a float.
      const bits = Uint32Array.from(new Uint16Array(...elementMemory(tensor)), (half) => half << 16);
      return new Float32Array(bits.buffer);
    }
    default:
      return new ARRAYS[dtype](...elementMemory(tensor));
  }
}

/** A tensor's memory for a typed array: where it lies, or a copy where elements would not lie on their own boundaries. */
export function elementMemory(
  { dtype, bytes }: NumericTensor,
): [buffer: ArrayBuffer, byteOffset: number, length: number] {
  const elementBytes = DTYPE_BYTES[dtype];
  const length = Math.floor(bytes.byteLength / elementBytes);
  const aligned = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
  return [aligned.buffer as ArrayBuffer, aligned.byteOffset, length];
}
