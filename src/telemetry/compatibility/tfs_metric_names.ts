/**
 * Metrics under TensorFlow Serving's names, so that dashboards made for it keep working.
 *
 * @module
 */
import { DURATION_BOUNDS_MS, Histogram, type MetricsPage } from "../../base/metrics.ts";
import type { ServableId } from "../../core/servable.ts";
import type { BatchCounts, BatchFigures } from "../../model/batching/batch_figures.ts";
import type { ModelServable } from "../../model/model_servable.ts";
import { BatchTotals } from "../batch_totals.ts";
import { CODE_NAMES, inferencesBy, type VersionSeries } from "../request_series.ts";

/** Folders with figures; those of the folder that was loaded from longest ago are dropped first. */
const PATHS_MAX = 1024;

/** Figures of loads from one folder. */
interface PathFigures {
  readonly attempts: { success: number; fail: number };
  /** Duration of successful loads, without warm-up. */
  loadMs: number;
  readonly warmUpMs: Histogram;
  records: number;
}

/** Counts what TensorFlow Serving exposes about models, and writes it. */
export class TfsModelMetrics {
  readonly #byPath = new Map<string, PathFigures>();
  readonly #batches = new BatchTotals();

  /** Counts a successful load from a folder. */
  onLoaded(path: string, { servable, ms }: { servable: ModelServable; ms: number }): void {
    const figures = this.#figuresOf(path);
    const { warmUp } = servable;
    figures.attempts.success++;
    figures.loadMs += ms - (warmUp?.ms ?? 0);
    if (warmUp === undefined) return;
    figures.warmUpMs.observe(warmUp.ms);
    figures.records += warmUp.records;
  }

  /** Counts a failed load from a folder. */
  onLoadFailed(path: string): void {
    this.#figuresOf(path).attempts.fail++;
  }

  /** A version has become available. */
  onAvailable(id: ServableId, servable: ModelServable): void {
    this.#batches.onAvailable(id, servable);
  }

  /** A version has ended, and with it its last batch. */
  onEnd(id: ServableId): void {
    this.#batches.onEnd(id);
  }

  /** Writes the families. `batches` are those that other threads have counted. */
  collect(page: MetricsPage, batches: readonly BatchCounts[]): void {
    this.#writeLoads(page);
    writeBatches(page, this.#batches.sum(batches));
  }

  /** In microseconds, by folder (tensorflow/cc/saved_model/loader.cc, servables/tensorflow/saved_model_warmup_util.cc). */
  #writeLoads(page: MetricsPage): void {
    const attempts = page.family(":tensorflow:cc:saved_model:load_attempt_count", {
      type: "counter",
      help: "Loads of models by folder, success or fail (as in TensorFlow).",
    });
    for (const [path, { attempts: { success, fail } }] of this.#byPath) {
      if (success > 0) attempts.add({ model_path: path, status: "success" }, success);
      if (fail > 0) attempts.add({ model_path: path, status: "fail" }, fail);
    }
    const latencies = page.family(":tensorflow:cc:saved_model:load_latency", {
      type: "counter",
      help: "Microseconds that successful loads took (as in TensorFlow).",
    });
    for (const [path, { attempts: { success }, loadMs }] of this.#byPath) {
      if (success > 0) latencies.add({ model_path: path }, Math.round(loadMs * 1000));
    }
    const warmUps = page.family(":tensorflow:serving:model_warmup_latency", {
      type: "histogram",
      help: "Microseconds to replay a version's warm-up requests (as in TensorFlow Serving).",
    });
    const warmed = [...this.#byPath].map(([path, figures]) => ({
      labels: { model_path: path, status: "OK" },
      figures,
    }));
    for (const { labels, figures } of warmed) warmUps.addHistogram(labels, figures.warmUpMs, { scale: 1000 });
    const records = page.family(":tensorflow:serving:model_warmup_records_read", {
      type: "counter",
      help: "Warm-up requests that were replayed (as in TensorFlow Serving).",
    });
    for (const { labels, figures } of warmed) if (figures.records > 0) records.add(labels, figures.records);
  }

  #figuresOf(path: string): PathFigures {
    const figures = this.#byPath.get(path) ??
      { attempts: { success: 0, fail: 0 }, loadMs: 0, warmUpMs: new Histogram(DURATION_BOUNDS_MS), records: 0 };
    this.#byPath.delete(path);
    this.#byPath.set(path, figures);
    for (const oldest of this.#byPath.keys()) {
      if (this.#byPath.size <= PATHS_MAX) break;
      this.#byPath.delete(oldest);
    }
    return figures;
  }
}

