/**
 * What is counted of requests that share inferences. Bounds and meanings are those of TensorFlow Serving's batching session
 * (tensorflow_serving/batching/{batching_session.cc,batching_util.h}).
 *
 * @module
 */
import { Histogram, type HistogramCounts } from "../../base/metrics.ts";
import type { RequestRecord } from "../../base/request_record.ts";

/** 1 to 8,192 rows. */
const ROWS_BOUNDS: readonly number[] = Array.from({ length: 14 }, (_, k) => 2 ** k);

/** 100 µs to 1.1 s. */
const WAIT_BOUNDS_MS: readonly number[] = Array.from({ length: 52 }, (_, k) => 0.1 * 1.2 ** k);

/** What was counted: all that is left of it when it comes from another thread. */
export type BatchCounts =
  & Readonly<Record<"requestRows" | "batchRows" | "filledRows" | "waitMs", HistogramCounts>>
  & { readonly fillingRows: ReadonlyMap<number, HistogramCounts> };

/** Counts requests and the batches they become. */
export class BatchFigures {
  /** Rows of each request. */
  readonly requestRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** Rows of each batch, without those it was filled up with. */
  readonly batchRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** Rows of each batch, with them. */
  readonly filledRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** How many rows batches were filled up with, by how many they had then; only where there are sizes to fill up to. */
  readonly fillingRows: Map<number, Histogram> = new Map();
  /** Milliseconds that requests waited for their batch; in parts, each of them. */
  readonly waitMs: Histogram = new Histogram(WAIT_BOUNDS_MS);
  /** How many began since one did that was timed, and that one. */
  #untold = 0;

  /** Has a record begin, and counts what it waited; that stands for those before it that were not timed. */
  begin(record: RequestRecord): void {
    this.#untold++;
    const { queueMs } = record;
    record.started();
    if (!record.isTimed) return;
    this.waitMs.observe(record.queueMs - queueMs, this.#untold);
    this.#untold = 0;
  }

  /** Counts a batch. */
  countBatch({ rows, filledRows, isFixed }: { rows: number; filledRows: number; isFixed: boolean }): void {
    this.batchRows.observe(rows);
    this.filledRows.observe(filledRows);
    if (!isFixed) return;
    let filling = this.fillingRows.get(filledRows);
    if (filling === undefined) this.fillingRows.set(filledRows, filling = new Histogram(ROWS_BOUNDS));
    filling.observe(filledRows - rows);
  }

  /** Counts all that another has counted. */
  add(other: BatchCounts): void {
    for (const part of ["requestRows", "batchRows", "filledRows", "waitMs"] as const) this[part].add(other[part]);
    for (const [rows, counted] of other.fillingRows) {
      const filling = this.fillingRows.get(rows) ?? new Histogram(ROWS_BOUNDS);
      filling.add(counted);
      this.fillingRows.set(rows, filling);
    }
  }
}
