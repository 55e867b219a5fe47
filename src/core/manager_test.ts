import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { rig, turns } from "./testing/manager_rig.ts";

function isError(code: number, message: string): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof ServingError, String(thrown));
    assert.deepEqual([thrown.code, thrown.message], [code, message]);
    return true;
  };
}

Deno.test("Manager loads an aspired version and lends it", async () => {
  const { aspire, next, log, manager, states } = rig();
  aspire(1);
  assert.deepEqual(states(), ["1 loading"]);
  const toy = await next().succeed();
  assert.deepEqual(log, ["1 start", "1 loading", "1 available"]);
  using handle = manager.acquire({ name: "m" });
  assert.equal(handle.servable, toy);
  assert.deepEqual(handle.id, { name: "m", version: 1 });
});

Deno.test("Manager.acquire() finds version 0, as the latest and by number", async () => {
  const { serve, manager } = rig();
  await serve(0);
  for (const version of [0, 0n]) {
    using handle = manager.acquire({ name: "m", version });
    assert.equal(handle.id.version, 0);
  }
  using latest = manager.acquire({ name: "m" });
  assert.equal(latest.id.version, 0);
});

Deno.test("Manager.acquire() returns the highest available version", async () => {
  const { serve, latest } = rig();
  await serve(2, 10, 9);
  assert.equal(latest(), "10");
});

Deno.test("Manager.acquire() reports a missing servable in TensorFlow Serving's words", async () => {
  const { serve, manager } = rig();
  await serve(1);
  assert.throws(
    () => manager.acquire({ name: "n" }),
    isError(CODE.NOT_FOUND, "Servable not found for request: Latest(n)"),
  );
  assert.throws(
    () => manager.acquire({ name: "m", version: 7 }),
    isError(CODE.NOT_FOUND, "Servable not found for request: Specific(m, 7)"),
  );
  assert.throws(
    () => manager.acquire({ name: "m", version: 2n ** 63n - 1n }),
    isError(CODE.NOT_FOUND, "Servable not found for request: Specific(m, 9223372036854775807)"),
  );
  assert.throws(
    () => manager.acquire({ name: "m", versionLabel: "stable" }),
    isError(CODE.INVALID_ARGUMENT, "Unrecognized servable version label: stable"),
  );
});

Deno.test("Manager loads the new version, publishes it, then frees the old one", async () => {
  const { serve, aspire, next, log, toys, latest } = rig();
  await serve(1);
  aspire(2);
  assert.equal(latest(), "1");
  await next().succeed();
  assert.equal(latest(), "2");
  assert.deepEqual(log, ["2 start", "2 loading", "2 available", "1 unloading", "1 end"]);
  assert.equal(toys[0]?.disposals, 1);
});

Deno.test("Manager keeps the old version serving when the new one cannot be loaded", async () => {
  const { serve, aspire, next, states, latest } = rig();
  await serve(1);
  aspire(2);
  await next().fail();
  assert.equal(latest(), "1");
  assert.deepEqual(states(), ["2 end (3)", "1 available"]);
});

Deno.test("Manager unloads all versions of an empty set", async () => {
  const { serve, aspire, manager, states, toys } = rig();
  await serve(1, 2);
  aspire();
  await manager.settled();
  assert.deepEqual(states(), ["2 end", "1 end"]);
  assert.deepEqual(toys.map((toy) => toy.disposals), [1, 1]);
  assert.throws(() => manager.acquire({ name: "m" }));
});

Deno.test("Manager unloads a version that is left out and keeps the others", async () => {
  const { serve, aspire, manager, states, loads } = rig();
  await serve(0, 1);
  aspire(0);
  await manager.settled();
  assert.deepEqual(states(), ["1 end", "0 available"]);
  assert.equal(loads.length, 0);
});

Deno.test("Manager goes back to a smaller version number without a gap", async () => {
  const { serve, aspire, next, states, latest } = rig();
  await serve(1);
  aspire(0);
  assert.equal(latest(), "1");
  await next().succeed();
  assert.equal(latest(), "0");
  assert.deepEqual(states(), ["1 end", "0 available"]);
});

Deno.test("Manager does nothing when the same set is aspired again", async () => {
  const { serve, aspire, log, loads } = rig();
  await serve(1, 2);
  aspire(1, 2);
  assert.deepEqual([log, loads], [[], []]);
});

Deno.test("Manager starts an unload before a load that is due at the same time", async () => {
  const { serve, aspire, next, log } = rig();
  await serve(1, 2);
  aspire(2, 3);
  assert.deepEqual(log, ["3 start", "1 unloading", "3 loading"]);
  await next().succeed();
});

