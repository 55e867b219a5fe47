import assert from "node:assert/strict";
import type { Signature, TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import { checkRegression, toRegressions } from "./regression.ts";

function signature(inputs: string[], outputs: string[]): Signature {
  const spec = (name: string): TensorSpec => ({ name, tensorName: name, dtype: "f32", shape: undefined });
  return { inputs: inputs.map(spec), outputs: outputs.map(spec) };
}

function floats(shape: number[], ...values: number[]): Tensor {
  return { dtype: "f32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert(error instanceof ServingError);
    assert.equal(error.code, CODE.INVALID_ARGUMENT);
    return error.message;
  }
  return assert.fail("Expected a refusal");
}

Deno.test("checkRegression() accepts one input and one output with the right names", () => {
  checkRegression(signature(["inputs"], ["outputs"]));
  assert.equal(refusal(() => checkRegression(signature(["inputs", "x"], ["outputs"]))), "Expected one input Tensor.");
  assert.equal(refusal(() => checkRegression(signature(["inputs"], ["outputs", "y"]))), "Expected one output Tensor.");
  assert.match(
    refusal(() => checkRegression(signature(["x"], ["outputs"]))),
    /^No regression inputs found in SignatureDef: inputs {/,
  );
  assert.match(
    refusal(() => checkRegression(signature(["inputs"], ["y"]))),
    /^No regression outputs found in SignatureDef: inputs {/,
  );
});

Deno.test("toRegressions() accepts one value an example, with one axis or two", () => {
  assert.deepEqual(toRegressions(floats([2], 1.5, 2), 2), [1.5, 2]);
  assert.deepEqual(toRegressions(floats([2, 1], 1.5, 2), 2), [1.5, 2]);
});

Deno.test("toRegressions() rejects another rank, size or dtype", () => {
  const shape = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got";
  assert.equal(refusal(() => toRegressions(floats([], 1), 1)), `${shape} []`);
  assert.equal(refusal(() => toRegressions(floats([1, 2], 1, 2), 1)), `${shape} [1,2]`);
  assert.equal(
    refusal(() => toRegressions(floats([2], 1, 2), 3)),
    "Input batch size did not match output batch size: 3 vs. 2",
  );
  const longs: Tensor = { dtype: "i64", shape: [1], bytes: new Uint8Array(8) };
  assert.equal(refusal(() => toRegressions(longs, 1)), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64");
});
