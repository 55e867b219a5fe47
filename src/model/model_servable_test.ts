import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import {
  FakeEngine,
  type FakeEngineOptions,
  type FakeModelFile,
  testEachEngine,
} from "../engine/testing/fake_engine.ts";
import { floats, floatsOf, servingError, VersionFolder } from "./testing/loading.ts";
import { ModelServable } from "./model_servable.ts";
import type { ServableSignature } from "./loading/signatures.ts";

const MODEL: FakeModelFile = {
  compute: "add",
  value: 1,
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }, { names: ["w"], dtype: "f32", shape: [-1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }, { names: ["v"], dtype: "f32", shape: [-1] }],
};

const CALLER = { signal: new AbortController().signal };

interface Rig extends Disposable {
  readonly servable: ModelServable;
  readonly engine: FakeEngine;
  readonly signature: ServableSignature;
}

async function open(
  options: {
    inLoopBytesMax: number;
    outputPorts?: readonly number[];
    engine?: FakeEngineOptions;
    model?: FakeModelFile;
  },
): Promise<Rig> {
  using folder = new VersionFolder();
  const engine = new FakeEngine(options.engine);
  using model = await engine.read(folder.writeModel(options.model ?? MODEL).path);
  const compiled = await model.compile({ device: "CPU" });
  const signature = { inputs: [], outputs: [], outputPorts: options.outputPorts };
  const servable = new ModelServable({
    signatures: new Map([["serving_default", signature]]),
    graphs: [{ compiled, inferRequestCount: 1, inLoopBytesMax: options.inLoopBytesMax, waitersMax: 1 }],
  });
  return {
    servable,
    engine,
    signature,
    [Symbol.dispose](): void {
      servable[Symbol.dispose]();
      assert.deepEqual({ ...engine.live, models: 0 }, { models: 0, compiledModels: 0, inferRequests: 0 });
    },
  };
}

function predict({ servable, signature }: Rig, values: readonly number[]): number[][] | Promise<number[][]> {
  const use = (outputs: readonly Tensor[]) => outputs.map(floatsOf);
  return servable.predict([floats(values), floats([10])], { signature, caller: CALLER, use });
}

testEachEngine(
  "predict() returns results for inputs small enough for the loop, and promises otherwise",
  async (lacks) => {
    using rig = await open({ inLoopBytesMax: 12, engine: { lacks } });
    const result = predict(rig, [1, 2]);
    assert.equal(result instanceof Promise, lacks.includes("infers in the loop"));
    assert.deepEqual(await result, [[2, 3], [11]]);
    const later = predict(rig, [1, 2, 3]);
    assert.ok(later instanceof Promise);
    assert.deepEqual(await later, [[2, 3, 4], [11]]);
  },
);

testEachEngine(
  "predict() hands out the outputs of the signature in its order, some twice, some not at all",
  async (lacks) => {
    for (const inLoopBytesMax of [0, 1000]) {
      using rig = await open({ inLoopBytesMax, engine: { lacks }, outputPorts: [1, 0, 1] });
      assert.deepEqual(await predict(rig, [1]), [[11], [2], [11]]);
    }
  },
);

testEachEngine("predict() waits off the loop for an infer request, first come first served", async (lacks) => {
  const gate = Promise.withResolvers<void>();
  using rig = await open({
    inLoopBytesMax: 8,
    engine: { lacks, gate: (stage) => stage === "infer" ? gate.promise : undefined },
  });
  const first = predict(rig, [1, 2, 3]);
  const second = predict(rig, [4]);
  assert.ok(second instanceof Promise);
  await assert.rejects(
    async () => await predict(rig, [5]),
    servingError(CODE.RESOURCE_EXHAUSTED, /queue of requests is full/),
  );
  gate.resolve();
  assert.deepEqual(await Promise.all([first, second]), [[[2, 3, 4], [11]], [[5], [11]]]);
  assert.deepEqual(await predict(rig, [6]), [[7], [11]]);
});

testEachEngine(
  "predict() returns the infer request to the pool when the model or the callback fails",
  async (lacks) => {
    for (const inLoopBytesMax of [0, 1000]) {
      using failing = await open({ inLoopBytesMax, engine: { lacks }, model: { ...MODEL, failInfer: "it overflows" } });
      const expected = servingError(CODE.INTERNAL, /^Cannot infer: it overflows$/);
      await assert.rejects(async () => await predict(failing, [1]), expected);
      await assert.rejects(async () => await predict(failing, [1]), expected);
      using rig = await open({ inLoopBytesMax, engine: { lacks } });
      const { servable, signature } = rig;
      const reason = new Error("Nobody listens");
      const use = () => {
        throw reason;
      };
      const failed = async () => await servable.predict([floats([1]), floats([1])], { signature, caller: CALLER, use });
      await assert.rejects(failed, reason);
      assert.deepEqual(await predict(rig, [1]), [[2], [11]]);
    }
  },
);
