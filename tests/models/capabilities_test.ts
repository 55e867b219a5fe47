/** The services over models in memory, with an engine that has all optional capabilities and with one that has none. */
import assert from "node:assert/strict";
import { CODE } from "../../src/base/status.ts";
import type { Tensor } from "../../src/base/tensor.ts";
import { Manager } from "../../src/core/manager.ts";
import { floats, floatsOf } from "../../src/engine/testing/engine_rig.ts";
import {
  FakeEngine,
  type FakeEngineOptions,
  type FakeModelFile,
  testEachEngine,
} from "../../src/engine/testing/fake_engine.ts";
import type { BatchingOptions } from "../../src/model/batching/batch_predictor.ts";
import { loadModel } from "../../src/model/loading/model_loader.ts";
import { ModelCatalog } from "../../src/model/model_catalog.ts";
import type { ModelServable } from "../../src/model/model_servable.ts";
import { MemorySource } from "../../src/model/testing/memory_source.ts";
import { PredictionService } from "../../src/service/prediction_service.ts";
import { MANAGER_OPTIONS } from "../../src/core/testing/manager_rig.ts";

const BATCHING: BatchingOptions = {
  requestRowsMax: 100,
  batchRowsMax: 8,
  batchTimeoutMs: 0,
  waitingBatchesMax: 100,
  batchesAtOnceMax: 2,
  allowedBatchRows: [],
  isPadding: false,
};

/** A model that adds a value to each number of its rows. */
function add(value: number, others: Partial<FakeModelFile> = {}): FakeModelFile {
  return {
    compute: "add",
    value,
    inputs: [{ names: ["x"], dtype: "f32", shape: [-1, 2] }],
    outputs: [{ names: ["y"], dtype: "f32", shape: [-1, 2] }],
    ...others,
  };
}

/** The services, over one model `m` whose versions are in memory. */
class Services implements AsyncDisposable {
  readonly engine: FakeEngine;
  readonly manager = new Manager<ModelServable>({ ...MANAGER_OPTIONS, loadRetriesMax: 0 });
  readonly source = new MemorySource();
  readonly prediction = new PredictionService(this.manager);
  readonly #catalog: ModelCatalog<ModelServable>;

  constructor(options: FakeEngineOptions, batching?: BatchingOptions) {
    this.engine = new FakeEngine(options);
    this.#catalog = new ModelCatalog({
      manager: this.manager,
      openSource: this.source.open,
      onEvent: () => {},
      load: async (model, version) => {
        const { servable } = await loadModel(this.engine, {
          ...model,
          files: await version.findFiles(),
          properties: model.pluginConfig,
          cacheDir: undefined,
          waitersMax: 100,
          otherThreads: 0,
          checksIntegerRange: true,
          tags: ["serve"],
          inferencePrecision: undefined,
          warmUpIterations: 1,
          batching,
          decodeWarmUp: () => ({ signatureName: "", inputs: [], outputFilter: [] }),
        });
        return servable;
      },
    });
  }

  /** Serves the versions that the source has of `m`. */
  async serve(): Promise<void> {
    await this.#catalog.replace(() => [{
      name: "m",
      basePath: "m",
      versionPolicy: { kind: "latest", count: 1 },
      versionLabels: new Map(),
      platform: undefined,
      device: "CPU",
      pluginConfig: new Map(),
      inferRequestCount: 2,
      shape: undefined,
      batchSize: undefined,
    }]);
  }

  /** The numbers that `m` makes of a row, and the version that made them. */
  async predict(row: readonly number[]): Promise<{ version: number; row: readonly number[] }> {
    return await this.prediction.predict({
      modelSpec: { name: "m", signatureName: "" },
      inputs: [{ name: "x", tensor: floats(row, [1, 2]) }],
      outputFilter: [],
    }, {
      caller: { signal: new AbortController().signal },
      respond: ({ modelVersion, outputs: [output] }) => {
        return { version: modelVersion, row: floatsOf(output?.tensor as Tensor) };
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#catalog[Symbol.asyncDispose]();
    await this.manager[Symbol.asyncDispose]();
    assert.deepEqual(this.engine.live, { models: 0, compiledModels: 0, inferRequests: 0 });
  }
}

for (const batching of [undefined, BATCHING]) {
  const how = batching === undefined ? "one by one" : "in batches";
  testEachEngine(`requests at the same time get their own answers, inferred ${how}`, async (lacks) => {
    await using services = new Services({ lacks }, batching);
    services.source.add("m", 1, add(1));
    await services.serve();
    const rows = Array.from({ length: 50 }, (_, i) => [i, -i]);
    const replies = await Promise.all(rows.map((row) => services.predict(row)));
    assert.deepEqual(replies, rows.map(([a = 0, b = 0]) => ({ version: 1, row: [a + 1, b + 1] })));
  });

  testEachEngine(`a new version takes over while requests run, inferred ${how}`, async (lacks) => {
    await using services = new Services({ lacks }, batching);
    services.source.add("m", 1, add(1));
    await services.serve();
    const running = services.predict([1, 2]);
    services.source.add("m", 2, add(2));
    await services.manager.settled();
    assert.deepEqual(await running, { version: 1, row: [2, 3] });
    assert.deepEqual(await services.predict([1, 2]), { version: 2, row: [3, 4] });
    assert.equal(services.engine.live.compiledModels, 1);
  });
}

testEachEngine("a version that cannot be loaded leaves the one that serves", async (lacks) => {
  await using services = new Services({ lacks });
  services.source.add("m", 1, add(1));
  await services.serve();
  services.source.add("m", 2, add(2, { failCompile: "no memory" }));
  await services.manager.settled();
  assert.deepEqual(await services.predict([0, 0]), { version: 1, row: [1, 1] });
  const states = services.manager.states("m").map(({ id, state }) => [id.version, state]);
  assert.deepEqual(states, [[2, "end"], [1, "available"]]);
});

testEachEngine("an inference that fails is one request's error", async (lacks) => {
  await using services = new Services({ lacks });
  services.source.add("m", 1, add(1, { failInfer: "overflow" }));
  await services.serve();
  for (let i = 0; i < 3; i++) {
    await assert.rejects(services.predict([0, 0]), { code: CODE.INTERNAL, message: "Cannot infer: overflow" });
  }
});

testEachEngine("requests beyond the infer requests wait their turn", async (lacks) => {
  const gates: (() => void)[] = [];
  const gate = (stage: "read" | "compile" | "infer") =>
    stage === "infer" ? new Promise<void>((resolve) => gates.push(resolve)) : undefined;
  await using services = new Services({ lacks, gate });
  services.source.add("m", 1, add(1, { inputs: [{ names: ["x"], dtype: "f32" }] }));
  await services.serve();
  let answered = 0;
  const replies = Promise.all([1, 2, 3, 4, 5].map(async (value) => {
    const { row } = await services.predict([value, value]);
    answered++;
    return row[0];
  }));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(gates.length, 2);
  while (answered < 5) {
    gates.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual(await replies, [2, 3, 4, 5, 6]);
});