/** The batching session's figures, over all models (tensorflow_serving/batching/batching_session.cc). */
function writeBatches(page: MetricsPage, figures: BatchFigures): void {
  const histogram = (name: string, help: string) =>
    page.family(`:tensorflow:serving:batching_session:${name}`, { type: "histogram", help });
  // TensorFlow Serving leaves the name empty too for models that the server loads.
  histogram("queuing_latency", "Microseconds that requests waited for their batch (as in TensorFlow Serving).")
    .addHistogram({ thread_pool_name: "" }, figures.waitMs, { scale: 1000 });
  histogram("input_batch_size", "Rows of each request (as in TensorFlow Serving).")
    .addHistogram({}, figures.requestRows);
  histogram("processed_batch_size", "Rows of each batch, padding included (as in TensorFlow Serving).")
    .addHistogram({}, figures.filledRows);
  const filling = histogram("padding_size", "Padding rows of batches (as in TensorFlow Serving).");
  for (const [rows, counted] of figures.fillingRows) filling.addHistogram({ execution_batch_size: rows }, counted);
  page.family(":tensorflow:serving:batching_session:wrapped_run_count", {
    type: "counter",
    help: "Batches that were inferred (as in TensorFlow Serving).",
  }).add({}, figures.filledRows.counts.reduce((sum, count) => sum + count));
}

/**
 * Writes the families of requests, in microseconds and without versions (tensorflow_serving/servables/tensorflow/util.cc).
 *
 * @param versions those that have ended too.
 */
export function writeTfsRequests(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const requests = page.family(":tensorflow:serving:request_count", {
    type: "counter",
    help: "Requests by model and status (as in TensorFlow Serving).",
  });
  for (const { labels, series } of inferencesBy(versions, ({ model }) => ({ model_name: model }))) {
    for (const [code, count] of series.codes.entries()) {
      if (count > 0) requests.add({ ...labels, status: CODE_NAMES[code] ?? "" }, count);
    }
  }
  const latencies = page.family(":tensorflow:serving:request_latency", {
    type: "histogram",
    help: "Time of requests in microseconds (as in TensorFlow Serving).",
  });
  const byEntrypoint = inferencesBy(versions, ({ model }, kind) => {
    return { model_name: model, API: kind.method, entrypoint: kind.interface === "gRPC" ? "GRPC" : "REST" };
  });
  for (const { labels, series } of byEntrypoint) latencies.addHistogram(labels, series.total, { scale: 1000 });
  const runtimes = page.family(":tensorflow:serving:runtime_latency", {
    type: "histogram",
    help: "Time of inferences in microseconds (as in TensorFlow Serving).",
  });
  const byMethod = inferencesBy(versions, ({ model }, { method }) => {
    return { model_name: model, API: method, runtime: "OpenVINO" };
  });
  for (const { labels, series } of byMethod) runtimes.addHistogram(labels, series.infer, { scale: 1000 });
  writeExamples(page, versions);
}

function writeExamples(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const byModel = [...inferencesBy(versions, ({ model }) => ({ model }))];
  const counts = page.family(":tensorflow:serving:request_example_counts", {
    type: "histogram",
    help: "tensorflow.Examples of each request that has any (as in TensorFlow Serving).",
  });
  for (const { labels, series: { examples } } of byModel) {
    if (examples !== undefined) counts.addHistogram(labels, examples);
  }
  const total = page.family(":tensorflow:serving:request_example_count_total", {
    type: "counter",
    help: "tensorflow.Examples of all requests (as in TensorFlow Serving).",
  });
  for (const { labels, series: { examples } } of byModel) if (examples !== undefined) total.add(labels, examples.sum);
}
