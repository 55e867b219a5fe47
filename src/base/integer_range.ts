/**
 * Checks whether integers fit into 32 bits, for runtimes that compute in 32 bits. One pass over a tensor's bytes.
 *
 * @module
 */
import { DTYPE_BYTES, type NumericTensor } from "./tensor.ts";

/** The dtypes whose values may exceed an i32. */
export type WideInteger = "i64" | "u64" | "u32";

/** The range of each dtype that an i32 can represent. */
export const NARROW_RANGE: Readonly<Record<WideInteger, { readonly min: number; readonly max: number }>> = {
  i64: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  u64: { min: 0, max: 2 ** 31 - 1 },
  u32: { min: 0, max: 2 ** 31 - 1 },
};

/** Whether {@link findWide} can check a dtype. */
export function isWideInteger(dtype: string): dtype is WideInteger {
  return Object.hasOwn(NARROW_RANGE, dtype);
}

/** Bytes of an unaligned tensor that are copied and checked at a time. */
const CHUNK_BYTES = 16 * 1024;
const chunk = new Int32Array(CHUNK_BYTES / 4);
const chunkBytes = new Uint8Array(chunk.buffer);

/** Returns the first value of a tensor that exceeds an i32; undefined if all fit. */
export function findWide({ dtype, bytes }: NumericTensor & { readonly dtype: WideInteger }): bigint | undefined {
  const offset = offsetOfWide(bytes, dtype);
  if (offset === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, DTYPE_BYTES[dtype]);
  if (dtype === "u32") return BigInt(view.getUint32(0, true));
  return dtype === "i64" ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
}

/** Returns the offset of the first value that does not fit; undefined if all fit. */
function offsetOfWide(bytes: Uint8Array, dtype: WideInteger): number | undefined {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset % 4 === 0) {
    const index = indexOfWide(new Int32Array(buffer, byteOffset, byteLength / 4), dtype);
    return index < 0 ? undefined : index * 4;
  }
  for (let start = 0; start < byteLength; start += CHUNK_BYTES) {
    const part = bytes.subarray(start, start + CHUNK_BYTES);
    chunkBytes.set(part);
    const index = indexOfWide(chunk.subarray(0, part.length / 4), dtype);
    if (index >= 0) return start + index * 4;
  }
  return undefined;
}

/** Searches 32-bit words, of which a 64-bit value has two, the lower one first. Returns -1 if all fit. */
function indexOfWide(words: Int32Array, dtype: WideInteger): number {
  if (dtype === "u32") {
    for (let i = 0; i < words.length; i++) if ((words[i] as number) < 0) return i;
  } else if (dtype === "u64") {
    for (let i = 0; i < words.length; i += 2) if ((words[i] as number) < 0 || words[i + 1] !== 0) return i;
  } else {
    // The upper half of a value that fits repeats the lower half's sign.
    for (let i = 0; i < words.length; i += 2) if ((words[i] as number) >> 31 !== words[i + 1]) return i;
  }
  return -1;
}
