/**
 * The figures on models under the names that TensorFlow Serving and model_server have for them, so that dashboards made for those
 * go on working.
 *
 * @module
 */
import { DURATION_BOUNDS_MS, Histogram, type MetricsPage } from "../../base/metrics.ts";
import type { ServableId } from "../../core/servable.ts";
import type { BatchCounts, BatchFigures } from "../../model/batching/batch_figures.ts";
import type { ModelServable } from "../../model/model_servable.ts";
import { BatchTotals } from "../batch_totals.ts";
import type { ModelFigures, ServableFigures } from "../model_figures.ts";

/** Folders that are told of; figures of those not loaded from for the longest time are dropped. */
const PATHS_MAX = 1024;

/** What came of loading from one folder. */
interface PathFigures {
  readonly attempts: { success: number; fail: number };
  /** Of the attempts that succeeded, without warming up. */
  loadMs: number;
  readonly warmUpMs: Histogram;
  records: number;
}

/** Keeps what only those servers tell of models, and writes all their families. */
export class ModelAliases {
  readonly #byPath = new Map<string, PathFigures>();
  readonly #batches = new BatchTotals();

  /** Counts a load, by the folder it was from. */
  onLoaded(path: string, { servable, ms }: { servable: ModelServable; ms: number }): void {
    const figures = this.#figuresOf(path);
    const { warmUp } = servable;
    figures.attempts.success++;
    figures.loadMs += ms - (warmUp?.ms ?? 0);
    if (warmUp === undefined) return;
    figures.warmUpMs.observe(warmUp.ms);
    figures.records += warmUp.records;
  }

  /** Counts a load that failed. */
  onLoadFailed(path: string): void {
    this.#figuresOf(path).attempts.fail++;
  }

  /** A version serves. */
  onAvailable(id: ServableId, servable: ModelServable): void {
    this.#batches.onAvailable(id, servable);
  }

  /** A version has ended; none of its batches is still inferred. */
  onEnd(id: ServableId): void {
    this.#batches.onEnd(id);
  }

  /** Writes the families of both servers: of the versions that serve, and with batches that were counted on other threads. */
  collect(
    page: MetricsPage,
    { servings, batches }: { servings: readonly ModelFigures[]; batches: readonly BatchCounts[] },
  ): void {
    this.#writeLoads(page);
    writeBatches(page, this.#batches.sum(batches));
    writeModelServer(page, servings);
  }

  /** Microseconds, in folders (tensorflow/cc/saved_model/loader.cc, servables/tensorflow/saved_model_warmup_util.cc). */
  #writeLoads(page: MetricsPage): void {
    const attempts = page.family(":tensorflow:cc:saved_model:load_attempt_count", {
      type: "counter",
      help: "Loads of models by folder, success or fail, as TensorFlow counts them.",
    });
    for (const [path, { attempts: { success, fail } }] of this.#byPath) {
      if (success > 0) attempts.add({ model_path: path, status: "success" }, success);
      if (fail > 0) attempts.add({ model_path: path, status: "fail" }, fail);
    }
    const latencies = page.family(":tensorflow:cc:saved_model:load_latency", {
      type: "counter",
      help: "Microseconds that loads took which succeeded, as TensorFlow adds them up.",
    });
    for (const [path, { attempts: { success }, loadMs }] of this.#byPath) {
      if (success > 0) latencies.add({ model_path: path }, Math.round(loadMs * 1000));
    }
    const warmUps = page.family(":tensorflow:serving:model_warmup_latency", {
      type: "histogram",
      help: "Microseconds that replaying a version's warm-up requests took, as TensorFlow Serving tells it.",
    });
    const warmed = [...this.#byPath].map(([path, figures]) => ({
      labels: { model_path: path, status: "OK" },
      figures,
    }));
    for (const { labels, figures } of warmed) warmUps.addHistogram(labels, figures.warmUpMs, { scale: 1000 });
    const records = page.family(":tensorflow:serving:model_warmup_records_read", {
      type: "counter",
      help: "Warm-up requests that were replayed, as TensorFlow Serving counts them.",
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

/** Those of TensorFlow Serving's batching session, of all models together (tensorflow_serving/batching/batching_session.cc). */
function writeBatches(page: MetricsPage, figures: BatchFigures): void {
  const histogram = (name: string, help: string) =>
    page.family(`:tensorflow:serving:batching_session:${name}`, { type: "histogram", help });
  // The name is empty there too, for models that the server loads.
  histogram("queuing_latency", "Microseconds that requests waited for their batch, as TensorFlow Serving tells it.")
    .addHistogram({ thread_pool_name: "" }, figures.waitMs, { scale: 1000 });
  histogram("input_batch_size", "Rows of each request, as TensorFlow Serving tells them.")
    .addHistogram({}, figures.requestRows);
  histogram("processed_batch_size", "Rows of each batch, filled up, as TensorFlow Serving tells them.")
    .addHistogram({}, figures.filledRows);
  const filling = histogram("padding_size", "Rows batches were filled up with, as TensorFlow Serving tells them.");
  for (const [rows, counted] of figures.fillingRows) filling.addHistogram({ execution_batch_size: rows }, counted);
  page.family(":tensorflow:serving:batching_session:wrapped_run_count", {
    type: "counter",
    help: "Batches that were inferred, as TensorFlow Serving counts them.",
  }).add({}, figures.filledRows.counts.reduce((sum, count) => sum + count));
}

/** Those of model_server, by version (src/model_metric_reporter.cpp). */
function writeModelServer(page: MetricsPage, servings: readonly ModelFigures[]): void {
  const gauge = (name: string, { help, valueOf }: { help: string; valueOf: (servable: ServableFigures) => number }) => {
    const family = page.family(name, { type: "gauge", help });
    for (const { id: { name: model, version }, servable } of servings) {
      family.add({ name: model, version }, valueOf(servable));
    }
  };
  gauge("ovms_streams", {
    help: "Execution streams of a version, as model_server tells them.",
    valueOf: ({ inferRequestsOptimal }) => inferRequestsOptimal,
  });
  gauge("ovms_infer_req_queue_size", {
    help: "Infer requests of a version, as model_server tells them.",
    valueOf: ({ inferRequestCount }) => inferRequestCount,
  });
  gauge("ovms_infer_req_active", {
    help: "Infer requests in use, as model_server tells them.",
    valueOf: ({ inferRequestsInUse }) => inferRequestsInUse,
  });
  gauge("ovms_current_requests", {
    help: "Requests that are inferred or wait for it, as model_server tells them.",
    valueOf: ({ requestsInUse }) => requestsInUse,
  });
}
