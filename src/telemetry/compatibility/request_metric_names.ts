/**
 * The figures on requests under the names that TensorFlow Serving and model_server have for them, so that dashboards made for those
 * go on working.
 *
 * @module
 */
import type { Labels, MetricsPage } from "../../base/metrics.ts";
import { CODE } from "../../base/status.ts";
import { CODE_NAMES, grouped, type RequestKind, type VersionSeries } from "../request_series.ts";

/** What both servers count: requests to models. */
const METHODS: readonly string[] = ["Predict", "Classify", "Regress", "MultiInference"];

/** What model_server counts besides, and to which of those it gives no version. */
const ABOUT_METHODS: readonly string[] = ["GetModelMetadata", "GetModelStatus"];
const METHOD_WITHOUT_VERSION = "GetModelStatus";

/** Its bounds are whole: its dashboard asks for one of 67466. */
const MICROSECONDS = { scale: 1000, isCut: true } as const;

/** What is counted, and what was by versions that are gone. */
export interface RequestFigures {
  readonly versions: readonly VersionSeries[];
  readonly retired: readonly VersionSeries[];
}

/** Writes the families of both servers. */
export function writeRequestAliases(page: MetricsPage, { versions, retired }: RequestFigures): void {
  writeTensorFlowServing(page, [...retired, ...versions]);
  writeModelServer(page, versions);
}

/** Those of TensorFlow Serving: microseconds, no versions (tensorflow_serving/servables/tensorflow/util.cc). */
function writeTensorFlowServing(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const requests = page.family(":tensorflow:serving:request_count", {
    type: "counter",
    help: "Requests by model and status, as TensorFlow Serving counts them.",
  });
  for (const { labels, series } of toModels(versions, ({ model }) => ({ model_name: model }))) {
    for (const [code, count] of series.codes.entries()) {
      if (count > 0) requests.add({ ...labels, status: CODE_NAMES[code] ?? "" }, count);
    }
  }
  const latencies = page.family(":tensorflow:serving:request_latency", {
    type: "histogram",
    help: "Time of requests in microseconds, as TensorFlow Serving tells it.",
  });
  const byEntrypoint = toModels(versions, ({ model }, kind) => {
    return { model_name: model, API: kind.method, entrypoint: kind.interface === "gRPC" ? "GRPC" : "REST" };
  });
  for (const { labels, series } of byEntrypoint) latencies.addHistogram(labels, series.total, { scale: 1000 });
  const runtimes = page.family(":tensorflow:serving:runtime_latency", {
    type: "histogram",
    help: "Time of inferences in microseconds, as TensorFlow Serving tells it.",
  });
  const byMethod = toModels(versions, ({ model }, { method }) => {
    return { model_name: model, API: method, runtime: "OpenVINO" };
  });
  for (const { labels, series } of byMethod) runtimes.addHistogram(labels, series.infer, { scale: 1000 });
  writeExamples(page, versions);
}

function writeExamples(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const byModel = [...toModels(versions, ({ model }) => ({ model }))];
  const counts = page.family(":tensorflow:serving:request_example_counts", {
    type: "histogram",
    help: "tensorflow.Examples of each request that had any, as TensorFlow Serving tells them.",
  });
  for (const { labels, series: { examples } } of byModel) {
    if (examples !== undefined) counts.addHistogram(labels, examples);
  }
  const total = page.family(":tensorflow:serving:request_example_count_total", {
    type: "counter",
    help: "tensorflow.Examples of all requests, as TensorFlow Serving counts them.",
  });
  for (const { labels, series: { examples } } of byModel) if (examples !== undefined) total.add(labels, examples.sum);
}

/** Those of model_server: microseconds, by version (model_server's docs/metrics.md). */
function writeModelServer(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const success = page.family("ovms_requests_success", {
    type: "counter",
    help: "Requests that went well, as model_server counts them.",
  });
  const byMethod = [...grouped(versions, ({ model, version }, { method, interface: by }) => {
    if (!METHODS.includes(method) && !ABOUT_METHODS.includes(method)) return undefined;
    const labels = { api: "TensorFlowServing", interface: by, method, name: model };
    return method === METHOD_WITHOUT_VERSION ? labels : { ...labels, version };
  })];
  for (const { labels, series } of byMethod) success.add(labels, series.codes[CODE.OK] ?? 0);
  const fail = page.family("ovms_requests_fail", {
    type: "counter",
    help: "Requests that failed, as model_server counts them.",
  });
  for (const { labels, series } of byMethod) {
    fail.add(labels, series.codes.reduce((sum, count) => sum + count) - (series.codes[CODE.OK] ?? 0));
  }
  const requestTimes = page.family("ovms_request_time_us", {
    type: "histogram",
    help: "Time of requests in microseconds, as model_server tells it.",
  });
  const byInterface = toModels(versions, ({ model, version }, { interface: by }) => {
    return { interface: by, name: model, version };
  });
  for (const { labels, series } of byInterface) requestTimes.addHistogram(labels, series.total, MICROSECONDS);
  const byVersion = [...toModels(versions, ({ model, version }) => ({ name: model, version }))];
  const inferenceTimes = page.family("ovms_inference_time_us", {
    type: "histogram",
    help: "Time of inferences in microseconds, as model_server tells it.",
  });
  for (const { labels, series } of byVersion) inferenceTimes.addHistogram(labels, series.infer, MICROSECONDS);
  const waitingTimes = page.family("ovms_wait_for_infer_req_time_us", {
    type: "histogram",
    help: "Time in microseconds that requests waited for an infer request, as model_server tells it.",
  });
  for (const { labels, series } of byVersion) waitingTimes.addHistogram(labels, series.queue, MICROSECONDS);
}

function toModels(
  versions: readonly VersionSeries[],
  labelsOf: (version: VersionSeries, kind: RequestKind) => Labels,
): ReturnType<typeof grouped> {
  return grouped(versions, (version, kind) => METHODS.includes(kind.method) ? labelsOf(version, kind) : undefined);
}
