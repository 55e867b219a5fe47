/**
 * Counting, and telling what was counted in Prometheus' text format. Whoever counts keeps plain numbers and {@link Histogram}s, which
 * cost next to nothing, and writes them out when somebody looks.
 *
 * @module
 */

/**
 * Upper bounds for durations in milliseconds, 0.01 × 1.8ᵏ, from 10 µs to half an hour: the buckets of TensorFlow Serving
 * (tensorflow_serving/servables/tensorflow/util.cc) and of model_server, so that figures can be told in their names.
 */
export const DURATION_BOUNDS_MS: readonly number[] = Array.from({ length: 33 }, (_, k) => rounded(0.01 * 1.8 ** k));

/** Values counted by size. */
export class Histogram {
  /** Upper bounds of the buckets, inclusive, in ascending order. */
  readonly bounds: readonly number[];
  /** How many values are in each bucket and in no smaller one; the last is for what is beyond all bounds. */
  readonly counts: Float64Array;
  /** Of all values. */
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value, or several that are taken to be the same. */
  observe(value: number, times = 1): void {
    const { bounds } = this;
    let bucket = 0;
    // Short durations are the frequent ones, so the first buckets are found first.
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number) += times;
    this.sum += value * times;
  }

  /** Counts all that another of the same bounds has counted. */
  add(other: HistogramCounts): void {
    for (let i = 0; i < this.counts.length; i++) (this.counts[i] as number) += other.counts[i] as number;
    this.sum += other.sum;
  }
}

/** What a histogram has counted: all that is left of one that comes from another thread. */
export type HistogramCounts = Pick<Histogram, "bounds" | "counts" | "sum">;

/** Names and values that tell series of one family apart. */
export type Labels = Readonly<Record<string, string | number>>;

/** What a family's values mean (Prometheus' types). */
export type FamilyType = "counter" | "gauge" | "histogram" | "summary";

/** How a histogram is told. */
export interface HistogramOptions {
  /** What a unit of the values is in units of the family: 0.001 for milliseconds told in seconds. */
  readonly scale?: number;
  /** Tells every how-manieth bucket; fewer make a shorter page. */
  readonly every?: number;
  /** Writes bounds without what follows the point, as some dashboards ask for them. */
  readonly isCut?: boolean;
}

/** One family on a page: all series of one name. */
export class Family {
  readonly #lines: string[];
  readonly #name: string;

  constructor(name: string, lines: string[]) {
    this.#name = name;
    this.#lines = lines;
  }

  /** Tells a value. */
  add(labels: Labels, value: number): void {
    this.#line("", labels, value);
  }

  /** Tells a histogram, unless it has counted nothing. */
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

  /** Tells how many values there were and their sum, where their sizes do not matter. */
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

/** A page of families, as it is written. */
export class MetricsPage {
  readonly #lines: string[] = [];

  /** Begins a family. Its series come before the next family's. */
  family(name: string, { type, help }: { type: FamilyType; help: string }): Family {
    this.#lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    return new Family(name, this.#lines);
  }

  /** The page in Prometheus' text format, version 0.0.4. */
  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/** Writes families that nobody else writes. */
export type Collector = (page: MetricsPage) => void;

/** All that is counted in the program. */
export class Metrics {
  readonly #collectors: Collector[] = [];

  /** Has a collector write to every page from now on. */
  register(collector: Collector): void {
    this.#collectors.push(collector);
  }

  /** What there is to tell just now, in Prometheus' text format. */
  page(): string {
    const page = new MetricsPage();
    for (const collect of this.#collectors) collect(page);
    return page.toString();
  }
}

/** The media type of {@link Metrics.page}. */
export const METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Without the noise of binary fractions. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function escapeLabel(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
