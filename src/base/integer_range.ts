/**
 * Whether integers fit into 32 bits, for runtimes that compute no wider. One pass over a tensor's bytes.
 *
 * @module
 */
import { DTYPE_BYTES, type NumericTensor } from "./tensor.ts";

/** The dtypes whose values may not fit. */
export type WideInteger = "i64" | "u64" | "u32";

/** The values of each dtype that an i32 holds too. */
export const NARROW_RANGE: Readonly<Record<WideInteger, { readonly min: number; readonly max: number }>> = {
  i64: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  u64: { min: 0, max: 2 ** 31 - 1 },
  u32: { min: 0, max: 2 ** 31 - 1 },
};

/** Whether a dtype is one of those {@link findWide} can look through. */
export function isWideInteger(dtype: string): dtype is WideInteger {
  return Object.hasOwn(NARROW_RANGE, dtype);
}

/** How many bytes that lie askew are copied to be looked at in one go. */
const CHUNK_BYTES = 16 * 1024;
const chunk = new Int32Array(CHUNK_BYTES / 4);
const chunkBytes = new Uint8Array(chunk.buffer);

/** The first value of a tensor that an i32 does not hold; undefined when all fit. */
export function findWide({ dtype, bytes }: NumericTensor & { readonly dtype: WideInteger }): bigint | undefined {
  const offset = offsetOfWide(bytes, dtype);
  if (offset === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, DTYPE_BYTES[dtype]);
  if (dtype === "u32") return BigInt(view.getUint32(0, true));
  return dtype === "i64" ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
}

/** Where in `bytes` the first value begins that does not fit. */
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

/** Looks through words, of which a 64-bit value has two, the lower one first. -1 when all fit. */
function indexOfWide(words: Int32Array, dtype: WideInteger): number {
  if (dtype === "u32") {
    for (let i = 0; i < words.length; i++) if ((words[i] as number) < 0) return i;
  } else if (dtype === "u64") {
    for (let i = 0; i < words.length; i += 2) if ((words[i] as number) < 0 || words[i + 1] !== 0) return i;
  } else {
    // The upper half of what fits is nothing but the lower one's sign.
    for (let i = 0; i < words.length; i += 2) if ((words[i] as number) >> 31 !== words[i + 1]) return i;
  }
  return -1;
}
