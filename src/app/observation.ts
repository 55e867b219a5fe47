/**
 * What is told of a running server to those who watch it: readiness, metrics, the log of requests, traces.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { type Collector, Metrics, type MetricsPage } from "../base/metrics.ts";
import { ProcessMetrics } from "../system/process_metrics.ts";
import type { ObservationConfig } from "../config/config.ts";
import { type MonitoringConfig, readMonitoringConfig } from "../config/monitoring_config.ts";
import type { Manager, ServableState } from "../core/manager.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { Observed } from "../rest/observation_routes.ts";
import type { OnFault } from "../base/observed_request.ts";
import type { OnEnded } from "../telemetry/ended_request.ts";
import { faultLog } from "../telemetry/fault_log.ts";
import { ModelMetrics } from "../telemetry/model_metrics.ts";
import { Readiness } from "../service/readiness.ts";
import { requestListeners } from "../telemetry/request_listeners.ts";
import { RequestMetrics } from "../telemetry/request_metrics.ts";
import type { ServingThreads } from "../threads/serving_threads.ts";

const METRICS_PATH = "/metrics";
/** TensorFlow Serving's (tensorflow_serving/util/prometheus_exporter.cc). */
const TENSORFLOW_METRICS_PATH = "/monitoring/prometheus/metrics";

/** What is watched. */
export interface ObservationParts {
  readonly manager: Manager<ModelServable>;
  readonly modelNames: () => readonly string[];
  /** Those besides the main one. */
  readonly threads: ServingThreads;
  readonly log: Log;
  readonly isReadinessStrict: boolean;
}

/** What is found out before the watching begins. */
interface Preparations {
  readonly listeners: readonly OnEnded[];
  readonly metricsPaths: readonly string[];
}

/** Watches a server. Disposing it ends that. */
export class Observation implements Disposable {
  readonly readiness: Readiness;
  /** Counts requests. */
  readonly requests: RequestMetrics;
  /** Who else hears of each request's end. */
  readonly listeners: readonly OnEnded[];
  /** Who hears of requests that fail through a fault of ours. */
  readonly onFault: OnFault;
  /** What may be asked for over HTTP. */
  readonly observed: Observed;
  readonly #metrics = new Metrics();
  readonly #models: ModelMetrics;
  readonly #process = new ProcessMetrics();

  private constructor(parts: ObservationParts, { listeners, metricsPaths }: Preparations) {
    const { manager, modelNames, threads, log, isReadinessStrict: isStrict } = parts;
    this.listeners = listeners;
    this.onFault = faultLog(log);
    this.readiness = new Readiness({ manager, modelNames, isStrict });
    this.requests = new RequestMetrics({
      isModel: (name) => modelNames().includes(name),
      timesAll: listeners.length > 0,
    });
    this.#models = new ModelMetrics(manager);
    this.register((page) => collectServer(page, { isReady: this.readiness.isReady(), droppedLines: log.droppedLines }));
    this.register((page) => {
      const { figures } = threads;
      this.requests.collect(page, figures.map(({ requests }) => requests));
      this.#models.collect(page, {
        models: figures.flatMap(({ models }) => models),
        batches: figures.map(({ batches }) => batches),
      });
      this.#process.collect(page);
      collectThreads(page, threads);
    });
    const metricsPage = async () => {
      await threads.readFigures();
      return this.#metrics.page();
    };
    this.observed = { readiness: this.readiness, metricsPage, metricsPaths };
  }

  /**
   * Begins to watch.
   *
   * @throws {Error} with the sentence to show when a file cannot be read.
   */
  static async begin(
    config: ObservationConfig,
    parts: Omit<ObservationParts, "isReadinessStrict">,
  ): Promise<Observation> {
    const { monitoringPath, logsRequests, isReadinessStrict } = config;
    const monitoring = monitoringPath === undefined ? undefined : await readMonitoringConfig(monitoringPath);
    const listeners = await requestListeners({ logsRequests }, parts.log);
    return new Observation({ ...parts, isReadinessStrict }, { listeners, metricsPaths: metricsPathsOf(monitoring) });
  }

  /** Has more told on the page of metrics. */
  register(collector: Collector): void {
    this.#metrics.register(collector);
  }

  /** Takes in a change of state. */
  onStateChange(state: ServableState): void {
    this.#models.onStateChange(state);
    if (state.state === "end") this.requests.forget(state.id);
    this.readiness.changed();
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }
}

/** With a file it is as in TensorFlow Serving: the file says whether, and where besides. */
function metricsPathsOf(monitoring: MonitoringConfig | undefined): readonly string[] {
  if (monitoring?.isEnabled === false) return [];
  return [METRICS_PATH, monitoring?.path ?? TENSORFLOW_METRICS_PATH];
}

function collectServer(page: MetricsPage, { isReady, droppedLines }: { isReady: boolean; droppedLines: number }): void {
  page.family("ovserve_ready", { type: "gauge", help: "1 while the server is ready, else 0." }).add(
    {},
    Number(isReady),
  );
  page.family("ovserve_log_lines_dropped_total", {
    type: "counter",
    help: "Lines of the log that were dropped because standard error did not take them.",
  }).add({}, droppedLines);
}

function collectThreads(page: MetricsPage, { count, replaced }: ServingThreads): void {
  page.family("ovserve_serving_threads", { type: "gauge", help: "Threads that serve gRPC." }).add({}, count + 1);
  page.family("ovserve_serving_threads_replaced_total", {
    type: "counter",
    help: "Serving threads that failed and were replaced.",
  }).add({}, replaced);
}
