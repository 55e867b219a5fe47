import assert from "node:assert/strict";
import { findWide, type WideInteger } from "./integer_range.ts";

const BOUNDS: Readonly<Record<WideInteger, { fitting: bigint[]; wide: bigint[] }>> = {
  i64: {
    fitting: [0n, -1n, 2n ** 31n - 1n, -(2n ** 31n)],
    wide: [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n, 2n ** 32n - 1n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n)],
  },
  u64: { fitting: [0n, 1n, 2n ** 31n - 1n], wide: [2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n] },
  u32: { fitting: [0n, 1n, 2n ** 31n - 1n], wide: [2n ** 31n, 2n ** 32n - 1n] },
};

/** Returns the bytes of values, at an offset in their buffer. */
function bytesOf(dtype: WideInteger, values: readonly bigint[], offset: number): Uint8Array {
  const bytes = dtype === "u32"
    ? new Uint8Array(Uint32Array.from(values, Number).buffer)
    : new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, value)).buffer);
  const placed = new Uint8Array(new ArrayBuffer(offset + bytes.length), offset);
  placed.set(bytes);
  return placed;
}

Deno.test("findWide() finds the first value that exceeds an i32, at any alignment", () => {
  for (const [dtype, { fitting, wide }] of Object.entries(BOUNDS) as [WideInteger, (typeof BOUNDS)[WideInteger]][]) {
    for (const offset of [0, 1, 4, 7]) {
      const find = (values: readonly bigint[]): bigint | undefined =>
        findWide({ dtype, shape: [values.length], bytes: bytesOf(dtype, values, offset) });
      assert.equal(find([]), undefined);
      assert.equal(find(fitting), undefined);
      for (const value of wide) assert.equal(find([...fitting, value, ...wide]), value, `${dtype} at ${offset}`);
    }
  }
});

Deno.test("findWide() finds the last of many values", () => {
  for (const dtype of ["i64", "u64", "u32"] as const) {
    for (const offset of [0, 3]) {
      const values = Array.from({ length: 10_000 }, (_, i) => BigInt(i));
      const narrow = { dtype, shape: [values.length], bytes: bytesOf(dtype, values, offset) };
      assert.equal(findWide(narrow), undefined);
      const wide = [...values, 2n ** 31n];
      assert.equal(findWide({ dtype, shape: [wide.length], bytes: bytesOf(dtype, wide, offset) }), 2n ** 31n);
    }
  }
});
