import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import type { CompiledModel } from "../engine/engine.ts";
import { FakeEngine } from "../engine/testing/fake_engine.ts";
import { servingError, VersionFolder } from "../model/testing/loading.ts";
import type { SharedVersion } from "./messages.ts";
import { ThreadServables } from "./thread_servables.ts";

const MODEL = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }],
};

/** A compiled model of the main thread, and a thread that serves it. */
class Rig implements AsyncDisposable {
  readonly main: CompiledModel;
  readonly engine = new FakeEngine();
  readonly ended: string[] = [];
  readonly servables: ThreadServables = new ThreadServables(
    this.engine,
    ({ name, version }) => this.ended.push(`${name} ${version}`),
  );

  private constructor(main: CompiledModel) {
    this.main = main;
  }

  static async open(): Promise<Rig> {
    using folder = new VersionFolder();
    const engine = new FakeEngine();
    using model = await engine.read(folder.writeModel(MODEL).path);
    return new Rig(await model.compile({ device: "CPU" }));
  }

  shared(key: number, version: number, inferRequestCount = 1): SharedVersion {
    const compiled = this.main.share?.();
    assert.ok(compiled !== undefined);
    const servable = {
      signatures: new Map([["serving_default", { inputs: [], outputs: [], outputPorts: undefined }]]),
      graphs: [{ compiled, inferRequestCount, inLoopBytesMax: 0, waitersMax: 1 }],
    };
    return structuredClone({ key, name: "m", version, servable });
  }

  get versions(): number[] {
    return this.servables.manager.states("m").filter(({ state }) => state === "available").map(({ id }) => id.version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.servables[Symbol.asyncDispose]();
    assert.deepEqual(this.engine.live, { models: 0, compiledModels: 0, inferRequests: 0 });
    this.main[Symbol.dispose]();
  }
}

/** Whether a promise is settled after all tasks that are ready. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.finally(() => settled = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return settled;
}

Deno.test("ThreadServables.serve() publishes a version, withdraw() waits for requests that hold it", async () => {
  await using rig = await Rig.open();
  await rig.servables.serve(rig.shared(1, 1, 2));
  assert.equal(rig.engine.live.inferRequests, 2);
  const handle = rig.servables.manager.acquire({ name: "m" });
  await rig.servables.serve(rig.shared(2, 2));
  const gone = rig.servables.withdraw(1);
  assert.equal(await isSettled(gone), false);
  assert.deepEqual(rig.versions, [2]);
  handle[Symbol.dispose]();
  await gone;
  assert.equal(rig.engine.live.inferRequests, 1);
  await rig.servables.manager.settled();
  assert.deepEqual(rig.ended, ["m 1"]);
  await rig.servables.withdraw(2);
  assert.deepEqual(rig.versions, []);
  await rig.servables.manager.settled();
  assert.deepEqual(rig.ended, ["m 1", "m 2"]);
});

Deno.test("ThreadServables.serve() replaces a version that was loaded again, without a gap", async () => {
  await using rig = await Rig.open();
  await rig.servables.serve(rig.shared(1, 7));
  const before = rig.servables.manager.acquire({ name: "m" });
  await rig.servables.serve(rig.shared(2, 7));
  const after = rig.servables.manager.acquire({ name: "m" });
  assert.notEqual(after.servable, before.servable);
  const gone = rig.servables.withdraw(1);
  assert.equal(await isSettled(gone), false);
  before[Symbol.dispose]();
  await gone;
  assert.deepEqual(rig.versions, [7]);
  after[Symbol.dispose]();
});

Deno.test("ThreadServables.withdraw() of a replacement brings back the version before it, unless that was withdrawn", async () => {
  await using rig = await Rig.open();
  await rig.servables.serve(rig.shared(1, 7));
  const { servable, ...broken } = rig.shared(2, 7);
  const graphs = servable.graphs.map((graph) => ({ ...graph, compiled: { ...graph.compiled, handle: 0n } }));
  const served = rig.servables.serve({ ...broken, servable: { ...servable, graphs } });
  await assert.rejects(served, servingError(CODE.INTERNAL, /Internal error/));
  await rig.servables.withdraw(2);
  assert.deepEqual(rig.versions, [7]);
  using handle = rig.servables.manager.acquire({ name: "m" });
  assert.equal(handle.servable.inferRequestCount, 1);
});

Deno.test("ThreadServables.withdraw() of an unknown version is done at once", async () => {
  await using rig = await Rig.open();
  await rig.servables.withdraw(5);
});

Deno.test("ThreadServables.label() replaces all labels", async () => {
  await using rig = await Rig.open();
  await rig.servables.serve(rig.shared(1, 1));
  await rig.servables.serve(rig.shared(2, 2));
  rig.servables.label("m", new Map([["stable", 1], ["gone", 9]]));
  rig.servables.label("m", new Map([["stable", 2]]));
  using handle = rig.servables.manager.acquire({ name: "m", versionLabel: "stable" });
  assert.equal(handle.id.version, 2);
  const ask = () => rig.servables.manager.acquire({ name: "m", versionLabel: "gone" });
  assert.throws(ask, servingError(CODE.INVALID_ARGUMENT, /Unrecognized servable version label: gone/));
});
