import assert from "node:assert/strict";
import {
  checkTensors,
  formatPartialShape,
  orderInputs,
  type PartialShape,
  selectOutputs,
  type Signature,
  type TensorSpec,
} from "./signature.ts";
import { CODE, ServingError } from "./status.ts";
import type { DType, Tensor } from "./tensor.ts";

const OPEN = { min: 0, max: Infinity };

function spec(name: string, dtype: DType, shape: PartialShape): TensorSpec {
  return { name, tensorName: name, dtype, shape };
}

function fixed(...sizes: number[]): PartialShape {
  return sizes.map((size) => ({ min: size, max: size }));
}

function floats(...shape: number[]): Tensor {
  return { dtype: "f32", shape, bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) };
}

function signature(inputs: string[], outputs: string[] = ["y"]): Signature {
  return {
    inputs: inputs.map((name) => spec(name, "f32", fixed(1))),
    outputs: outputs.map((name) => spec(name, "f32", fixed(1))),
  };
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

Deno.test("orderInputs() orders inputs as in the signature", () => {
  const a = floats(1);
  const b = floats(1);
  assert.deepEqual(orderInputs(signature(["a", "b"]), [{ name: "b", tensor: b }, { name: "a", tensor: a }]), [a, b]);
});

Deno.test("orderInputs() reports what is extra and what is missing", () => {
  const inputs = [{ name: "a", tensor: floats(1) }];
  assert.equal(
    refusal(() => orderInputs(signature(["b", "c"]), inputs)),
    "input size does not match signature: 1!=2 len({a}) != len({b,c}). Sent extra: {a}. Missing but required: {b,c}.",
  );
});

Deno.test("orderInputs() names an unknown input of the right number", () => {
  for (const names of [["a"], ["a", "b"]]) {
    const inputs = [{ name: "z", tensor: floats(1) }, { name: "a", tensor: floats(1) }].slice(0, names.length);
    assert.equal(
      refusal(() => orderInputs(signature(names), inputs)),
      `input tensor alias not found in signature: z. Inputs expected to be in the set {${names}}.`,
    );
  }
});

Deno.test("orderInputs() throws the error of a malformed input if its name is known", () => {
  const error = new ServingError(CODE.INVALID_ARGUMENT, "tensor parsing error: a");
  const inputs = [{ name: "a", tensor: { dtype: "malformed", error } as const }];
  assert.equal(refusal(() => orderInputs(signature(["a"]), inputs)), "tensor parsing error: a");
  assert.match(refusal(() => orderInputs(signature(["b"]), inputs)), /alias not found/);
});

Deno.test("selectOutputs() returns all outputs without a filter, else those of the filter in its order", () => {
  const both = signature(["a"], ["x", "y"]);
  assert.equal(selectOutputs(both, []), undefined);
  assert.deepEqual(selectOutputs(both, ["y", "x"]), [1, 0]);
});

Deno.test("selectOutputs() refuses unknown and repeated names with TensorFlow Serving's messages", () => {
  const both = signature(["a"], ["y", "x"]);
  assert.equal(
    refusal(() => selectOutputs(both, ["z"])),
    "output tensor alias not found in signature: z Outputs expected to be in the set {x,y}.",
  );
  assert.equal(refusal(() => selectOutputs(both, ["x", "x"])), "duplicate output tensor alias: x");
});

Deno.test("checkTensors() refuses another dtype, rank, size and content size with model_server's messages", () => {
  const image = [spec("image", "f32", [OPEN, { min: 8, max: 8 }])];
  const cases: [Tensor, string][] = [
    [
      { dtype: "i32", shape: [1, 8], bytes: new Uint8Array(32) },
      "Invalid input precision - Expected: FP32; Actual: I32; input name: image",
    ],
    [floats(8), "Invalid number of shape dimensions - Expected: (-1,8); Actual: (8); input name: image"],
    [floats(1, 9), "Invalid input shape - Expected: (-1,8); Actual: (1,9); input name: image"],
    [
      { dtype: "f32", shape: [1, 8], bytes: new Uint8Array(31) },
      "Invalid content size of tensor - Expected: 32 bytes; Actual: 31 bytes; input name: image",
    ],
  ];
  for (const [tensor, sentence] of cases) assert.equal(refusal(() => checkTensors(image, [tensor])), sentence);
});

Deno.test("checkTensors() accepts any size of an open dimension or rank, and sizes within bounds", () => {
  checkTensors([spec("x", "f32", [OPEN])], [floats(0)]);
  checkTensors([spec("x", "f32", undefined)], [floats(2, 3, 4)]);
  checkTensors([spec("x", "f32", [])], [floats()]);
  const bounded = [spec("x", "f32", [{ min: 2, max: 4 }])];
  checkTensors(bounded, [floats(2)]);
  checkTensors(bounded, [floats(4)]);
  assert.match(refusal(() => checkTensors(bounded, [floats(5)])), /Expected: \(\[2\.\.4\]\); Actual: \(5\)/);
});

Deno.test("checkTensors() counts strings", () => {
  const text = [spec("text", "string", [OPEN])];
  checkTensors(text, [{ dtype: "string", shape: [2], strings: [new Uint8Array(), new Uint8Array(3)] }]);
  assert.match(
    refusal(() => checkTensors(text, [{ dtype: "string", shape: [2], strings: [] }])),
    /Expected: 2; Actual: 0; input name: text/,
  );
});

Deno.test("formatPartialShape() prints open, fixed and bounded dimensions", () => {
  assert.equal(
    formatPartialShape([OPEN, { min: 3, max: 3 }, { min: 1, max: 5 }, { min: 2, max: Infinity }]),
    "(-1,3,[1..5],[2..])",
  );
  assert.equal(formatPartialShape(undefined), "(...)");
});
