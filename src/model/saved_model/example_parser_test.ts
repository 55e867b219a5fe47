import assert from "node:assert/strict";
import { randomBelow, testSeed } from "../../base/testing/random.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import { concat, field } from "../testing/loading.ts";
import { ExampleParser } from "./example_parser.ts";
import { float32s, int64s } from "./graph/tensors.ts";
import type { Feature } from "./plan.ts";

type Values = readonly (number | bigint | string)[];

/** A `Feature`, its values packed unless `isPacked` is false. */
function feature(values: Values, isPacked = true): Uint8Array {
  const [first] = values;
  if (typeof first === "string") return concat([field(1, values.map((value) => field(1, value as string)))]);
  if (typeof first === "bigint") {
    return concat([
      field(3, isPacked ? [field(1, varints(values as bigint[]))] : values.map((v) => integer(v as bigint))),
    ]);
  }
  const floats = new Uint8Array(Float32Array.from(values as number[]).buffer);
  if (isPacked) return concat([field(2, [field(1, floats)])]);
  return concat([
    field(2, values.map((_, i) => concat([Uint8Array.of(1 << 3 | 5), floats.subarray(4 * i, 4 * i + 4)]))),
  ]);
}

function varints(values: readonly bigint[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    return [...bytes, Number(rest)];
  }));
}

function integer(value: bigint): Uint8Array {
  return concat([Uint8Array.of(1 << 3), varints([value])]);
}

function example(features: Record<string, Values | Uint8Array>): Uint8Array {
  const entries = Object.entries(features).map(([key, values]) =>
    field(1, [field(1, key), field(2, values instanceof Uint8Array ? values : feature(values))])
  );
  return concat([field(1, entries)]);
}

function texts(tensor: Tensor): string[] {
  assert.equal(tensor.dtype, "string");
  return tensor.dtype === "string" ? tensor.strings.map((string) => new TextDecoder().decode(string)) : [];
}

const X: Feature = { kind: "dense", key: "x", dtype: "f32", shape: [2], fallback: undefined };
const COUNT: Feature = { kind: "dense", key: "count", dtype: "i64", shape: [], fallback: int64s([7], []) };
const NAMES: Feature = { kind: "sparse", key: "names", dtype: "string" };

Deno.test("ExampleParser parses dense features, with defaults for those that are missing", () => {
  const parser = new ExampleParser([X, COUNT]);
  const parsed = parser.parse([
    example({ x: [1, 2.5], count: [-3n] }),
    example({ other: [1n], x: feature([3, 4], false) }),
    example({ count: feature([2n ** 62n], false), x: [5, 6] }),
  ]);
  assert.deepEqual(parsed.part(0, "dense"), float32s([1, 2.5, 3, 4, 5, 6], [3, 2]));
  assert.deepEqual(parsed.part(1, "dense"), int64s([-3, 7, 2n ** 62n], [3]));
});

Deno.test("ExampleParser takes the last of what stands twice, as an example behind its context", () => {
  const context = example({ x: [1, 1], count: [1n] });
  const parsed = new ExampleParser([X, COUNT]).parse([concat([context, example({ x: [2, 3] })])]);
  assert.deepEqual(parsed.part(0, "dense"), float32s([2, 3], [1, 2]));
  assert.deepEqual(parsed.part(1, "dense"), int64s([1], [1]));
});

Deno.test("ExampleParser parses features of any number of values as sparse matrices", () => {
  const parsed = new ExampleParser([NAMES]).parse([
    example({ names: ["a", "b"] }),
    example({}),
    example({ names: ["c"] }),
  ]);
  assert.deepEqual(texts(parsed.part(0, "values")), ["a", "b", "c"]);
  assert.deepEqual(parsed.part(0, "indices"), int64s([0, 0, 0, 1, 2, 0], [3, 2]));
  assert.deepEqual(parsed.part(0, "shape"), int64s([3, 2]));
});

Deno.test("ExampleParser parses ragged features, and pads those with an open dimension", () => {
  const ragged: Feature = { kind: "ragged", key: "v", dtype: "f32", splitsDtype: "i64" };
  const padded: Feature = { kind: "dense", key: "w", dtype: "f32", shape: [-1, 2], fallback: float32s([-1], []) };
  const examples = [[1, 2, 3, 4], [], [5, 6]].map((v) => example(v.length > 0 ? { v, w: v } : {}));
  const parsed = new ExampleParser([ragged, padded]).parse(examples);
  assert.deepEqual(parsed.part(0, "values"), float32s([1, 2, 3, 4, 5, 6]));
  assert.deepEqual(parsed.part(0, "splits"), int64s([0, 4, 4, 6]));
  assert.deepEqual(parsed.part(1, "dense"), float32s([1, 2, 3, 4, -1, -1, -1, -1, 5, 6, -1, -1], [3, 2, 2]));
});

Deno.test("ExampleParser parses no examples", () => {
  const parsed = new ExampleParser([X, NAMES]).parse([]);
  assert.deepEqual(parsed.part(0, "dense").shape, [0, 2]);
  assert.deepEqual(parsed.part(1, "shape"), int64s([0, 0]));
});

Deno.test("ExampleParser names the index and the key of what it cannot take", () => {
  const cases: readonly [malformed: Uint8Array, sentence: RegExp][] = [
    [example({}), /Feature: x \(data type: float\) is required but could not be found\. Index: 1/],
    [example({ x: [1] }), /Key: x, Index: 1\. .*Values size: 1 but output shape: \[2\]/],
    [example({ x: [1n, 2n] }), /Key: x, Index: 1\. .*Data type: int64 but expected type: float/],
    [example({ x: Uint8Array.of(0x12, 5, 1) }), /Key: x, Index: 1\. .*Can't parse/],
    [Uint8Array.of(0x0a, 200), /Index: 1\. It is not a tensorflow\.Example/],
    [new TextEncoder().encode("no example"), /Index: 1\. It is not a tensorflow\.Example/],
  ];
  const parser = new ExampleParser([X]);
  for (const [malformed, sentence] of cases) {
    assert.throws(
      () => parser.parse([example({ x: [1, 2] }), malformed]),
      (error: ServingError) => error.code === CODE.INVALID_ARGUMENT && sentence.test(error.message),
      String(sentence),
    );
  }
});

Deno.test("ExampleParser ends with INVALID_ARGUMENT or an answer whatever an example holds", () => {
  const seed = testSeed();
  const random = randomBelow(seed);
  const whole = example({ x: [1, 2], count: [300n], names: ["a", "bc"] });
  const parser = new ExampleParser([X, COUNT, NAMES]);
  for (let round = 0; round < 20_000; round++) {
    const bytes = whole.slice(0, 1 + random(whole.length));
    for (let changes = random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    try {
      const parsed = parser.parse([bytes, whole]);
      assert.equal(parsed.part(0, "dense").shape[0], 2);
    } catch (error) {
      assert.ok(error instanceof ServingError && error.code === CODE.INVALID_ARGUMENT, `seed ${seed}: ${error}`);
    }
  }
});
