import assert from "node:assert/strict";
import { Metrics } from "../base/metrics.ts";
import { RequestRecord } from "../base/request_record.ts";
import { CODE, ServingError } from "../base/status.ts";
import { Manager } from "../core/manager.ts";
import { FakeEngine, type FakeModelFile } from "../engine/testing/fake_engine.ts";
import type { BatchingOptions } from "../model/batching/batch_predictor.ts";
import { floats, VersionFolder } from "../model/testing/loading.ts";
import { ModelServable } from "../model/model_servable.ts";
import { ModelMetrics } from "./model_metrics.ts";
import { MANAGER_OPTIONS } from "../core/testing/manager_rig.ts";

const ROWS: FakeModelFile = {
  compute: "add",
  value: 1,
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1, 1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1, 1] }],
};

const BATCHING: BatchingOptions = {
  requestRowsMax: 8,
  batchRowsMax: 8,
  batchTimeoutMs: 0,
  waitingBatchesMax: 10,
  batchesAtOnceMax: 1,
  allowedBatchRows: [2, 8],
  isPadding: false,
};

const PADDING = ":tensorflow:serving:batching_session:padding_size";

/** A manager with models of each test's making, and access to single series. */
class Rig implements AsyncDisposable {
  readonly manager: Manager<ModelServable>;
  readonly #metrics = new Metrics();
  readonly #engine = new FakeEngine({ inferRequestsOptimal: 3 });

  constructor() {
    this.manager = new Manager<ModelServable>({
      ...MANAGER_OPTIONS,
      loadRetriesMax: 0,
      onStateChange: (state) => models.onStateChange(state),
    });
    const models = new ModelMetrics(this.manager);
    this.#metrics.register((page) => models.collect(page));
  }

  /** Aspires these versions of the model m, and waits until they are available or failed. */
  async aspire(
    versions: readonly number[],
    { load = () => this.servable(), revision = "" }: { load?: () => Promise<ModelServable>; revision?: string } = {},
  ): Promise<void> {
    const loaders = versions.map((version) => {
      return [version, { fingerprint: "", revision, origin: `/models/m/${version}`, load }] as const;
    });
    this.manager.aspire("m", new Map(loaders));
    await this.manager.settled();
  }

  async servable(batching?: BatchingOptions): Promise<ModelServable> {
    using folder = new VersionFolder();
    using model = await this.#engine.read(folder.writeModel(ROWS).path);
    const compiled = await model.compile({ device: "CPU" });
    const graph = { compiled, inferRequestCount: 2, inLoopBytesMax: 1000, waitersMax: 1, batching };
    return new ModelServable({ signatures: new Map(), graphs: [graph] });
  }

  /** Predicts that many rows with the available version. */
  async predict(rows: number): Promise<void> {
    using handle = this.manager.acquire({ name: "m" });
    await handle.servable.predict([floats(new Array(rows).fill(1), [rows, 1])], {
      signature: { inputs: [], outputs: [], outputPorts: undefined },
      caller: { signal: new AbortController().signal, record: new RequestRecord() },
      use: () => {},
    });
  }

