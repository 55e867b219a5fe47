import assert from "node:assert/strict";
import type { DType } from "../../base/tensor.ts";
import type { Port } from "../engine.ts";
import { markNarrowed } from "./narrowing.ts";

function port(dtype: DType, ...names: string[]): Port {
  return { names, dtype, shape: [] };
}

Deno.test("markNarrowed() marks wide inputs with the type they are computed as", () => {
  const inputs = [port("i64", "a"), port("u64", "b"), port("u32", "c"), port("f64", "d"), port("i32", "e")];
  assert.deepEqual(
    markNarrowed(inputs, [port("f32", "y")]).map(({ computedAs }) => computedAs),
    ["i32", "i32", "i32", "f32", undefined],
  );
});

Deno.test("markNarrowed() marks nothing in a model that only passes its inputs through", () => {
  const inputs = [port("i64", "a"), port("f64", "b")];
  assert.equal(markNarrowed(inputs, [port("f64", "y", "b"), port("i64", "a")]), inputs);
  const [first] = markNarrowed(inputs, [port("i64", "a"), port("i64", "y")]);
  assert.equal(first?.computedAs, "i32");
});
