/**
 * The versions of a serving thread: those of the main thread, each attached with infer requests of its own.
 *
 * @module
 */
import { toServingError } from "../base/status.ts";
import { type Loader, Manager, type ServableId, type ServableState } from "../core/manager.ts";
import type { Engine } from "../engine/engine.ts";
import { attachMarked } from "../model/gates/marked_engine.ts";
import { variantCompiler } from "../model/loading/variant_compiler.ts";
import { ModelServable, type ModelServableOptions } from "../model/model_servable.ts";
import { BatchTotals } from "../telemetry/batch_totals.ts";
import type { SharedVersion } from "./messages.ts";

/** A version from its announcement until it is freed. */
interface Entry {
  readonly shared: SharedVersion;
  isWanted: boolean;
  isLoaded: boolean;
  readonly loaded: PromiseWithResolvers<void>;
  readonly freed: PromiseWithResolvers<void>;
}

/**
 * Serves the versions that the main thread announces. As there, a manager exchanges them while requests run.
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
  /** Counts of batches on this thread. */
  readonly batches: BatchTotals = new BatchTotals();
  readonly #engine: Engine;
  readonly #onEnd: (id: ServableId) => void;
  readonly #entries = new Map<number, Entry>();

  /**
   * @param engine borrowed.
   * @param onEnd called with each version that has been freed. Must not throw.
   */
  constructor(engine: Engine, onEnd: (id: ServableId) => void = () => {}) {
    this.#engine = engine;
    this.#onEnd = onEnd;
  }

  /**
   * Resolves when requests reach a version. It replaces the same version with an earlier key.
   *
   * @throws {ServingError} INTERNAL if the engine cannot make its infer requests. It must be withdrawn nevertheless.
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

  /** Resolves when a version is freed and no request uses it. */
  async withdraw(key: number): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.isWanted = false;
    this.#aspire(entry.shared.name);
    if (entry.isLoaded) await entry.freed.promise;
    this.#entries.delete(key);
    entry.loaded.resolve();
  }

  /** Sets the labels of a model. */
  label(name: string, labels: ReadonlyMap<string, number>): void {
    // The main thread has checked them. A new label may refer to a version that is not available, so all of them are set anew.
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
      const graphs = servable.graphs.map((graph) => ({
        ...graph,
        compiled: attachMarked(this.#engine, graph.compiled),
      }));
      const source = servable.variantSource;
      const compileVariant = source && variantCompiler(this.#engine, source);
      const attached = new AttachedServable({ ...servable, graphs, compileVariant }, () => entry.freed.resolve());
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

/** A servable that reports when it has been freed. */
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
