import assert from "node:assert/strict";
import type { Dimension, PartialShape } from "../../base/signature.ts";
import { CODE } from "../../base/status.ts";
import { servingError } from "../testing/loading.ts";
import { type BatchSize, planReshape, type ReshapePlan, type ShapeSpec } from "./reshape.ts";

const ANY: Dimension = { min: 0, max: Infinity };

function fixed(...sizes: number[]): Dimension[] {
  return sizes.map((size) => ({ min: size, max: size }));
}

const INPUTS: readonly { name: string; shape: PartialShape }[] = [
  { name: "image", shape: fixed(1, 3, 224) },
  { name: "scale", shape: [] },
  { name: "anything", shape: undefined },
];

function plan(asked: { shape?: ShapeSpec; batchSize?: BatchSize }, inputs = INPUTS): ReshapePlan {
  const findInput = (name: string) => {
    const index = inputs.findIndex((input) => input.name === name);
    return index < 0 ? undefined : index;
  };
  return planReshape(inputs, { shape: asked.shape, batchSize: asked.batchSize, findInput });
}

Deno.test("planReshape() changes nothing by default", () => {
  assert.deepEqual(plan({}), { shapes: [undefined, undefined, undefined], notes: [] });
});

Deno.test("planReshape() sets the shape of all inputs or of those named", () => {
  const shape = [ANY, ...fixed(3)];
  assert.deepEqual(plan({ shape: { kind: "all", shape } }).shapes, [shape, shape, shape]);
  const byInput: ShapeSpec = { kind: "byInput", shapes: new Map([["anything", shape]]) };
  assert.deepEqual(plan({ shape: byInput }).shapes, [undefined, undefined, shape]);
});

Deno.test("planReshape() makes every dimension dynamic for auto, and the first for a batch size of auto", () => {
  assert.deepEqual(plan({ shape: { kind: "auto" } }).shapes, [[ANY, ANY, ANY], [], undefined]);
  const byInput: ShapeSpec = { kind: "byInput", shapes: new Map([["image", "auto"]]) };
  assert.deepEqual(plan({ shape: byInput }).shapes, [[ANY, ANY, ANY], undefined, undefined]);
  assert.deepEqual(plan({ batchSize: { kind: "auto" } }).shapes, [[ANY, ...fixed(3, 224)], undefined, undefined]);
});

Deno.test("planReshape() sets the first dimension to the batch size", () => {
  const batchSize: BatchSize = { kind: "fixed", size: { min: 2, max: 8 } };
  assert.deepEqual(plan({ batchSize }).shapes, [[{ min: 2, max: 8 }, ...fixed(3, 224)], undefined, undefined]);
});

Deno.test("planReshape() ignores the batch size if shapes are given, with a note", () => {
  const asked = plan({ shape: { kind: "byInput", shapes: new Map() }, batchSize: { kind: "auto" } });
  assert.deepEqual(asked.shapes, [undefined, undefined, undefined]);
  assert.deepEqual(asked.notes, ["Both shape and batch_size are set: batch_size is ignored"]);
});

Deno.test("planReshape() rejects an unknown input, and a batch size for a model without a batch", () => {
  assert.throws(
    () => plan({ shape: { kind: "byInput", shapes: new Map([["picture", fixed(1)]]) } }),
    servingError(CODE.INVALID_ARGUMENT, /it has no input picture, its inputs are image, scale, anything$/),
  );
  assert.throws(
    () => plan({ batchSize: { kind: "fixed", size: { min: 4, max: 4 } } }, [{ name: "scale", shape: [] }]),
    servingError(CODE.INVALID_ARGUMENT, /^Cannot set the batch size: no input of the model has a known batch$/),
  );
});
