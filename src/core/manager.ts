/**
 * Owns all servables: loads the aspired versions, lends them to requests and frees the others. Knows neither what a servable is
 * nor where versions come from.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import type { Harness, StateListener } from "./harness.ts";
import type { Loader, ServableHandle, ServableRequest, ServableState } from "./servable.ts";
import { ServableStream } from "./servable_stream.ts";
import { systemTimer, type Timer, within } from "../base/timer.ts";
import { VersionLabels } from "./version_labels.ts";
import { nextAction } from "./version_policy.ts";

export type { StateListener } from "./harness.ts";
export type { Loader, ServableHandle, ServableId, ServableRequest, ServableState, StateName } from "./servable.ts";

/** The longest pause before a retry, in multiples of the first. */
const LOAD_RETRY_GROWTH_MAX = 16;

/** How a manager loads and frees. */
export interface ManagerOptions {
  /** How many servables are loaded at the same time (`--num_load_threads`). */
  readonly loadsMax: number;
  /** How often a failed load is retried (`--max_num_load_retries`). */
  readonly loadRetriesMax: number;
  /** The pause before the first retry; it doubles with each retry, up to 16 times the first (`--load_retry_interval_micros`). */
  readonly loadRetryIntervalMs: number;
  /** How many ended versions are remembered, over all names. */
  readonly endedVersionsMax?: number;
  /** How long disposing waits for handles to be returned and loads to finish. */
  readonly disposeWaitMs: number;
  /** Allows a new label for a version that is not available (`--allow_version_labels_for_unavailable_models`). */
  readonly allowLabelsForUnavailable: boolean;
  /** Called once for every change of state, in order. */
  readonly onStateChange?: StateListener;
  /** Called with every change of labels. Must not throw. */
  readonly onLabelsChange?: (name: string, labels: ReadonlyMap<string, number>) => void;
  readonly timer?: Timer;
}

/** Loads, lends and frees the versions of any number of names. */
export class Manager<T extends Disposable | AsyncDisposable> implements AsyncDisposable {
  /** The labels by which requests may ask for versions. */
  readonly labels: VersionLabels;
  readonly #options: Required<ManagerOptions>;
  readonly #streams = new Map<string, ServableStream<T>>();
  readonly #ended = new Map<string, ServableState>();
  readonly #waiters = new Map<() => void, () => boolean>();
  #loading = 0;
  #unloading = 0;
  #isClosed = false;

