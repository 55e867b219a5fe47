import assert from "node:assert/strict";
import { rig } from "./testing/manager_rig.ts";

Deno.test("Manager unloads the old version when the new one loads after a failure", async () => {
  const { serve, aspire, next, timer, states } = rig();
  await serve(1);
  aspire(2);
  await next().fail();
  timer.fire();
  await next().succeed();
  assert.deepEqual(states(), ["2 available", "1 end"]);
});

Deno.test("Manager retries a failed load after growing pauses, and gives up in the end", async () => {
  const { aspire, next, timer, loads, states } = rig({ loadRetriesMax: 7, loadRetryIntervalMs: 100 });
  const pauses: number[] = [];
  aspire(1);
  for (let attempt = 0; attempt < 7; attempt++) {
    await next().fail();
    assert.deepEqual(states(), ["1 end (3)"]);
    pauses.push(...timer.delaysMs);
    timer.fire();
  }
  await next().fail();
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 1600, 1600]);
  assert.deepEqual(timer.delaysMs, []);
  aspire(1);
  assert.equal(loads.length, 0);
});

Deno.test("Manager forgets the error when a retry succeeds", async () => {
  const { aspire, next, timer, states } = rig();
  aspire(1);
  await next().fail();
  timer.fire();
  await next().succeed();
  assert.deepEqual(states(), ["1 available"]);
});

Deno.test("Manager loads others while one pauses before its retry", async () => {
  const { aspire, next, states } = rig();
  aspire(1, 2);
  await next().fail();
  await next().succeed();
  assert.deepEqual(states(), ["2 end (3)", "1 available"]);
});

Deno.test("Manager cancels a retry when the version is left out", async () => {
  const { aspire, next, timer, states } = rig();
  aspire(1);
  await next().fail();
  aspire();
  assert.deepEqual(timer.delaysMs, []);
  assert.deepEqual(states(), ["1 end (3)"]);
});

Deno.test("Manager retries a failed version at once, with all retries, when its fingerprint changes", async () => {
  const { manager, loader, next, timer, states } = rig({ loadRetriesMax: 1 });
  const aspire = (fingerprint: string) => manager.aspire("m", new Map([[1, loader(1, { fingerprint })]]));
  aspire("a");
  await next().fail();
  timer.fire();
  await next().fail();
  assert.deepEqual(timer.delaysMs, []);
  aspire("b");
  await next().fail();
  assert.equal(timer.delaysMs.length, 1);
  aspire("c");
  assert.deepEqual(timer.delaysMs, []);
  await next().succeed();
  assert.deepEqual(states(), ["1 available"]);
});

Deno.test("Manager retries at once when the fingerprint changed during a failed load", async () => {
  const { manager, loader, next, states } = rig();
  manager.aspire("m", new Map([[1, loader(1, { fingerprint: "a" })]]));
  manager.aspire("m", new Map([[1, loader(1, { fingerprint: "b" })]]));
  await next().fail();
  await next().succeed();
  assert.deepEqual(states(), ["1 available"]);
});

Deno.test("Manager leaves a served version alone when its fingerprint changes", async () => {
  const { serve, manager, loader, loads, states } = rig();
  await serve(1);
  manager.aspire("m", new Map([[1, loader(1, { fingerprint: "b" })]]));
  assert.equal(loads.length, 0);
  assert.deepEqual(states(), ["1 available"]);
});

Deno.test("Manager replaces a served version when its revision changes, without a gap", async () => {
  const { manager, loader, next, states, toys, latest } = rig({ loadsMax: 2 });
  const aspire = (revision: string) => {
    manager.aspire("m", new Map([[1, loader(1, { revision })], [2, loader(2, { revision })]]));
  };
  aspire("a");
  await next().succeed();
  await next().succeed();
  aspire("b");
  assert.deepEqual(states(), ["2 available", "1 available"]);
  assert.equal(latest(), "2a");
  await next().succeed();
  assert.equal(latest(), "2b");
  {
    using handle = manager.acquire({ name: "m", version: 1 });
    assert.equal(handle.servable.label, "1a");
  }
  await next().succeed();
  await manager.settled();
  assert.deepEqual(toys.map((toy) => `${toy.label} ${toy.disposals}`), ["2a 1", "1a 1", "2b 0", "1b 0"]);
  assert.deepEqual(states(), ["2 available", "1 available"]);
});

Deno.test("Manager keeps a serving version, with the error, when its new revision cannot be loaded", async () => {
  const { manager, loader, next, states, latest, toys } = rig();
  const aspire = (revision: string) => manager.aspire("m", new Map([[1, loader(1, { revision })]]));
  aspire("a");
  await next().succeed();
  aspire("b");
  await next().fail();
  assert.deepEqual(states(), ["1 available (3)"]);
  assert.equal(latest(), "1a");
  aspire("a");
  assert.deepEqual(states(), ["1 available"]);
  await manager[Symbol.asyncDispose]();
  assert.deepEqual(toys.map((toy) => toy.disposals), [1]);
});

Deno.test("Manager loads the newest revision when revisions change during a load", async () => {
  const { manager, loader, next, loads, latest, toys } = rig();
  const aspire = (revision: string) => manager.aspire("m", new Map([[1, loader(1, { revision })]]));
  for (const revision of ["a", "b", "c"]) aspire(revision);
  await next().succeed();
  assert.equal(latest(), "1a");
  await next().succeed();
  assert.equal(latest(), "1c");
  assert.equal(loads.length, 0);
  assert.deepEqual(toys.map((toy) => toy.disposals), [1, 0]);
});

Deno.test("Manager retries a failed version at once when its revision changes", async () => {
  const { manager, loader, next, timer, latest } = rig();
  const aspire = (revision: string) => manager.aspire("m", new Map([[1, loader(1, { revision })]]));
  aspire("a");
  await next().fail();
  aspire("b");
  assert.deepEqual(timer.delaysMs, []);
  await next().succeed();
  assert.equal(latest(), "1b");
});
