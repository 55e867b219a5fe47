/**
 * The shapes of inputs that a model with open shapes was seen to take.
 *
 * Where OpenVINO has one thread, because it was told so or because there is one processor, `ov_infer_request_infer` of 2026.4 keeps
 * a failure to infer shapes to itself: it reports success, and the outputs are those of the inference before, which may have been
 * another client's. `ov_infer_request_start_async` and `ov_infer_request_wait` report it. They cost a hop to another thread, so they
 * are used for shapes that are new: whether shapes go together depends on nothing else, unless a model reads them from its inputs.
 *
 * @module
 */
import type { Tensor } from "../../base/tensor.ts";

/** So many are kept in mind; when there are more, all are forgotten. */
const SHAPES_MAX = 4096;

/** What the infer requests of one model know together. */
export class KnownShapes {
  readonly #known = new Set<string>();

  /** Whether the model was seen to take tensors of these shapes. */
  has(inputs: readonly Tensor[]): boolean {
    return this.#known.has(keyOf(inputs));
  }

  /** It was. */
  add(inputs: readonly Tensor[]): void {
    if (this.#known.size >= SHAPES_MAX) this.#known.clear();
    this.#known.add(keyOf(inputs));
  }
}

function keyOf(inputs: readonly Tensor[]): string {
  let key = "";
  for (const { shape } of inputs) key += `${shape.join()};`;
  return key;
}