  value(series: string): number | undefined {
    const line = this.#metrics.page().split("\n").find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }
}

Deno.test("ModelMetrics exposes loads by model, and by folder as TensorFlow does", async () => {
  await using rig = new Rig();
  await rig.aspire([1]);
  assert.equal(rig.value('ovserve_loads_total{model="m",outcome="ok"}'), 1);
  assert.equal(rig.value('ovserve_loads_total{model="m",outcome="error"}'), 0);
  await rig.aspire([1, 2], {
    load: () => Promise.reject(new ServingError(CODE.INVALID_ARGUMENT, "no model")),
  });
  const attempts = (version: number, status: string) =>
    rig.value(`:tensorflow:cc:saved_model:load_attempt_count{model_path="/models/m/${version}",status="${status}"}`);
  assert.deepEqual([attempts(1, "success"), attempts(1, "fail")], [1, undefined]);
  assert.deepEqual([attempts(2, "success"), attempts(2, "fail")], [undefined, 1]);
  assert.equal(rig.value('ovserve_loads_total{model="m",outcome="error"}'), 1);
  const latency = (version: number) =>
    rig.value(`:tensorflow:cc:saved_model:load_latency{model_path="/models/m/${version}"}`);
  assert((latency(1) ?? 0) > 0);
  assert.equal(latency(2), undefined);
});

Deno.test("ModelMetrics exposes warm-up by folder, and excludes it from the load time", async () => {
  await using rig = new Rig();
  const hourMs = 3_600_000;
  await rig.aspire([1], {
    load: async () => {
      const servable = await rig.servable();
      servable.warmUp = { records: 7, ms: -hourMs };
      return servable;
    },
  });
  const labels = 'model_path="/models/m/1"';
  assert.equal(rig.value(`:tensorflow:serving:model_warmup_records_read{${labels},status="OK"}`), 7);
  assert.equal(rig.value(`:tensorflow:serving:model_warmup_latency_count{${labels},status="OK"}`), 1);
  assert((rig.value(`:tensorflow:cc:saved_model:load_latency{${labels}}`) ?? 0) >= hourMs * 1000);
});

Deno.test("ModelMetrics exposes the figures of available versions, and no warm-up if there was none", async () => {
  await using rig = new Rig();
  await rig.aspire([1]);
  const expected: Record<string, number | undefined> = {
    'ovserve_infer_requests{model="m",version="1"}': 2,
    'ovserve_infer_requests_in_use{model="m",version="1"}': 0,
    'ovms_streams{name="m",version="1"}': 3,
    'ovms_infer_req_queue_size{name="m",version="1"}': 2,
    'ovms_infer_req_active{name="m",version="1"}': 0,
    'ovms_current_requests{name="m",version="1"}': 0,
    ':tensorflow:serving:model_warmup_latency_count{model_path="/models/m/1",status="OK"}': undefined,
    ":tensorflow:serving:batching_session:wrapped_run_count": 0,
  };
  for (const [series, value] of Object.entries(expected)) assert.equal(rig.value(series), value, series);
});

Deno.test("ModelMetrics exposes batches as TensorFlow Serving does, and they never fall when a version ends", async () => {
  await using rig = new Rig();
  const load = () => rig.servable(BATCHING);
  const expect = (batches: number, rows: number) => {
    const session = ":tensorflow:serving:batching_session:";
    assert.equal(rig.value(`${session}wrapped_run_count`), batches);
    assert.equal(rig.value(`${session}input_batch_size_sum`), rows);
    assert.equal(rig.value(`${session}queuing_latency_count{thread_pool_name=""}`), batches);
  };
  await rig.aspire([1], { load });
  await rig.predict(3);
  await rig.predict(8);
  expect(2, 11);
  assert.equal(rig.value(":tensorflow:serving:batching_session:processed_batch_size_sum"), 16);
  assert.equal(rig.value(`${PADDING}_sum{execution_batch_size="8"}`), 5);
  assert.equal(rig.value(`${PADDING}_count{execution_batch_size="8"}`), 2);
  assert.equal(rig.value('ovserve_batch_rows_sum{model="m",version="1"}'), 11);
  await rig.aspire([2], { load });
  expect(2, 11);
  assert.equal(rig.value('ovserve_batch_rows_sum{model="m",version="1"}'), undefined);
  await rig.predict(1);
  expect(3, 12);
  assert.equal(rig.value(`${PADDING}_sum{execution_batch_size="2"}`), 1);
  await rig.aspire([2], { load, revision: "replaced beside itself" });
  await rig.predict(2);
  expect(4, 14);
});

Deno.test("ModelMetrics counts a request as current until it is answered, batched or not", async () => {
  await using rig = new Rig();
  const current = 'ovms_current_requests{name="m",version="1"}';
  await rig.aspire([1], { load: () => rig.servable(BATCHING) });
  const answers = [rig.predict(1), rig.predict(3)];
  assert.equal(rig.value(current), 2);
  await Promise.all(answers);
  assert.equal(rig.value(current), 0);
});
