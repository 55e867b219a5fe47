/**
 * Counts of requests that share inferences, with the buckets and meanings of TensorFlow Serving's batching session
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

/** The counts alone, as another thread sends them. */
export type BatchCounts =
  & Readonly<Record<"requestRows" | "batchRows" | "filledRows" | "waitMs", HistogramCounts>>
  & { readonly fillingRows: ReadonlyMap<number, HistogramCounts> };

/** Counts requests and the batches they become. */
export class BatchFigures {
  /** Rows of each request. */
  readonly requestRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** Rows of each batch, without padding rows. */
  readonly batchRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** Rows of each batch, with padding rows. */
  readonly filledRows: Histogram = new Histogram(ROWS_BOUNDS);
  /** Padding rows of each batch, by its rows with padding; only if batches have allowed sizes. */
  readonly fillingRows: Map<number, Histogram> = new Map();
  /** Milliseconds that requests waited for their batch; for a request in parts, each part. */
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

  /** Adds the counts of another. */
  add(other: BatchCounts): void {
    for (const part of ["requestRows", "batchRows", "filledRows", "waitMs"] as const) this[part].add(other[part]);
    for (const [rows, counted] of other.fillingRows) {
      const filling = this.fillingRows.get(rows) ?? new Histogram(ROWS_BOUNDS);
      filling.add(counted);
      this.fillingRows.set(rows, filling);
    }
  }
}
