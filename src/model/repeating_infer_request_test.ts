import assert from "node:assert/strict";
import type { Tensor } from "../base/tensor.ts";
import { repeatingInferRequest } from "./repeating_infer_request.ts";
import { floats } from "./testing/loading.ts";

Deno.test("repeatingInferRequest() infers twice for shapes that are new to it, and once for others", async () => {
  const shapes: string[] = [];
  const record = (inputs: readonly Tensor[]): readonly Tensor[] => {
    shapes.push(inputs.map(({ shape }) => shape.join("x")).join());
    return [floats([shapes.length])];
  };
  let isDisposed = false;
  const request = repeatingInferRequest({
    infer: record,
    inferAsync: (inputs) => Promise.resolve(record(inputs)),
    [Symbol.dispose]: () => isDisposed = true,
  });
  const [one, two] = [floats([1]), floats([1, 2])];
  assert.deepEqual(request.infer?.([one]), [floats([2])]);
  request.infer?.([one]);
  await request.inferAsync([two]);
  await request.inferAsync([one]);
  assert.deepEqual(shapes, ["1", "1", "1", "2", "2", "1"]);
  request[Symbol.dispose]();
  assert.ok(isDisposed);
});
