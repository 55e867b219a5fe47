/**
 * Sums the figures of batches over all versions, ended ones included: counters without a version label must not fall when a version
 * ends.
 *
 * @module
 */
import type { ServableId } from "../core/servable.ts";
import { type BatchCounts, BatchFigures } from "../model/batching/batch_figures.ts";
import type { ModelServable } from "../model/model_servable.ts";

/** Sums batch figures over versions. */
export class BatchTotals {
  /** Figures of available versions. */
  readonly #live = new Map<ServableId, BatchCounts>();
  /** Sum over versions that have ended. */
  readonly #ended = new BatchFigures();

  /** A version has become available. */
  onAvailable(id: ServableId, { batchFigures }: ModelServable): void {
    if (batchFigures !== undefined) this.#live.set(id, batchFigures);
  }

  /** A version has ended, and with it its last batch. */
  onEnd(id: ServableId): void {
    const figures = this.#live.get(id);
    if (figures === undefined) return;
    this.#live.delete(id);
    this.#ended.add(figures);
  }

  /** Returns the sum, with the figures of other threads. */
  sum(others: readonly BatchCounts[] = []): BatchFigures {
    const sum = new BatchFigures();
    for (const figures of [this.#ended, ...this.#live.values(), ...others]) sum.add(figures);
    return sum;
  }
}
