import assert from "node:assert/strict";
import type { Signature, TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { DType, Tensor } from "../base/tensor.ts";
import { classificationOutputs, toClassifications } from "./classification.ts";

function spec(name: string, dtype: DType): TensorSpec {
  return { name, tensorName: `${name}:0`, dtype, shape: [{ min: 0, max: Infinity }, { min: 0, max: 0 }] };
}

function signature(inputs: string[], outputs: string[]): Signature {
  return { inputs: inputs.map((name) => spec(name, "string")), outputs: outputs.map((name) => spec(name, "f32")) };
}

function floats(shape: number[], ...values: number[]): Tensor {
  return { dtype: "f32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

function strings(shape: number[], ...values: string[]): Tensor {
  return { dtype: "string", shape, strings: values.map((value) => new TextEncoder().encode(value)) };
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

Deno.test("classificationOutputs() finds classes and scores in any order, or one of them", () => {
  assert.deepEqual(classificationOutputs(signature(["inputs"], ["scores", "classes"])), { classes: 1, scores: 0 });
  assert.deepEqual(classificationOutputs(signature(["inputs"], ["scores"])), { classes: undefined, scores: 0 });
  assert.deepEqual(classificationOutputs(signature(["inputs"], ["other", "classes"])), {
    classes: 1,
    scores: undefined,
  });
});

Deno.test("classificationOutputs() rejects a signature that does not classify", () => {
  const outputs = (...names: string[]): string => refusal(() => classificationOutputs(signature(["inputs"], names)));
  assert.equal(outputs(), "Expected one or two output Tensors, found 0");
  assert.equal(outputs("a", "b", "c"), "Expected one or two output Tensors, found 3");
  assert(
    outputs("a").startsWith(
      'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ' +
        'inputs {\n  key: "inputs"\n',
    ),
  );
  assert.equal(refusal(() => classificationOutputs(signature([], ["scores"]))), "Expected one input Tensor.");
  assert.match(
    refusal(() => classificationOutputs(signature(["x"], ["scores"]))),
    /^No classification inputs found in SignatureDef: inputs {/,
  );
});

Deno.test("toClassifications() copies labels and scores, example by example", () => {
  const labels = strings([2, 2], "a", "b", "c", "d");
  const result = toClassifications([floats([2, 2], 1, 2, 3, 4), labels], { classes: 1, scores: 0, exampleCount: 2 });
  if (labels.dtype === "string") labels.strings.forEach((bytes) => bytes.fill(0));
  const texts = result.map((classes) => classes.map(({ label, score }) => [new TextDecoder().decode(label), score]));
  assert.deepEqual(texts, [[["a", 1], ["b", 2]], [["c", 3], ["d", 4]]]);
});

Deno.test("toClassifications() fills in empty labels or zeros if the model returns only the other", () => {
  const both = { exampleCount: 1, classes: undefined, scores: undefined };
  const [scored] = toClassifications([floats([1, 1], 7)], { ...both, scores: 0 });
  assert.deepEqual(scored, [{ label: new Uint8Array(0), score: 7 }]);
  const [labelled] = toClassifications([strings([1, 1], "a")], { ...both, classes: 0 });
  assert.deepEqual(labelled, [{ label: Uint8Array.of(97), score: 0 }]);
  assert.deepEqual(toClassifications([floats([2, 0])], { ...both, scores: 0, exampleCount: 2 }), [[], []]);
});

Deno.test("toClassifications() rejects outputs of another rank, dtype or size", () => {
  const refuse = (classes: Tensor | undefined, scores: Tensor | undefined): string =>
    refusal(() =>
      toClassifications([classes, scores] as Tensor[], {
        classes: classes && 0,
        scores: scores && 1,
        exampleCount: 2,
      })
    );
  const good = floats([2, 1], 1, 2);
  assert.equal(
    refuse(strings([2], "a", "b"), good),
    "Expected Tensor shape: [batch_size num_classes] but got [2]",
  );
  assert.equal(refuse(good, undefined), "Expected classes Tensor of DT_STRING. Got: DT_FLOAT");
  assert.equal(refuse(strings([1, 1], "a"), good), "Expected classes output batch size of 2. Got: 1");
  assert.equal(refuse(undefined, strings([2, 1], "a", "b")), "Expected scores Tensor of DT_FLOAT. Got: DT_STRING");
  assert.equal(refuse(undefined, floats([3, 1], 1, 2, 3)), "Expected scores output batch size of 2. Got: 3");
  assert.equal(
    refuse(strings([2, 1], "a", "b"), floats([2, 2], 1, 2, 3, 4)),
    "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
  );
});
