/**
 * The input shapes that a model with dynamic shapes has accepted before.
 *
 * With one thread, `ov_infer_request_infer` of OpenVINO 2026.4 does not report that shape inference failed: it returns success, and
 * the outputs are those of the inference before, which may be another client's. `ov_infer_request_start_async` and
 * `ov_infer_request_wait` report the failure. They cost a hop to another thread, so they are used for new shapes only. Whether shapes
 * fit together depends on nothing else, unless a model reads shapes from its inputs.
 *
 * @module
 */
import type { Tensor } from "../../base/tensor.ts";

/** How many shapes are remembered; past it all are forgotten. */
const SHAPES_MAX = 4096;

/** The shapes that the infer requests of one model have in common. */
export class KnownShapes {
  readonly #known = new Set<string>();

  /** Whether the model has accepted tensors of these shapes. */
  has(inputs: readonly Tensor[]): boolean {
    return this.#known.has(keyOf(inputs));
  }

  /** Remembers that the model has accepted them. */
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
