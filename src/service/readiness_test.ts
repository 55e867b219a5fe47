import assert from "node:assert/strict";
import { Manager } from "../core/manager.ts";
import { Readiness } from "./readiness.ts";
import { MANAGER_OPTIONS } from "../core/testing/manager_rig.ts";

/** A server with models that load or fail on demand. */
class Rig implements AsyncDisposable {
  readonly manager: Manager<Disposable>;
  readonly readiness: Readiness;
  modelNames: readonly string[] = [];

  constructor(options: { isStrict?: boolean } = {}) {
    this.manager = new Manager<Disposable>({
      ...MANAGER_OPTIONS,
      loadRetriesMax: 0,
      disposeWaitMs: 0,
      onStateChange: () => this.readiness.changed(),
    });
    this.readiness = new Readiness({
      manager: this.manager,
      modelNames: () => this.modelNames,
      services: [{ name: "Predicting", needsModels: true }, { name: "Managing", needsModels: false }],
      isStrict: options.isStrict ?? true,
    });
  }

  /** Loads versions of a model; those in `broken` fail. */
  async load(name: string, versions: readonly number[], broken: readonly number[] = []): Promise<void> {
    if (!this.modelNames.includes(name)) this.modelNames = [...this.modelNames, name];
    const loaders = versions.map((version) => {
      const load = () =>
        broken.includes(version)
          ? Promise.reject(new Error("broken"))
          : Promise.resolve({ [Symbol.dispose](): void {} });
      return [version, { fingerprint: "", load }] as const;
    });
    this.manager.aspire(name, new Map(loaders));
    await this.manager.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }
}

Deno.test("Readiness is false before the start and after the server leaves", async () => {
  await using rig = new Rig();
  await rig.load("m", [1]);
  const answers = () => [rig.readiness.isReady(), rig.readiness.isModelReady("m"), rig.readiness.isServing("")];
  assert.deepEqual(answers(), [false, false, false]);
  rig.readiness.start();
  assert.deepEqual(answers(), [true, true, true]);
  rig.readiness.leave();
  assert.deepEqual(answers(), [false, false, false]);
  rig.readiness.start();
  assert.deepEqual(answers(), [false, false, false], "leaving is final");
});

Deno.test("Readiness of the server needs a version of every model, unless it is not strict", async () => {
  for (const isStrict of [true, false]) {
    await using rig = new Rig({ isStrict });
    rig.readiness.start();
    await rig.load("good", [1]);
    assert.equal(rig.readiness.isReady(), true);
    await rig.load("bad", [1], [1]);
    assert.equal(rig.readiness.isReady(), !isStrict);
    assert.equal(rig.readiness.isModelReady("bad"), false);
    assert.equal(rig.readiness.isModelReady("good"), true);
  }
});

Deno.test("Readiness ignores a broken version beside an available one", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  await rig.load("m", [1]);
  await rig.load("m", [1, 2], [2]);
  assert.equal(rig.readiness.isReady(), true);
  assert.equal(rig.readiness.isModelReady("m", 1), true);
  assert.equal(rig.readiness.isModelReady("m", 2), false);
  assert.equal(rig.readiness.isModelReady("m", 3), undefined);
});

Deno.test("Readiness knows a configured model that is not loaded, and forgets one that is neither", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  rig.modelNames = ["soon"];
  assert.equal(rig.readiness.isModelReady("soon"), false);
  assert.equal(rig.readiness.isModelReady("never"), undefined);
  await rig.load("soon", [1]);
  rig.modelNames = [];
  rig.manager.aspire("soon", new Map());
  await rig.manager.settled();
  assert.equal(rig.readiness.isModelReady("soon"), undefined);
});

Deno.test("Readiness knows the services of APIs, and models by name", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  await rig.load("m", [1], [1]);
  const services = ["", "Predicting", "m"];
  for (const service of services) assert.equal(rig.readiness.isServing(service), false, service);
  const always = ["Managing"];
  for (const service of always) assert.equal(rig.readiness.isServing(service), true, service);
  assert.equal(rig.readiness.isServing("tensorflow.serving.SessionService"), undefined);
  assert.deepEqual(new Set(rig.readiness.services()), new Set([...services, ...always]));
});

Deno.test("Readiness.watch() notifies after a change is visible, and no more once it is stopped", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  const seen: unknown[] = [];
  const stop = rig.readiness.watch(() => seen.push(rig.readiness.isModelReady("m")));
  await rig.load("m", [1]);
  assert.equal(seen.at(-1), true);
  rig.manager.aspire("m", new Map());
  await rig.manager.settled();
  assert.equal(seen.at(-1), false);
  stop();
  const told = seen.length;
  await rig.load("m", [2]);
  assert.equal(seen.length, told);
});