  constructor(options: ManagerOptions) {
    this.#options = {
      endedVersionsMax: 256,
      onStateChange: () => {},
      onLabelsChange: () => {},
      timer: systemTimer,
      ...options,
    };
    this.labels = new VersionLabels({
      isAvailable: (name, version) => this.#streams.get(name)?.available.has(version) === true,
      allowUnavailable: this.#options.allowLabelsForUnavailable,
      onChange: this.#options.onLabelsChange,
    });
  }

  /**
   * Sets the versions of a name that should be loaded: all of them, each time. A version left out is unloaded; the same set again
   * changes nothing. Ignored once the manager is being disposed.
   *
   * A new version is loaded before the old one is unloaded, and if it fails the old one keeps serving. A version that is aspired
   * again while it unloads is loaded again once it is gone.
   */
  aspire(name: string, versions: ReadonlyMap<number, Loader<T>>): void {
    if (this.#isClosed) return;
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      if (versions.size === 0) return;
      stream = new ServableStream(name, (state) => this.#report(state));
      this.#streams.set(name, stream);
    }
    stream.accept(new Map(versions));
    this.#reconcile([stream]);
  }

  /**
   * Lends a servable. Costs two lookups and allocates nothing.
   *
   * @throws {ServingError} NOT_FOUND when there is none, INVALID_ARGUMENT for an unknown label, in the words of
   * tensorflow_serving/core/basic_manager.cc and model_servers/server_core.cc.
   */
  acquire(request: ServableRequest): ServableHandle<T> {
    const stream = this.#streams.get(request.name);
    const version = request.versionLabel === undefined
      ? request.version
      : this.labels.versionOf(request.name, request.versionLabel);
    const harness = version === undefined ? stream?.latest : stream?.available.get(Number(version));
    if (harness === undefined) {
      const wanted = version === undefined ? `Latest(${request.name})` : `Specific(${request.name}, ${version})`;
      throw new ServingError(CODE.NOT_FOUND, `Servable not found for request: ${wanted}`);
    }
    return harness.acquire();
  }

  /** The state of each remembered version of a name, the newest version first; empty for an unknown name. */
  states(name: string): readonly ServableState[] {
    const states = this.#streams.get(name)?.states() ?? new Map<number, ServableState>();
    for (const ended of this.#ended.values()) {
      if (ended.id.name === name && !states.has(ended.id.version)) states.set(ended.id.version, ended);
    }
    return [...states.values()].sort((a, b) => b.id.version - a.id.version);
  }

  /** The names that have a version, or had one that is remembered, in order. */
  names(): readonly string[] {
    const names = new Set(this.#streams.keys());
    for (const ended of this.#ended.values()) names.add(ended.id.name);
    return [...names].sort();
  }

  /**
   * Resolves when no load is running or waits for its turn, or for the unloading of the same version. Does not wait for retries.
   */
  loaded(): Promise<void> {
    const reloads = ({ isAspired, state }: Harness<T>): boolean => isAspired && state === "unloading";
    return this.#until(() =>
      this.#loading === 0 && !this.#streams.values().some(({ harnesses }) => harnesses.some(reloads))
    );
  }

  /** Resolves when nothing is being loaded or unloaded; while handles are held that is later than {@link loaded}. */
  settled(): Promise<void> {
    return this.#until(() => this.#loading === 0 && this.#unloading === 0);
  }

  /**
   * Unloads everything. Resolves when all servables are freed, or after `disposeWaitMs`. A servable that is still held then is freed
   * when its last handle is disposed, never before.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#streams.keys()) this.aspire(name, new Map());
    this.#isClosed = true;
    const { timer, disposeWaitMs } = this.#options;
    await within(this.settled(), disposeWaitMs, { timer });
  }

  /** Takes steps until none is left: one for each name in turn, so that no name waits for all versions of another. */
  #reconcile(streams: readonly ServableStream<T>[] = [...this.#streams.values()]): void {
    let active = streams;
    while (active.length > 0) active = active.filter((stream) => this.#step(stream));
    for (const stream of streams) {
      if (stream.isEmpty) this.#streams.delete(stream.name);
    }
    for (const [resolve, isDone] of this.#waiters) {
      if (!isDone()) continue;
      this.#waiters.delete(resolve);
      resolve();
    }
  }

  #step(stream: ServableStream<T>): boolean {
    const action = nextAction(stream.harnesses);
    if (action === undefined) return false;
    if (action.kind === "unload") {
      void this.#unload(stream, action.snapshot);
      return true;
    }
    if (this.#loading >= this.#options.loadsMax) return false;
    void this.#load(stream, action.snapshot);
    return true;
  }

  async #load(stream: ServableStream<T>, harness: Harness<T>): Promise<void> {
    const loader = stream.loaderOf(harness);
    if (loader === undefined) return;
    this.#loading++;
    harness.become("loading");
    const error = await harness.attempt(loader);
    this.#loading--;
    // The stream that just loaded moves to the end of the queue.
    this.#streams.delete(stream.name);
    this.#streams.set(stream.name, stream);
    if (error === undefined) {
      harness.become("available");
    } else {
      this.#fail(stream, harness, error);
    }
    this.#reconcile();
  }

  #fail(stream: ServableStream<T>, harness: Harness<T>, error: ServingError): void {
    harness.failures++;
    harness.become("end", error);
    const loader = stream.loaderOf(harness);
    if (loader === undefined) {
      stream.drop(harness);
    } else if (loader.fingerprint !== harness.fingerprint) {
      harness.restart({ keepFailures: false });
    } else if (harness.failures <= this.#options.loadRetriesMax) {
      const growth = Math.min(2 ** (harness.failures - 1), LOAD_RETRY_GROWTH_MAX);
      harness.cancelRetry = this.#options.timer(() => {
        harness.restart({ keepFailures: true });
        this.#reconcile([stream]);
      }, this.#options.loadRetryIntervalMs * growth);
    }
  }

  async #unload(stream: ServableStream<T>, harness: Harness<T>): Promise<void> {
    this.#unloading++;
    harness.become("unloading");
    await harness.drained();
    harness.become("end", await harness.free());
    stream.drop(harness);
    this.#unloading--;
    this.#reconcile();
  }

  #report(state: ServableState): void {
    if (state.state === "end") this.#remember(state);
    this.#options.onStateChange(state);
  }

  #remember(ended: ServableState): void {
    const key = `${ended.id.version}/${ended.id.name}`;
    this.#ended.delete(key);
    this.#ended.set(key, ended);
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= this.#options.endedVersionsMax) return;
      this.#ended.delete(oldest);
    }
  }

  #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.set(resolve, isDone));
  }
}
