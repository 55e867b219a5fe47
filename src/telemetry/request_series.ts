/**
 * What is counted of the requests of one sort to one version, and adding that up. Knows no names of metrics.
 *
 * @module
 */
import { DURATION_BOUNDS_MS, Histogram, type HistogramCounts, type Labels } from "../base/metrics.ts";
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, type Code, type CodeName } from "../base/status.ts";

/** What sort of request it was. The same object each time for the same sort. */
export interface RequestKind {
  /** `Predict`, `GetModelStatus`. */
  readonly method: string;
  readonly interface: "gRPC" | "REST";
}

/** The names of the codes by their numbers. */
export const CODE_NAMES: readonly CodeName[] = Object.keys(CODE) as CodeName[];

/** 1 to 16,384 `tensorflow.Example`s: the bounds of tensorflow_serving/servables/tensorflow/util.cc. */
const EXAMPLES_BOUNDS: readonly number[] = Array.from({ length: 15 }, (_, k) => 2 ** k);

/** The requests of one sort to one version. */
export class RequestSeries {
  /** How many ended with each code. */
  readonly codes: Float64Array = new Float64Array(CODE_NAMES.length);
  /** Milliseconds from when the message was there to when the reply was made. */
  readonly total: Histogram = new Histogram(DURATION_BOUNDS_MS);
  /** The parts of it, of requests that were inferred. */
  readonly decode: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly queue: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly infer: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly encode: Histogram = new Histogram(DURATION_BOUNDS_MS);
  /** How many `tensorflow.Example`s those had that went well; undefined when none had any. */
  examples: Histogram | undefined;
  /** How many were not timed since one was, and that one. */
  #untold = 0;

  /** Counts one. Its times stand for those of the requests before it that were not timed. */
  count(record: RequestRecord | undefined, code: Code): void {
    (this.codes[code] as number)++;
    if (record === undefined) return;
    if (record.exampleCount > 0 && code === CODE.OK) this.#countExamples(record.exampleCount);
    this.#untold++;
    if (!record.isTimed) return;
    const times = this.#untold;
    this.#untold = 0;
    const nowMs = performance.now();
    this.total.observe(nowMs - record.startedMs, times);
    if (record.inferredMs === 0) return;
    this.decode.observe(record.firstEnqueuedMs - record.startedMs, times);
    this.queue.observe(record.queueMs, times);
    this.infer.observe(record.inferMs, times);
    this.encode.observe(nowMs - record.inferredMs, times);
  }

  /** Counts all that another has counted. */
  add(other: RequestCounts): void {
    for (let code = 0; code < this.codes.length; code++) (this.codes[code] as number) += other.codes[code] as number;
    for (const part of ["total", "decode", "queue", "infer", "encode"] as const) this[part].add(other[part]);
    if (other.examples !== undefined) (this.examples ??= new Histogram(EXAMPLES_BOUNDS)).add(other.examples);
  }

  #countExamples(count: number): void {
    this.examples ??= new Histogram(EXAMPLES_BOUNDS);
    this.examples.observe(count);
  }
}

/** What a series has counted: all that is left of one that comes from another thread. */
export type RequestCounts =
  & Pick<RequestSeries, "codes">
  & { readonly examples: HistogramCounts | undefined }
  & Readonly<Record<"total" | "decode" | "queue" | "infer" | "encode", HistogramCounts>>;

/** The requests to one version, or to a model of which no version answered. */
export interface VersionSeries {
  /** Empty when it was no model's. */
  readonly model: string;
  /** Empty when no version answered. */
  readonly version: string;
  readonly byKind: ReadonlyMap<RequestKind, RequestCounts>;
}

/**
 * All that was counted under labels that are made of a version and a kind; what gets the same labels is added up.
 *
 * @param labelsOf undefined for what is to be left out.
 */
export function grouped(
  versions: readonly VersionSeries[],
  labelsOf: (version: VersionSeries, kind: RequestKind) => Labels | undefined,
): Iterable<{ readonly labels: Labels; readonly series: RequestSeries }> {
  const groups = new Map<string, { labels: Labels; series: RequestSeries }>();
  for (const version of versions) {
    for (const [kind, series] of version.byKind) {
      const labels = labelsOf(version, kind);
      if (labels === undefined) continue;
      const key = JSON.stringify(labels);
      let group = groups.get(key);
      if (group === undefined) groups.set(key, group = { labels, series: new RequestSeries() });
      group.series.add(series);
    }
  }
  return groups.values();
}
