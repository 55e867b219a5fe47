/**
 * The versions that a serving thread serves: the main thread's, each attached here with infer requests of its own.
 *
 * @module
 */
import { toServingError } from "../base/status.ts";
import { type Loader, Manager, type ServableId, type ServableState } from "../core/manager.ts";
import type { Engine } from "../engine/engine.ts";
import { attachMarked } from "../model/gates/marked_engine.ts";
import { ModelServable, type ModelServableOptions } from "../model/model_servable.ts";
import { BatchTotals } from "../telemetry/batch_totals.ts";
import type { SharedVersion } from "./messages.ts";

/** A version on its way in or out. */
interface Entry {
  readonly shared: SharedVersion;
  isWanted: boolean;
  isLoaded: boolean;
  readonly loaded: PromiseWithResolvers<void>;
  readonly freed: PromiseWithResolvers<void>;
}

/**
 * Serves what it is told to. When a version comes and goes is decided on the main thread; what it takes to do that under requests is
 * done here by a manager as there.
 */
export class ThreadServables implements AsyncDisposable {
  readonly manager: Manager<ModelServable> = new Manager({
    // Each load attaches to what the main thread has loaded, which is quick and not worth a retry.
    loadsMax: 1,
    loadRetriesMax: 0,
    loadRetryIntervalMs: 0,
    // Calls are over when a thread ends.
    disposeWaitMs: 0,
    allowLabelsForUnavailable: true,
    onStateChange: (state) => this.#count(state),
  });
  /** What was counted of batches here. */
  readonly batches: BatchTotals = new BatchTotals();
  readonly #engine: Engine;
  readonly #onEnd: (id: ServableId) => void;
  readonly #entries = new Map<number, Entry>();

  /**
   * @param engine borrowed.
   * @param onEnd told of each version that has been freed. Must not throw.
   */
  constructor(engine: Engine, onEnd: (id: ServableId) => void = () => {}) {
    this.#engine = engine;
    this.#onEnd = onEnd;
  }

  /**
   * Resolves when requests get a version. A version that is there already is replaced by one with a later key.
   *
   * @throws {ServingError} INTERNAL when the engine cannot make its infer requests. It is to be withdrawn all the same.
   */
  async serve(shared: SharedVersion): Promise<void> {
    const entry: Entry = {
      shared,
      isWanted: true,
      isLoaded: false,
      loaded: Promise.withResolvers(),
      freed: Promise.withResolvers(),
    };
    this.#entries.set(shared.key, entry);
    this.#aspire(shared.name);
    await entry.loaded.promise;
  }

  /** Resolves when nothing is left of a version: no request that uses it and nothing of the engine's. */
  async withdraw(key: number): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.isWanted = false;
    this.#aspire(entry.shared.name);
    if (entry.isLoaded) await entry.freed.promise;
    this.#entries.delete(key);
    entry.loaded.resolve();
  }

  /** Gives a name its labels. */
  label(name: string, labels: ReadonlyMap<string, number>): void {
    // They have been checked. Without those before, each is a new one, which may stand for a version that is not there.
    this.manager.labels.set(name, new Map());
    this.manager.labels.set(name, labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }

  #count({ id, state }: ServableState): void {
    if (state === "end") {
      this.batches.onEnd(id);
      this.#onEnd(id);
    }
    if (state !== "available") return;
    using handle = this.manager.acquire(id);
    this.batches.onAvailable(id, handle.servable);
  }

  #aspire(name: string): void {
    const versions = new Map<number, Loader<ModelServable>>();
    for (const entry of this.#entries.values()) {
      const { name: ofEntry, version, key } = entry.shared;
      if (ofEntry !== name || !entry.isWanted) continue;
      const revision = String(key);
      versions.set(version, { fingerprint: revision, revision, load: () => this.#load(entry) });
    }
    this.manager.aspire(name, versions);
  }

  #load(entry: Entry): Promise<ModelServable> {
    try {
      const { servable } = entry.shared;
      const compiled = attachMarked(this.#engine, servable.compiled);
      const attached = new AttachedServable({ ...servable, compiled }, () => entry.freed.resolve());
      entry.isLoaded = true;
      entry.loaded.resolve();
      return Promise.resolve(attached);
    } catch (thrown) {
      const error = toServingError(thrown);
      entry.loaded.reject(error);
      return Promise.reject(error);
    }
  }
}

/** A servable that says when it has been freed. */
class AttachedServable extends ModelServable {
  readonly #onFreed: () => void;

  constructor(options: ModelServableOptions, onFreed: () => void) {
    super(options);
    this.#onFreed = onFreed;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#onFreed();
  }
}
