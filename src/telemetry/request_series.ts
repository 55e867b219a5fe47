/**
 * Counts the requests of one kind to one version, and sums such counts. Knows no metric names.
 *
 * @module
 */
import { DURATION_BOUNDS_MS, Histogram, type HistogramCounts, type Labels } from "../base/metrics.ts";
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, type Code, type CodeName } from "../base/status.ts";

/** The kind of a request. Requests of the same kind share one object. */
export interface RequestKind {
  /** `Predict`, `GetModelStatus`. */
  readonly method: string;
  readonly interface: "gRPC" | "REST";
}

/** The methods that infer. */
export const INFERENCE_METHODS: readonly string[] = [
  "Predict",
  "Classify",
  "Regress",
  "MultiInference",
  "ModelInfer",
  "ModelStreamInfer",
];

/** The names of the codes by their numbers. */
export const CODE_NAMES: readonly CodeName[] = Object.keys(CODE) as CodeName[];

/** 1 to 16,384 `tensorflow.Example`s: the bounds of tensorflow_serving/servables/tensorflow/util.cc. */
const EXAMPLES_BOUNDS: readonly number[] = Array.from({ length: 15 }, (_, k) => 2 ** k);

/** The requests of one kind to one version. */
export class RequestSeries {
  /** Requests by the code they ended with. */
  readonly codes: Float64Array = new Float64Array(CODE_NAMES.length);
  /** Milliseconds from the arrival of the message to the encoded reply. */
  readonly total: Histogram = new Histogram(DURATION_BOUNDS_MS);
  /** The phases of that time, for requests that were inferred. */
  readonly decode: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly queue: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly infer: Histogram = new Histogram(DURATION_BOUNDS_MS);
  readonly encode: Histogram = new Histogram(DURATION_BOUNDS_MS);
  /** `tensorflow.Example`s of successful requests; undefined while none had any. */
  examples: Histogram | undefined;
  /** When the last timed request ended: milliseconds since the epoch; 0 if there was none. */
  lastEndedMs = 0;
  /** Requests since the last timed one, itself excluded. */
  #untimed = 0;

  /** Counts a request. Its times stand for those of the untimed requests before it too. */
  count(record: RequestRecord | undefined, code: Code): void {
    (this.codes[code] as number)++;
    if (record === undefined) return;
    if (record.exampleCount > 0 && code === CODE.OK) this.#countExamples(record.exampleCount);
    this.#untimed++;
    if (!record.isTimed) return;
    const times = this.#untimed;
    this.#untimed = 0;
    const nowMs = performance.now();
    this.lastEndedMs = performance.timeOrigin + nowMs;
    this.total.observe(nowMs - record.startedMs, times);
    if (record.inferredMs === 0) return;
    this.decode.observe(record.firstEnqueuedMs - record.startedMs, times);
    this.queue.observe(record.queueMs, times);
    this.infer.observe(record.inferMs, times);
    this.encode.observe(nowMs - record.inferredMs, times);
  }

  /** Adds another series. */
  add(other: RequestCounts): void {
    for (let code = 0; code < this.codes.length; code++) (this.codes[code] as number) += other.codes[code] as number;
    for (const part of ["total", "decode", "queue", "infer", "encode"] as const) this[part].add(other[part]);
    this.lastEndedMs = Math.max(this.lastEndedMs, other.lastEndedMs);
    if (other.examples !== undefined) (this.examples ??= new Histogram(EXAMPLES_BOUNDS)).add(other.examples);
  }

  #countExamples(count: number): void {
    this.examples ??= new Histogram(EXAMPLES_BOUNDS);
    this.examples.observe(count);
  }
}

/** The counts of a series, as they arrive from another thread. */
export type RequestCounts =
  & Pick<RequestSeries, "codes" | "lastEndedMs">
  & { readonly examples: HistogramCounts | undefined }
  & Readonly<Record<"total" | "decode" | "queue" | "infer" | "encode", HistogramCounts>>;

/** The requests to one version, or to a model if no version answered. */
export interface VersionSeries {
  /** Empty if the request named no known model. */
  readonly model: string;
  /** Empty if no version answered. */
  readonly version: string;
  readonly byKind: ReadonlyMap<RequestKind, RequestCounts>;
}

/**
 * Groups series by labels made from version and kind. Series with equal labels are summed.
 *
 * @param labelsOf returns undefined for series to leave out.
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

/** As {@link grouped}, of the requests that infer. */
export function inferencesBy(
  versions: readonly VersionSeries[],
  labelsOf: (version: VersionSeries, kind: RequestKind) => Labels,
): ReturnType<typeof grouped> {
  return grouped(
    versions,
    (version, kind) => INFERENCE_METHODS.includes(kind.method) ? labelsOf(version, kind) : undefined,
  );
}

/** What one thread has counted of requests. */
export interface RequestFigures {
  /** By version. */
  readonly versions: readonly VersionSeries[];
  /** By model, of versions whose own series have been dropped. */
  readonly retired: readonly VersionSeries[];
}
