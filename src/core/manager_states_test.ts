import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { Manager } from "./manager.ts";
import { MANAGER_OPTIONS, rig, turns } from "./testing/manager_rig.ts";

function isError(code: number, message: string): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof ServingError, String(thrown));
    assert.deepEqual([thrown.code, thrown.message], [code, message]);
    return true;
  };
}

Deno.test("Manager reports the error of a servable that could not be freed, and continues", async () => {
  const manager = new Manager<Disposable>(MANAGER_OPTIONS);
  const servable = {
    [Symbol.dispose]: () => {
      throw new ServingError(CODE.INTERNAL, "stuck");
    },
  };
  manager.aspire("m", new Map([[1, { fingerprint: "", load: () => Promise.resolve(servable) }]]));
  await manager.settled();
  manager.aspire("m", new Map());
  await manager.settled();
  assert.deepEqual(manager.states("m").map(({ state, error }) => [state, error?.message]), [["end", "stuck"]]);
});

Deno.test("Manager handles a loader that throws synchronously as a failed load", async () => {
  const manager = new Manager<Disposable>({ ...MANAGER_OPTIONS, loadRetriesMax: 0 });
  const load = () => {
    throw new ServingError(CODE.NOT_FOUND, "gone");
  };
  manager.aspire("m", new Map([[1, { fingerprint: "", load }]]));
  await manager.settled();
  assert.equal(manager.states("m")[0]?.error?.message, "gone");
});

Deno.test("Manager.loaded() waits for loads, Manager.settled() also for handles", async () => {
  const { serve, aspire, manager, next } = rig();
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  aspire(2);
  const done: string[] = [];
  void manager.loaded().then(() => done.push("loaded"));
  void manager.settled().then(() => done.push("settled"));
  await turns();
  assert.deepEqual(done, []);
  await next().succeed();
  assert.deepEqual(done, ["loaded"]);
  handle[Symbol.dispose]();
  await turns();
  assert.deepEqual(done, ["loaded", "settled"]);
});

Deno.test("Manager.loaded() waits for a version that is aspired again while it is being unloaded", async () => {
  const { serve, aspire, manager, next } = rig();
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  manager.aspire("m", new Map());
  aspire(1);
  let isLoaded = false;
  void manager.loaded().then(() => isLoaded = true);
  await turns();
  assert(!isLoaded, "the handle is held");
  handle[Symbol.dispose]();
  await turns();
  assert(!isLoaded, "the load is running");
  await next().succeed();
  assert(isLoaded);
  assert.equal(manager.acquire({ name: "m" }).id.version, 1);
});

Deno.test("VersionLabels.set() makes versions available by label", async () => {
  const { serve, manager } = rig();
  await serve(1, 2);
  manager.labels.set("m", new Map([["stable", 1], ["canary", 2]]));
  using handle = manager.acquire({ name: "m", versionLabel: "stable" });
  assert.equal(handle.id.version, 1);
  manager.labels.set("m", new Map([["canary", 1]]));
  assert.throws(
    () => manager.acquire({ name: "m", versionLabel: "stable" }),
    isError(CODE.INVALID_ARGUMENT, "Unrecognized servable version label: stable"),
  );
});

Deno.test("VersionLabels.set() rejects versions that are not available, and changes nothing", async () => {
  const { serve, manager } = rig();
  await serve(1);
  manager.labels.set("m", new Map([["stable", 1]]));
  assert.throws(
    () => manager.labels.set("m", new Map([["canary", 1], ["stable", 2]])),
    isError(
      CODE.FAILED_PRECONDITION,
      "Request to assign label to version 2 of model m, which is not currently available for inference",
    ),
  );
  using handle = manager.acquire({ name: "m", versionLabel: "stable" });
  assert.equal(handle.id.version, 1);
  assert.throws(() => manager.acquire({ name: "m", versionLabel: "canary" }));
});

Deno.test("VersionLabels.set() accepts only new labels for unavailable versions, if allowed", async () => {
  const { serve, manager } = rig({ allowLabelsForUnavailable: true });
  await serve(1);
  manager.labels.set("m", new Map([["stable", 1], ["next", 2]]));
  assert.throws(
    () => manager.acquire({ name: "m", versionLabel: "next" }),
    isError(CODE.NOT_FOUND, "Servable not found for request: Specific(m, 2)"),
  );
  manager.labels.set("m", new Map([["stable", 1], ["next", 2]]));
  assert.throws(() => manager.labels.set("m", new Map([["stable", 3]])), /not currently available/);
});

