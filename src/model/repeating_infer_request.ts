/**
 * An infer request that infers twice when it meets shapes for the first time.
 *
 * OpenVINO 2026.4 on CPUs answers with memory that nobody has written to when the outputs of an `If` have outgrown what the request had
 * for them; the next inference is right. A request therefore answers with its second inference of new shapes.
 *
 * @module
 */
import type { Tensor } from "../base/tensor.ts";
import type { InferRequest } from "../engine/engine.ts";

/** A request forgets all shapes after so many, and then infers twice again. */
const SHAPES_MAX = 1024;

/** Wraps an infer request, which it disposes. */
export function repeatingInferRequest(request: InferRequest): InferRequest {
  const known = new Set<string>();
  const isNew = (inputs: readonly Tensor[]): boolean => {
    const key = inputs.map(({ shape }) => shape.join()).join(";");
    if (known.has(key)) return false;
    if (known.size === SHAPES_MAX) known.clear();
    known.add(key);
    return true;
  };
  const repeating: InferRequest = {
    inferAsync: async (inputs) => {
      if (isNew(inputs)) await request.inferAsync(inputs);
      return await request.inferAsync(inputs);
    },
    [Symbol.dispose]: () => request[Symbol.dispose](),
  };
  const infer = request.infer?.bind(request);
  if (infer !== undefined) {
    repeating.infer = (inputs: readonly Tensor[]): readonly Tensor[] => {
      if (isNew(inputs)) infer(inputs);
      return infer(inputs);
    };
  }
  return repeating;
}
