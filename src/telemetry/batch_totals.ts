/**
 * All that was ever counted of batches, of the versions that serve and of those that did: what is told without versions must not fall
 * when one ends.
 *
 * @module
 */
import type { ServableId } from "../core/servable.ts";
import { type BatchCounts, BatchFigures } from "../model/batching/batch_figures.ts";
import type { ModelServable } from "../model/model_servable.ts";

/** Adds up batches over versions. */
export class BatchTotals {
  /** Of the versions that serve. */
  readonly #live = new Map<ServableId, BatchCounts>();
  /** Of all versions that served before. */
  readonly #ended = new BatchFigures();

  /** A version serves. */
  onAvailable(id: ServableId, { batchFigures }: ModelServable): void {
    if (batchFigures !== undefined) this.#live.set(id, batchFigures);
  }

  /** A version has ended; none of its batches is still inferred. */
  onEnd(id: ServableId): void {
    const figures = this.#live.get(id);
    if (figures === undefined) return;
    this.#live.delete(id);
    this.#ended.add(figures);
  }

  /** The sum, with what others have counted. */
  sum(others: readonly BatchCounts[] = []): BatchFigures {
    const sum = new BatchFigures();
    for (const figures of [this.#ended, ...this.#live.values(), ...others]) sum.add(figures);
    return sum;
  }
}
