/**
 * Metrics under the names of OpenVINO Model Server (model_server), so that dashboards made for it keep working.
 *
 * @module
 */
import type { MetricsPage } from "../../base/metrics.ts";
import { CODE } from "../../base/status.ts";
import type { ModelFigures, ServableFigures } from "../model_figures.ts";
import { grouped, INFERENCE_METHODS, inferencesBy, type VersionSeries } from "../request_series.ts";

/** Methods that model_server counts besides those that infer, and the one of them that gets no version. */
const METADATA_METHODS: readonly string[] = ["GetModelMetadata", "GetModelStatus", "ModelMetadata"];
const METHOD_WITHOUT_VERSION = "GetModelStatus";

/** Methods of the Open Inference Protocol, whose name there is KServe's. */
const KSERVE_METHODS: readonly string[] = ["ModelInfer", "ModelStreamInfer", "ModelMetadata"];

/** Its bounds are integers: its dashboard asks for one of 67466. */
const MICROSECONDS = { scale: 1000, isCut: true } as const;

/** Writes the families of models, by version (src/model_metric_reporter.cpp). */
export function writeOvmsModels(page: MetricsPage, servings: readonly ModelFigures[]): void {
  const gauge = (name: string, { help, valueOf }: { help: string; valueOf: (servable: ServableFigures) => number }) => {
    const family = page.family(name, { type: "gauge", help });
    for (const { id: { name: model, version }, servable } of servings) {
      family.add({ name: model, version }, valueOf(servable));
    }
  };
  gauge("ovms_streams", {
    help: "Execution streams of a version (as in model_server).",
    valueOf: ({ inferRequestsOptimal }) => inferRequestsOptimal,
  });
  gauge("ovms_infer_req_queue_size", {
    help: "Infer requests of a version (as in model_server).",
    valueOf: ({ inferRequestCount }) => inferRequestCount,
  });
  gauge("ovms_infer_req_active", {
    help: "Infer requests in use (as in model_server).",
    valueOf: ({ inferRequestsInUse }) => inferRequestsInUse,
  });
  gauge("ovms_current_requests", {
    help: "Requests that are inferred or wait for inference (as in model_server).",
    valueOf: ({ requestsInUse }) => requestsInUse,
  });
}

/** Writes the families of requests, in microseconds and by version (model_server's docs/metrics.md). */
export function writeOvmsRequests(page: MetricsPage, versions: readonly VersionSeries[]): void {
  const success = page.family("ovms_requests_success", {
    type: "counter",
    help: "Requests that succeeded (as in model_server).",
  });
  const byMethod = [...grouped(versions, ({ model, version }, { method, interface: by }) => {
    if (!INFERENCE_METHODS.includes(method) && !METADATA_METHODS.includes(method)) return undefined;
    const api = KSERVE_METHODS.includes(method) ? "KServe" : "TensorFlowServing";
    const labels = { api, interface: by, method, name: model };
    return method === METHOD_WITHOUT_VERSION ? labels : { ...labels, version };
  })];
  for (const { labels, series } of byMethod) success.add(labels, series.codes[CODE.OK] ?? 0);
  const fail = page.family("ovms_requests_fail", {
    type: "counter",
    help: "Requests that failed (as in model_server).",
  });
  for (const { labels, series } of byMethod) {
    fail.add(labels, series.codes.reduce((sum, count) => sum + count) - (series.codes[CODE.OK] ?? 0));
  }
  const requestTimes = page.family("ovms_request_time_us", {
    type: "histogram",
    help: "Time of requests in microseconds (as in model_server).",
  });
  const byInterface = inferencesBy(versions, ({ model, version }, { interface: by }) => {
    return { interface: by, name: model, version };
  });
  for (const { labels, series } of byInterface) requestTimes.addHistogram(labels, series.total, MICROSECONDS);
  const byVersion = [...inferencesBy(versions, ({ model, version }) => ({ name: model, version }))];
  const inferenceTimes = page.family("ovms_inference_time_us", {
    type: "histogram",
    help: "Time of inferences in microseconds (as in model_server).",
  });
  for (const { labels, series } of byVersion) inferenceTimes.addHistogram(labels, series.infer, MICROSECONDS);
  const waitingTimes = page.family("ovms_wait_for_infer_req_time_us", {
    type: "histogram",
    help: "Time in microseconds that requests waited for an infer request (as in model_server).",
  });
  for (const { labels, series } of byVersion) waitingTimes.addHistogram(labels, series.queue, MICROSECONDS);
}
