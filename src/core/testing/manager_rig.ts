/**
 * A manager of toy servables whose loads the test ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CODE, ServingError } from "../../base/status.ts";
import { type Loader, Manager, type ManagerOptions } from "../manager.ts";
import { ManualTimer } from "../../base/testing/manual_timer.ts";

/** A servable that knows whether it was freed. */
export class Toy implements AsyncDisposable {
  disposals = 0;

  constructor(readonly label: string) {}

  [Symbol.asyncDispose](): Promise<void> {
    this.disposals++;
    return Promise.resolve();
  }
}

/** A load that the test ends. */
export interface Load {
  readonly version: number;
  succeed(): Promise<Toy>;
  fail(error?: unknown): Promise<void>;
}

/** A manager with what a test needs to drive it. */
export interface Rig {
  readonly manager: Manager<Toy>;
  readonly timer: ManualTimer;
  /** The changes of state, as `version state`. */
  readonly log: string[];
  /** Every servable that was loaded. */
  readonly toys: readonly Toy[];
  readonly loads: readonly Load[];
  /** A loader whose loads wait in `loads`. */
  loader(version: number, options?: { fingerprint?: string; revision?: string }): Loader<Toy>;
  aspire(...versions: number[]): void;
  /** Takes the pending load that started first, or one of those after it. */
  next(index?: number): Load;
  /** Aspires versions and lets all of them load. */
  serve(...versions: number[]): Promise<void>;
  states(): string[];
  /** The servable that a request without a version gets. */
  latest(): string;
}

/** Options of a manager like those of a server without flags. */
export const MANAGER_OPTIONS: ManagerOptions = {
  loadsMax: 1,
  loadRetriesMax: 5,
  loadRetryIntervalMs: 60_000,
  disposeWaitMs: 30_000,
  allowLabelsForUnavailable: false,
};

/** Makes a manager and its rig. */
export function rig(options: Partial<ManagerOptions> = {}): Rig {
  const timer = new ManualTimer();
  const log: string[] = [];
  const toys: Toy[] = [];
  const loads: Load[] = [];
  const manager = new Manager<Toy>({
    ...MANAGER_OPTIONS,
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
  function next(index = 0): Load {
    const [load] = loads.splice(index, 1);
    assert.ok(load, "no load was started");
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
export function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
