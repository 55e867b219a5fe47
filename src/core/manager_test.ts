import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { type Loader, Manager, type ManagerOptions } from "./manager.ts";
import { ManualTimer } from "./manual_timer.ts";

/** A servable that knows whether it was freed. */
class Toy implements AsyncDisposable {
  disposals = 0;

  constructor(readonly label: string) {}

  [Symbol.asyncDispose](): Promise<void> {
    this.disposals++;
    return Promise.resolve();
  }
}

/** A load that the test ends. */
interface Load {
  readonly version: number;
  succeed(): Promise<Toy>;
  fail(error?: unknown): Promise<void>;
}

interface Rig {
  readonly manager: Manager<Toy>;
  readonly timer: ManualTimer;
  /** The changes of state, as `version state`. */
  readonly log: string[];
  /** All that was ever loaded. */
  readonly toys: readonly Toy[];
  readonly loads: readonly Load[];
  /** A loader whose loads wait in `loads`. */
  loader(version: number, options?: { fingerprint?: string; revision?: string }): Loader<Toy>;
  aspire(...versions: number[]): void;
  /** The load that waits longest for its end. */
  next(): Load;
  /** Aspires versions and lets all of them load. */
  serve(...versions: number[]): Promise<void>;
  states(): string[];
  /** What a request gets that names no version. */
  latest(): string;
}

function rig(options: ManagerOptions = {}): Rig {
  const timer = new ManualTimer();
  const log: string[] = [];
  const toys: Toy[] = [];
  const loads: Load[] = [];
  const manager = new Manager<Toy>({
    timer: timer.start,
    onStateChange: ({ id, state, error }) => log.push(`${id.version} ${state}${error ? `: ${error.message}` : ""}`),
    ...options,
  });
  function loader(version: number, options: { fingerprint?: string; revision?: string } = {}): Loader<Toy> {
    return {
      fingerprint: "as it was",
      ...options,
      load: () => {
        const { promise, resolve, reject } = Promise.withResolvers<Toy>();
        loads.push({
          version,
          succeed: async () => {
            const toy = new Toy(`${version}${options.revision ?? ""}`);
            toys.push(toy);
            resolve(toy);
            await turns();
            return toy;
          },
          fail: async (error = new ServingError(CODE.INVALID_ARGUMENT, "broken")) => {
            reject(error);
            await turns();
          },
        });
        return promise;
      },
    };
  }
  function aspire(...versions: number[]): void {
    manager.aspire("m", new Map(versions.map((version) => [version, loader(version)])));
  }
  function next(): Load {
    const load = loads.shift();
    assert.ok(load, "no load was begun");
    return load;
  }
  async function serve(...versions: number[]): Promise<void> {
    aspire(...versions);
    while (loads.length > 0) await next().succeed();
    log.length = 0;
  }
  function states(): string[] {
    return manager.states("m").map(({ id, state, error }) =>
      `${id.version} ${state}${error ? ` (${error.code})` : ""}`
    );
  }
  function latest(): string {
    using handle = manager.acquire({ name: "m" });
    return handle.servable.label;
  }
  return { manager, timer, log, toys, loads, loader, aspire, next, serve, states, latest };
}

/** Lets all promises that can settle do so: a macrotask comes after every microtask. */
function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

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

Deno.test("Manager.acquire() gives the highest version that is available", async () => {
  const { serve, latest } = rig();
  await serve(2, 10, 9);
  assert.equal(latest(), "10");
});

