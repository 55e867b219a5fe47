import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import { FakeEngine, type FakeEngineOptions, type FakeModelFile } from "../engine/testing/fake_engine.ts";
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
    compiled,
    signatures: new Map([["serving_default", signature]]),
    inferRequestCount: 1,
    inLoopBytesMax: options.inLoopBytesMax,
    waitersMax: 1,
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

Deno.test("predict() answers at once when its inputs are small enough for the loop, and with a promise otherwise", async () => {
  using rig = await open({ inLoopBytesMax: 12 });
  assert.deepEqual(predict(rig, [1, 2]), [[2, 3], [11]]);
  const later = predict(rig, [1, 2, 3]);
  assert.ok(later instanceof Promise);
  assert.deepEqual(await later, [[2, 3, 4], [11]]);
});

Deno.test("predict() hands out the outputs of the signature in its order, some twice, some not at all", async () => {
  for (const inLoopBytesMax of [0, 1000]) {
    using rig = await open({ inLoopBytesMax, outputPorts: [1, 0, 1] });
    assert.deepEqual(await predict(rig, [1]), [[11], [2], [11]]);
  }
});

Deno.test("predict() waits off the loop for an infer request and keeps the order of those who wait", async () => {
  const gate = Promise.withResolvers<void>();
  using rig = await open({
    inLoopBytesMax: 8,
    engine: { gate: (stage) => stage === "infer" ? gate.promise : undefined },
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
  assert.deepEqual(predict(rig, [6]), [[7], [11]]);
});

Deno.test("predict() gives the infer request back when the model or the callback fails", async () => {
  for (const inLoopBytesMax of [0, 1000]) {
    using failing = await open({ inLoopBytesMax, model: { ...MODEL, failInfer: "it overflows" } });
    const expected = servingError(CODE.INTERNAL, /^Cannot infer: it overflows$/);
    await assert.rejects(async () => await predict(failing, [1]), expected);
    await assert.rejects(async () => await predict(failing, [1]), expected);
    using rig = await open({ inLoopBytesMax });
    const { servable, signature } = rig;
    const reason = new Error("Nobody listens");
    const use = () => {
      throw reason;
    };
    const failed = async () => await servable.predict([floats([1]), floats([1])], { signature, caller: CALLER, use });
    await assert.rejects(failed, reason);
    assert.deepEqual(await predict(rig, [1]), [[2], [11]]);
  }
});
