/**
 * Metrics in Prometheus' text format. Modules count in plain numbers and {@link Histogram}s, which cost next to nothing, and write them
 * out when the page is requested.
 *
 * @module
 */

/**
 * Upper bounds for durations in milliseconds, 0.01 × 1.8ᵏ, from 10 µs to half an hour: the buckets of TensorFlow Serving
 * (tensorflow_serving/servables/tensorflow/util.cc) and of model_server, so that values can be exposed under their names.
 */
export const DURATION_BOUNDS_MS: readonly number[] = Array.from({ length: 33 }, (_, k) => rounded(0.01 * 1.8 ** k));

/** Counts values by size. */
export class Histogram {
  /** Upper bounds of the buckets, inclusive, in ascending order. */
  readonly bounds: readonly number[];
  /** Number of values in each bucket, not cumulative; the last is for values beyond all bounds. */
  readonly counts: Float64Array;
  /** Sum of all values. */
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value, or `times` equal ones. */
  observe(value: number, times = 1): void {
    const { bounds } = this;
    let bucket = 0;
    // Short durations are the most frequent, so the search starts at the first bucket.
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number) += times;
    this.sum += value * times;
  }

  /** Adds the counts of a histogram with the same bounds. */
  add(other: HistogramCounts): void {
    for (let i = 0; i < this.counts.length; i++) (this.counts[i] as number) += other.counts[i] as number;
    this.sum += other.sum;
  }
}

/** The counts of a histogram, which is what remains of one from another thread. */
export type HistogramCounts = Pick<Histogram, "bounds" | "counts" | "sum">;

/** Labels that distinguish the series of a family. */
export type Labels = Readonly<Record<string, string | number>>;

/** Prometheus' types of metrics. */
export type FamilyType = "counter" | "gauge" | "histogram" | "summary";

/** How a histogram is exposed. */
export interface HistogramOptions {
  /** Factor from the values' unit to the family's: 0.001 for milliseconds exposed in seconds. */
  readonly scale?: number;
  /** Emits every nth bucket; fewer make a shorter page. */
  readonly every?: number;
  /** Truncates bounds to integers, as some dashboards expect them. */
  readonly isCut?: boolean;
}

/** A family: all series of one metric name. */
export class Family {
  readonly #lines: string[];
  readonly #name: string;

  constructor(name: string, lines: string[]) {
    this.#name = name;
    this.#lines = lines;
  }

  /** Adds a series. */
  add(labels: Labels, value: number): void {
    this.#line("", labels, value);
  }

  /** Adds a histogram, unless it is empty. */
  addHistogram(
    labels: Labels,
    { bounds, counts, sum }: HistogramCounts,
    { scale = 1, every = 1, isCut = false }: HistogramOptions = {},
  ): void {
    if (counts.every((countOfBucket) => countOfBucket === 0)) return;
    let count = 0;
    for (const [bucket, bound] of bounds.entries()) {
      count += counts[bucket] as number;
      if (bucket % every !== 0) continue;
      const le = isCut ? Math.floor(bound * scale) : rounded(bound * scale);
      this.#line("_bucket", { ...labels, le }, count);
    }
    count += counts[bounds.length] as number;
    this.#line("_bucket", { ...labels, le: "+Inf" }, count);
    this.#line("_sum", labels, sum * scale);
    this.#line("_count", labels, count);
  }

  /** Adds a summary without quantiles: the number of values and their sum. */
  addSummary(labels: Labels, { count, sum }: { count: number; sum: number }): void {
    this.#line("_sum", labels, sum);
    this.#line("_count", labels, count);
  }

  #line(suffix: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escapeLabel(String(text))}"`);
    const braced = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    this.#lines.push(`${this.#name}${suffix}${braced} ${value}`);
  }
}

/** A page of metrics being written. */
export class MetricsPage {
  readonly #lines: string[] = [];

  /** Starts a family. Its series must be added before the next family starts. */
  family(name: string, { type, help }: { type: FamilyType; help: string }): Family {
    this.#lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    return new Family(name, this.#lines);
  }

  /** Returns the page in Prometheus' text format, version 0.0.4. */
  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/** Writes the families of one module. */
export type Collector = (page: MetricsPage) => void;

/** All metrics of the program. */
export class Metrics {
  readonly #collectors: Collector[] = [];

  /** Adds a collector, which writes to every page from now on. */
  register(collector: Collector): void {
    this.#collectors.push(collector);
  }

  /** Returns the current metrics, in Prometheus' text format. */
  page(): string {
    const page = new MetricsPage();
    for (const collect of this.#collectors) collect(page);
    return page.toString();
  }
}

/** The media type of {@link Metrics.page}. */
export const METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Removes the noise of binary fractions. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function escapeLabel(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
