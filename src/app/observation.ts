/**
 * What a running server reports about itself: readiness, metrics, the request log, traces.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import type { Api } from "../apis/api.ts";
import { healthProbe } from "../apis/open_inference/probes.ts";
import { type Collector, Metrics, METRICS_MEDIA_TYPE, type MetricsPage } from "../base/metrics.ts";
import type { Config } from "../config/config.ts";
import { type MonitoringConfig, readMonitoringConfig } from "../config/monitoring_config.ts";
import type { ServableState } from "../core/manager.ts";
import type { Probe } from "../rest/route.ts";
import type { StatisticsSource, VersionStatistics } from "../service/inference_statistics.ts";
import { Readiness } from "../service/readiness.ts";
import { ProcessMetrics } from "../system/process_metrics.ts";
import { writeTritonMetrics } from "../telemetry/compatibility/triton_metric_names.ts";
import { addUp, type ModelFigures, modelFigures } from "../telemetry/model_figures.ts";
import { ModelMetrics } from "../telemetry/model_metrics.ts";
import type { RequestFigures } from "../telemetry/request_series.ts";
import { versionStatistics } from "../telemetry/version_statistics.ts";
import type { ServingThreads } from "../threads/serving_threads.ts";
import { RequestTelemetry } from "./request_telemetry.ts";
import type { ModelsListener, ServedModels } from "./served_models.ts";

const METRICS_PATH = "/metrics";
/** TensorFlow Serving's (tensorflow_serving/util/prometheus_exporter.cc). */
const TENSORFLOW_METRICS_PATH = "/monitoring/prometheus/metrics";

type ObservedConfig = Pick<Config, "observation" | "versionZeroMeansLatest">;

/** What is reported on. All of it is borrowed. */
export interface ObservationParts {
  readonly apis: readonly Api[];
  readonly models: ServedModels;
  /** Those besides the main one. */
  readonly threads: ServingThreads;
  readonly log: Log;
}

/** Observes a server until it is disposed. */
export class Observation implements ModelsListener, StatisticsSource, Disposable {
  readonly readiness: Readiness;
  /** Of the main thread. */
  readonly requests: RequestTelemetry;
  /** What HTTP clients may read beside the APIs: metrics and readiness. */
  readonly probes: readonly Probe[];
  readonly #metrics = new Metrics();
  readonly #models: ModelMetrics;
  readonly #manager: ServedModels["manager"];
  readonly #threads: ServingThreads;
  readonly #process = new ProcessMetrics();

  private constructor(
    { apis, models, threads, log }: ObservationParts,
    { config, requests, metricsPaths }: {
      config: ObservedConfig;
      requests: RequestTelemetry;
      metricsPaths: readonly string[];
    },
  ) {
    this.readiness = new Readiness({
      manager: models.manager,
      modelNames: () => models.names,
      services: apis.flatMap(({ healthServices }) => healthServices),
      isStrict: config.observation.isReadinessStrict,
      versionZeroMeansLatest: config.versionZeroMeansLatest,
    });
    this.#manager = models.manager;
    this.#threads = threads;
    this.requests = requests;
    this.#models = new ModelMetrics(models.manager);
    this.register((page) => collectServer(page, { isReady: this.readiness.isReady(), droppedLines: log.droppedLines }));
    this.register((page) => {
      const { figures } = threads;
      this.requests.metrics.collect(page, figures.map(({ requests }) => requests));
      this.#models.collect(page, {
        models: figures.flatMap(({ models }) => models),
        batches: figures.map(({ batches }) => batches),
      });
      const all = this.#figures();
      const versions = all.requests.flatMap((counted) => counted.versions);
      const statistics = versionStatistics(all.models, all.requests);
      writeTritonMetrics(page, { models: all.models, statistics, versions });
      this.#process.collect(page);
      collectThreads(page, threads);
    });
    const metricsReply = async () => {
      await threads.readFigures();
      return { status: 200, body: this.#metrics.page(), contentType: METRICS_MEDIA_TYPE };
    };
    this.probes = [
      { replyTo: (path) => metricsPaths.includes(path) ? metricsReply() : undefined },
      healthProbe(this.readiness),
    ];
  }

  /**
   * Starts to observe.
   *
   * @throws {Error} with the sentence to show if a file cannot be read.
   */
  static async open(config: ObservedConfig, parts: ObservationParts): Promise<Observation> {
    const { monitoringPath, logsRequests } = config.observation;
    const monitoring = monitoringPath === undefined ? undefined : await readMonitoringConfig(monitoringPath);
    const isModel = (name: string) => parts.models.names.includes(name);
    const requests = await RequestTelemetry.open(parts.log, { logsRequests, isModel });
    return new Observation(parts, { config, requests, metricsPaths: metricsPathsOf(monitoring) });
  }

  /** Adds to the metrics page. */
  register(collector: Collector): void {
    this.#metrics.register(collector);
  }

  /** Returns the statistics of all versions that serve, over all threads. */
  async statistics(): Promise<readonly VersionStatistics[]> {
    await this.#threads.readFigures();
    const { models, requests } = this.#figures();
    return versionStatistics(models, requests);
  }

  /** Of all threads: the other ones' as they were last read. */
  #figures(): { models: readonly ModelFigures[]; requests: readonly RequestFigures[] } {
    const { figures } = this.#threads;
    const models = addUp(modelFigures(this.#manager), figures.flatMap((counted) => counted.models));
    return { models, requests: [this.requests.metrics.figures(), ...figures.map(({ requests }) => requests)] };
  }

  onStateChange(state: ServableState): void {
    this.#models.onStateChange(state);
    if (state.state === "end") this.requests.metrics.forget(state.id);
    this.readiness.changed();
  }

  onModelsChange(): void {
    this.readiness.changed();
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }
}

/** As in TensorFlow Serving, a monitoring file enables metrics and may add a path. */
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
    help: "Log lines dropped because standard error was blocked.",
  }).add({}, droppedLines);
}

function collectThreads(page: MetricsPage, { count, replaced }: ServingThreads): void {
  page.family("ovserve_serving_threads", { type: "gauge", help: "Threads that serve gRPC." }).add({}, count + 1);
  page.family("ovserve_serving_threads_replaced_total", {
    type: "counter",
    help: "Serving threads that failed and were replaced.",
  }).add({}, replaced);
}