Deno.test("Manager.acquire() says what was not found in TensorFlow Serving's words", async () => {
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

Deno.test("Manager unloads the old version when the new one, first broken, loads at last", async () => {
  const { serve, aspire, next, timer, states } = rig();
  await serve(1);
  aspire(2);
  await next().fail();
  timer.fire();
  await next().succeed();
  assert.deepEqual(states(), ["2 available", "1 end"]);
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

Deno.test("Manager does nothing when the same is aspired again", async () => {
  const { serve, aspire, log, loads } = rig();
  await serve(1, 2);
  aspire(1, 2);
  assert.deepEqual([log, loads], [[], []]);
});

Deno.test("Manager begins an unload before a load that is due at the same time", async () => {
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

Deno.test("Manager lets names load in turn", async () => {
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

Deno.test("Manager goes on loading while an old version drains", async () => {
  const { serve, aspire, manager, next, latest } = rig();
  await serve(1);
  using _held = manager.acquire({ name: "m" });
  aspire(2);
  await next().succeed();
  aspire(3);
  await next().succeed();
  assert.equal(latest(), "3");
});

Deno.test("A handle disposed once too often is a bug, and says so", async () => {
  const { serve, manager } = rig();
  await serve(1);
  const handle = manager.acquire({ name: "m" });
  handle[Symbol.dispose]();
  assert.throws(() => handle[Symbol.dispose](), /A handle of m version 1 was disposed twice\. This is a bug/);
});

Deno.test("Manager loads a version anew that is wished back while it is unloaded", async () => {
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

Deno.test("Manager keeps another version while one wished back is still being unloaded", async () => {
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

Deno.test("Manager keeps a version, not loading it again, that is wished back before it was unloaded", async () => {
  const { serve, aspire, next, states, loads, toys } = rig();
  await serve(1);
  aspire(2);
  aspire(1);
  await next().succeed();
  assert.deepEqual(states(), ["2 end", "1 available"]);
  assert.equal(loads.length, 0);
  assert.deepEqual(toys.map((toy) => toy.disposals), [0, 1]);
});

Deno.test("Manager frees at once what was still loading when it was left out", async () => {
  const { aspire, next, manager, states } = rig();
  aspire(1);
  aspire();
  assert.deepEqual(states(), ["1 loading"]);
  const toy = await next().succeed();
  await manager.settled();
  assert.equal(toy.disposals, 1);
  assert.deepEqual(states(), ["1 end"]);
});

Deno.test("Manager never loads what is left out before its turn", async () => {
  const { aspire, next, loads, states } = rig();
  aspire(1, 2);
  aspire(2);
  await next().succeed();
  assert.equal(loads.length, 0);
  assert.deepEqual(states(), ["2 available", "1 end"]);
});

Deno.test("Manager keeps the code and the sentence of a failed load, and hides what it did not understand", async () => {
  const { aspire, next, manager } = rig();
  aspire(1, 2);
  await next().fail(new ServingError(CODE.NOT_FOUND, "No model file"));
  await next().fail(new TypeError("x is not a function"));
  assert.deepEqual(
    manager.states("m").map(({ error }) => [error?.code, error?.message]),
    [[CODE.NOT_FOUND, "No model file"], [CODE.INTERNAL, "Internal error"]],
  );
});

Deno.test("Manager tries a failed load again after growing pauses, and gives up in the end", async () => {
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

Deno.test("Manager ends a pause when the version is left out", async () => {
  const { aspire, next, timer, states } = rig();
  aspire(1);
  await next().fail();
  aspire();
  assert.deepEqual(timer.delaysMs, []);
  assert.deepEqual(states(), ["1 end (3)"]);
});

Deno.test("Manager tries a failed version again at once when its fingerprint changes, with all its retries", async () => {
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

Deno.test("Manager tries again at once when the fingerprint changed during a load that failed", async () => {
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

Deno.test("Manager keeps what serves, and shows why, when its new revision cannot be loaded", async () => {
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

Deno.test("Manager loads the newest of revisions that change while it loads", async () => {
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

Deno.test("Manager shows why a servable could not be freed, and goes on", async () => {
  const manager = new Manager<Disposable>();
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

Deno.test("Manager takes a loader that throws at once for one that fails", async () => {
  const manager = new Manager<Disposable>({ loadRetriesMax: 0 });
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

Deno.test("Manager.setLabels() lets requests ask by label", async () => {
  const { serve, manager } = rig();
  await serve(1, 2);
  manager.setLabels("m", new Map([["stable", 1], ["canary", 2]]));
  using handle = manager.acquire({ name: "m", versionLabel: "stable" });
  assert.equal(handle.id.version, 1);
  manager.setLabels("m", new Map([["canary", 1]]));
  assert.throws(
    () => manager.acquire({ name: "m", versionLabel: "stable" }),
    isError(CODE.INVALID_ARGUMENT, "Unrecognized servable version label: stable"),
  );
});

Deno.test("Manager.setLabels() refuses versions that are not available and changes nothing then", async () => {
  const { serve, manager } = rig();
  await serve(1);
  manager.setLabels("m", new Map([["stable", 1]]));
  assert.throws(
    () => manager.setLabels("m", new Map([["canary", 1], ["stable", 2]])),
    isError(
      CODE.FAILED_PRECONDITION,
      "Request to assign label to version 2 of model m, which is not currently available for inference",
    ),
  );
  using handle = manager.acquire({ name: "m", versionLabel: "stable" });
  assert.equal(handle.id.version, 1);
  assert.throws(() => manager.acquire({ name: "m", versionLabel: "canary" }));
});

Deno.test("Manager.setLabels() lets only new labels stand for what is not available, if allowed", async () => {
  const { serve, manager } = rig({ allowLabelsForUnavailable: true });
  await serve(1);
  manager.setLabels("m", new Map([["stable", 1], ["next", 2]]));
  assert.throws(
    () => manager.acquire({ name: "m", versionLabel: "next" }),
    isError(CODE.NOT_FOUND, "Servable not found for request: Specific(m, 2)"),
  );
  manager.setLabels("m", new Map([["stable", 1], ["next", 2]]));
  assert.throws(() => manager.setLabels("m", new Map([["stable", 3]])), /not currently available/);
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

Deno.test("Manager tells of states in TensorFlow Serving's order: available when it is true, unloading before", async () => {
  const found: string[] = [];
  const manager: Manager<Disposable> = new Manager<Disposable>({
    onStateChange: ({ id, state }) => {
      let answer = "not found";
      try {
        using handle = manager.acquire(id);
        answer = `found ${handle.id.version}`;
      } catch {
        // The answer says so.
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

Deno.test("Disposing a manager frees everything, waits for loads and ends pauses", async () => {
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

Deno.test("Disposing a manager ends in time although a handle is held, and never frees under it", async () => {
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
