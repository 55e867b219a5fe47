import assert from "node:assert/strict";
import { Metrics } from "../base/metrics.ts";
import { CODE } from "../base/status.ts";
import { RequestMetrics } from "./request_metrics.ts";
import type { RequestKind } from "./request_series.ts";

const PREDICT = { method: "Predict", interface: "gRPC" } as const;
const REST_PREDICT = { method: "Predict", interface: "REST" } as const;
const MODEL_INFER = { method: "ModelInfer", interface: "gRPC" } as const;
const CHECK = { method: "Check", interface: "gRPC" } as const;

/** Counters, and access to single series. */
class Rig {
  readonly requests = new RequestMetrics({ isModel: (name) => name === "m" || name === "n", timesAll: true });
  readonly #metrics = new Metrics();

  constructor() {
    this.#metrics.register((page) => this.requests.collect(page));
  }

  /** Counts a request that a version answers, or that ends before. */
  answer(
    version: number | undefined,
    options: { kind?: RequestKind; code?: 0 | 13 } = {},
  ): void {
    const record = this.requests.begin();
    record.modelName = "m";
    if (version !== undefined) {
      record.servable = versionOf(version);
      record.enqueued();
      record.started();
      record.finished();
    }
    this.requests.count(options.kind ?? PREDICT, record, options.code ?? CODE.OK);
  }