Deno.test("Manager loads one version at a time, newest first, unless it may load more", async () => {
  const one = rig();
  one.aspire(1, 2, 3);
  assert.deepEqual(one.loads.map((load) => load.version), [3]);
  await one.next().succeed();
  assert.deepEqual(one.loads.map((load) => load.version), [2]);

  const two = rig({ loadsMax: 2 });
  two.aspire(1, 2, 3);
  assert.deepEqual(two.loads.map((load) => load.version), [3, 2]);
});

Deno.test("Manager loads names in turn", async () => {
  const { manager, loader, next, loads } = rig();
  manager.aspire("a", new Map([[1, loader(1)], [2, loader(2)], [3, loader(3)]]));
  manager.aspire("b", new Map([[10, loader(10)]]));
  await next().succeed();
  assert.deepEqual(loads.map((load) => load.version), [10]);
  await next().succeed();
  assert.deepEqual(loads.map((load) => load.version), [2]);
});

Deno.test("Manager keeps a servable until its last handle is disposed", async () => {
  const { serve, aspire, manager, next, states, toys } = rig();
  await serve(1);
  const first = manager.acquire({ name: "m" });
  const second = manager.acquire({ name: "m" });
  aspire(2);
  await next().succeed();
  assert.deepEqual(states(), ["2 available", "1 unloading"]);
  assert.throws(() => manager.acquire({ name: "m", version: 1 }));
  first[Symbol.dispose]();
  await turns();
  assert.equal(second.servable.disposals, 0);
  second[Symbol.dispose]();
  await manager.settled();
  assert.deepEqual(states(), ["2 available", "1 end"]);
  assert.equal(toys[0]?.disposals, 1);
});

Deno.test("Manager continues to load while an old version drains", async () => {
  const { serve, aspire, manager, next, latest } = rig();
  await serve(1);
  using _held = manager.acquire({ name: "m" });
  aspire(2);
  await next().succeed();
  aspire(3);
  await next().succeed();
  assert.equal(latest(), "3");
});

Deno.test("A handle that is disposed twice is reported as a bug", async () => {
  const { serve, manager } = rig();
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  handle[Symbol.dispose]();
  assert.throws(() => handle[Symbol.dispose](), /A handle of m version 1 was disposed twice\. This is a bug/);
});

Deno.test("Manager loads a version again that is aspired again while it unloads", async () => {
  const { serve, aspire, manager, loads, next, states, log } = rig();
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  aspire();
  aspire(1);
  assert.deepEqual(states(), ["1 unloading"]);
  assert.equal(loads.length, 0);
  handle[Symbol.dispose]();
  await turns();
  await next().succeed();
  assert.deepEqual(states(), ["1 available"]);
  assert.deepEqual(log, ["1 unloading", "1 end", "1 start", "1 loading", "1 available"]);
});

Deno.test("Manager keeps another version while one that is aspired again still unloads", async () => {
  const { serve, aspire, manager, next, latest } = rig();
  await serve(1, 2);
  const handle = manager.acquire({ name: "m", version: 2 });
  aspire(1);
  aspire(2);
  assert.equal(latest(), "1");
  handle[Symbol.dispose]();
  await turns();
  assert.equal(latest(), "1");
  await next().succeed();
  assert.equal(latest(), "2");
});

Deno.test("Manager keeps a version that is aspired again before it unloads, without loading it again", async () => {
  const { serve, aspire, next, states, loads, toys } = rig();
  await serve(1);
  aspire(2);
  aspire(1);
  await next().succeed();
  assert.deepEqual(states(), ["2 end", "1 available"]);
  assert.equal(loads.length, 0);
  assert.deepEqual(toys.map((toy) => toy.disposals), [0, 1]);
});

Deno.test("Manager frees at once a version that was still loading when it was left out", async () => {
  const { aspire, next, manager, states } = rig();
  aspire(1);
  aspire();
  assert.deepEqual(states(), ["1 loading"]);
  const toy = await next().succeed();
  await manager.settled();
  assert.equal(toy.disposals, 1);
  assert.deepEqual(states(), ["1 end"]);
});

Deno.test("Manager never loads a version that is left out before its turn", async () => {
  const { aspire, next, loads, states } = rig();
  aspire(1, 2);
  aspire(2);
  await next().succeed();
  assert.equal(loads.length, 0);
  assert.deepEqual(states(), ["2 available", "1 end"]);
});

Deno.test("Manager keeps the code and sentence of a ServingError, and hides any other error", async () => {
  const { aspire, next, manager } = rig();
  aspire(1, 2);
  await next().fail(new ServingError(CODE.NOT_FOUND, "No model file"));
  await next().fail(new TypeError("x is not a function"));
  assert.deepEqual(
    manager.states("m").map(({ error }) => [error?.code, error?.message]),
    [[CODE.NOT_FOUND, "No model file"], [CODE.INTERNAL, "Internal error"]],
  );
});