Deno.test("Manager remembers a bounded number of ended versions, and all that are aspired", async () => {
  const { serve, manager, states } = rig({ endedVersionsMax: 2 });
  for (let version = 1; version <= 5; version++) await serve(version);
  assert.deepEqual(states(), ["5 available", "4 end", "3 end"]);
  assert.deepEqual(manager.names(), ["m"]);
  assert.deepEqual(manager.states("n"), []);
});

Deno.test("Manager remembers a name whose versions are all gone", async () => {
  const { serve, aspire, manager, states } = rig();
  await serve(1);
  aspire();
  await manager.settled();
  assert.deepEqual(manager.names(), ["m"]);
  assert.deepEqual(states(), ["1 end"]);
});

Deno.test("Manager reports states in TensorFlow Serving's order: available after it takes effect, unloading before", async () => {
  const found: string[] = [];
  const manager: Manager<Disposable> = new Manager<Disposable>({
    ...MANAGER_OPTIONS,
    onStateChange: ({ id, state }) => {
      let answer = "not found";
      try {
        using handle = manager.acquire(id);
        answer = `found ${handle.id.version}`;
      } catch {
        // The result shows it.
      }
      found.push(`${state}: ${answer}`);
    },
  });
  manager.aspire("m", new Map([[1, { fingerprint: "", load: () => Promise.resolve({ [Symbol.dispose]: () => {} }) }]]));
  await manager.settled();
  manager.aspire("m", new Map());
  await manager.settled();
  assert.deepEqual(found, [
    "start: not found",
    "loading: not found",
    "available: found 1",
    "unloading: found 1",
    "end: not found",
  ]);
});

Deno.test("Disposing a manager frees everything, waits for loads and cancels retries", async () => {
  const { serve, aspire, manager, next, timer, toys } = rig();
  await serve(1);
  manager.aspire("broken", new Map([[1, { fingerprint: "", load: () => Promise.reject(new Error("no")) }]]));
  await turns();
  aspire(2);
  const disposed = manager[Symbol.asyncDispose]();
  aspire(3);
  await next().succeed();
  await disposed;
  assert.deepEqual(toys.map((toy) => toy.disposals), [1, 1]);
  assert.deepEqual(timer.delaysMs, []);
});

Deno.test("Disposing a manager ends in time although a handle is held, and does not free its servable", async () => {
  const { serve, manager, timer, toys } = rig({ disposeWaitMs: 5 });
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  const disposed = manager[Symbol.asyncDispose]();
  assert.deepEqual(timer.delaysMs, [5]);
  timer.fire();
  await disposed;
  assert.equal(toys[0]?.disposals, 0);
  handle[Symbol.dispose]();
  await turns();
  assert.equal(toys[0]?.disposals, 1);
});

Deno.test("Manager forgets a name whose last version is forgotten", async () => {
  const { serve, aspire, manager } = rig({ endedVersionsMax: 0 });
  await serve(1);
  aspire();
  await manager.settled();
  assert.deepEqual(manager.names(), []);
});

Deno.test("Manager reports the origin of a version with each state, also when it changes before loading", async () => {
  const told: (string | undefined)[] = [];
  const { manager, loader, next } = rig({ onStateChange: ({ state, origin }) => told.push(`${state} ${origin}`) });
  const wish = (origin: string) => manager.aspire("m", new Map([[1, { ...loader(1, { revision: origin }), origin }]]));
  wish("/a/1");
  await next().fail(new Error("broken"));
  wish("/b/1");
  await next().succeed();
  assert.deepEqual(told, ["start /a/1", "loading /a/1", "end /a/1", "start /b/1", "loading /b/1", "available /b/1"]);
  assert.equal(manager.states("m")[0]?.origin, "/b/1");
});

Deno.test("Manager.states() marks a servable outdated while its files differ from those it was loaded from", async () => {
  const { serve, manager, loader, next } = rig();
  const outdated = () => manager.states("m").map(({ id, state, isOutdated }) => [id.version, state, isOutdated]);
  const wish = (options?: { fingerprint?: string; revision?: string }) =>
    manager.aspire("m", new Map([[1, loader(1, options)], [2, loader(2)]]));
  await serve(1, 2);
  wish({ fingerprint: "changed" });
  assert.deepEqual(outdated(), [[2, "available", false], [1, "available", true]]);
  wish();
  assert.deepEqual(outdated(), [[2, "available", false], [1, "available", false]]);
  wish({ fingerprint: "changed", revision: "b" });
  assert.deepEqual(outdated(), [[2, "available", false], [1, "available", false]], "it is being replaced");
  await next().succeed();
  assert.deepEqual(outdated(), [[2, "available", false], [1, "available", false]]);
});