  /** Returns the value of a series by its name and labels on the page. */
  value(series: string): number | undefined {
    const line = this.#metrics.page().split("\n").find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }
}

const versions = new Map<number, { name: string; version: number }>();

/** Returns the same object each time, as a manager does. */
function versionOf(version: number): { name: string; version: number } {
  const id = versions.get(version) ?? { name: "m", version };
  versions.set(version, id);
  return id;
}

Deno.test("RequestMetrics counts by model, version, method, interface and code", () => {
  const rig = new Rig();
  rig.answer(1);
  rig.answer(1);
  rig.answer(2, { kind: REST_PREDICT });
  rig.answer(2, { code: CODE.INTERNAL });
  const labels = (version: number, by: string) => `model="m",version="${version}",method="Predict",interface="${by}"`;
  assert.equal(rig.value(`ovserve_requests_total{${labels(1, "gRPC")},code="OK"}`), 2);
  assert.equal(rig.value(`ovserve_requests_total{${labels(2, "REST")},code="OK"}`), 1);
  assert.equal(rig.value(`ovserve_requests_total{${labels(2, "gRPC")},code="INTERNAL"}`), 1);
  assert.equal(rig.value(`ovserve_request_duration_seconds_count{${labels(1, "gRPC")}}`), 2);
  for (const phase of ["decode", "queue", "infer", "encode"]) {
    const series = `ovserve_request_phase_duration_seconds_count{${labels(1, "gRPC")},phase="${phase}"}`;
    assert.equal(rig.value(series), 2, phase);
  }
});

Deno.test("RequestMetrics names a model that could not answer, but no unknown name", () => {
  const rig = new Rig();
  rig.answer(undefined, { code: CODE.INTERNAL });
  const series = (model: string) =>
    `ovserve_requests_total{model="${model}",version="",method="Predict",interface="gRPC",code="NOT_FOUND"}`;
  for (const name of ["n", "x1", "x2"]) {
    const record = rig.requests.begin();
    record.modelName = name;
    rig.requests.count(PREDICT, record, CODE.NOT_FOUND);
  }
  rig.requests.count(PREDICT, undefined, CODE.NOT_FOUND);
  assert.equal(rig.value(series("n")), 1);
  assert.equal(rig.value(series("")), 3);
  assert.equal(rig.value(series("x1")), undefined);
});

Deno.test("RequestMetrics exposes its figures under TensorFlow Serving's and model_server's names too", () => {
  const rig = new Rig();
  rig.answer(1);
  rig.answer(2);
  rig.answer(2, { kind: REST_PREDICT, code: CODE.INTERNAL });
  rig.answer(2, { kind: MODEL_INFER });
  rig.requests.count(CHECK, rig.requests.begin(), CODE.OK);
  const expected: Record<string, number> = {
    ':tensorflow:serving:request_count{model_name="m",status="OK"}': 3,
    ':tensorflow:serving:request_count{model_name="m",status="INTERNAL"}': 1,
    ':tensorflow:serving:request_latency_count{model_name="m",API="Predict",entrypoint="GRPC"}': 2,
    ':tensorflow:serving:request_latency_count{model_name="m",API="Predict",entrypoint="REST"}': 1,
    ':tensorflow:serving:runtime_latency_count{model_name="m",API="Predict",runtime="OpenVINO"}': 3,
    'ovms_requests_success{api="TensorFlowServing",interface="gRPC",method="Predict",name="m",version="2"}': 1,
    'ovms_requests_fail{api="TensorFlowServing",interface="REST",method="Predict",name="m",version="2"}': 1,
    'ovms_requests_success{api="KServe",interface="gRPC",method="ModelInfer",name="m",version="2"}': 1,
    'ovms_request_time_us_count{interface="gRPC",name="m",version="1"}': 1,
    'ovms_inference_time_us_count{name="m",version="2"}': 3,
    'ovms_wait_for_infer_req_time_us_count{name="m",version="2"}': 3,
  };
  for (const [series, value] of Object.entries(expected)) assert.equal(rig.value(series), value, series);
  const probes = ':tensorflow:serving:request_count{model_name="",status="OK"}';
  assert.equal(rig.value(probes), undefined, "health checks are no requests to models");
});

Deno.test("RequestMetrics counts the examples of successful requests, by model as TensorFlow Serving does", () => {
  const rig = new Rig();
  const classify = { method: "Classify", interface: "gRPC" } as const;
  const send = (exampleCount: number, code: 0 | 13) => {
    const record = rig.requests.begin();
    record.servable = versionOf(1);
    record.exampleCount = exampleCount;
    rig.requests.count(classify, record, code);
  };
  for (const exampleCount of [1, 3, 20_000]) send(exampleCount, CODE.OK);
  send(5, CODE.INTERNAL);
  rig.answer(1);
  const counts = ":tensorflow:serving:request_example_counts";
  assert.equal(rig.value(':tensorflow:serving:request_example_count_total{model="m"}'), 20_004);
  assert.equal(rig.value(`${counts}_bucket{model="m",le="2"}`), 1);
  assert.equal(rig.value(`${counts}_bucket{model="m",le="4"}`), 2);
  assert.equal(rig.value(`${counts}_bucket{model="m",le="16384"}`), 2);
  assert.equal(rig.value(`${counts}_count{model="m"}`), 3);
});

Deno.test("RequestMetrics exposes model_server's metadata requests, those about states without a version", () => {
  const rig = new Rig();
  const labels = (method: string) => `api="TensorFlowServing",interface="REST",method="${method}",name="m"`;
  const status = rig.requests.begin();
  status.modelName = "m";
  rig.requests.count({ method: "GetModelStatus", interface: "REST" }, status, CODE.OK);
  const metadata = rig.requests.begin();
  metadata.servable = versionOf(1);
  rig.requests.count({ method: "GetModelMetadata", interface: "REST" }, metadata, CODE.OK);
  assert.equal(rig.value(`ovms_requests_success{${labels("GetModelStatus")}}`), 1);
  assert.equal(rig.value(`ovms_requests_success{${labels("GetModelMetadata")},version="1"}`), 1);
  assert.equal(rig.value('ovms_request_time_us_count{interface="REST",name="m",version="1"}'), undefined);
});

Deno.test("RequestMetrics has the bucket bounds of model_server's dashboard, and those of TensorFlow Serving", () => {
  const rig = new Rig();
  rig.answer(1);
  const asked = { interface: "gRPC", name: "m", version: "1" };
  const labels = Object.entries(asked).map(([name, value]) => `${name}="${value}"`).join();
  for (const le of ["32", "67466", "218591"]) {
    assert.notEqual(rig.value(`ovms_request_time_us_bucket{${labels},le="${le}"}`), undefined, le);
  }
  const latency = ':tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC"';
  for (const le of ["10", "32.4", "67466.4"]) assert.notEqual(rig.value(`${latency},le="${le}"}`), undefined, le);
});

Deno.test("RequestMetrics exposes REST requests in flight, and the bytes of ended ones", () => {
  const rig = new Rig();
  rig.requests.rest.open();
  rig.requests.rest.open();
  rig.requests.rest.close({ receivedBytes: 100, sentBytes: 7 });
  assert.equal(rig.value("ovserve_rest_requests"), 1);
  assert.equal(rig.value("ovserve_rest_received_bytes_total"), 100);
  assert.equal(rig.value("ovserve_rest_sent_bytes_total"), 7);
});

Deno.test("RequestMetrics drops versions that ended long ago, while a model's sums never fall", () => {
  const rig = new Rig();
  const count = 100;
  for (let version = 1; version <= count; version++) {
    rig.answer(version);
    rig.requests.forget(versionOf(version));
    assert.equal(rig.value(':tensorflow:serving:request_count{model_name="m",status="OK"}'), version);
  }
  const ofVersion = (version: number) =>
    rig.value(
      `ovserve_requests_total{model="m",version="${version}",method="Predict",interface="gRPC",code="OK"}`,
    );
  assert.equal(ofVersion(1), undefined);
  assert.equal(ofVersion(count), 1, "the last figures of a version have to be fetched once");
});

Deno.test("RequestMetrics lets a timed request stand for the untimed ones before it", () => {
  const requests = new RequestMetrics({ isModel: () => true });
  const metrics = new Metrics();
  metrics.register((page) => requests.collect(page));
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    const record = requests.begin();
    record.servable = versionOf(1);
    record.enqueued();
    record.finished();
    requests.count(PREDICT, record, CODE.OK);
  }
  const page = metrics.page();
  assert.match(page, new RegExp(`^ovserve_requests_total.* ${count}$`, "m"));
  const timed = Number(/^ovserve_request_duration_seconds_count.* (\d+)$/m.exec(page)?.[1]);
  assert(timed > count - 16 && timed <= count, `${timed}`);
});
