/**
 * One servable on its way through the states, and the handle to it that requests hold. Does not decide anything.
 *
 * @module
 */
import { assert, type ServingError, toServingError } from "../base/status.ts";
import type { Loader, ServableHandle, ServableId, ServableState, StateName } from "./servable.ts";

/** Hears of every change of state, after `available` and before `unloading` takes effect. Must not throw. */
export type StateListener = (state: ServableState) => void;

/** What a harness is made for. */
export interface HarnessOptions {
  readonly id: ServableId;
  readonly revision: string | undefined;
  readonly origin: string | undefined;
  readonly onStateChange: StateListener;
}

/** One loaded, or to be loaded, or failed servable. Also its {@link ServableHandle}, the same object for all who hold it. */
export class Harness<T> implements ServableHandle<T> {
  readonly id: ServableId;
  /** Whether it ought to be loaded. */
  isAspired = true;
  /** The revision it was, or will be, loaded with. */
  revision: string | undefined;
  /** Where that takes it from. */
  origin: string | undefined;
  /** The fingerprint of the last attempt. */
  fingerprint: string | undefined;
  /** Attempts that failed since it was new or its files changed. */
  failures = 0;
  /** Ends the pause before the next attempt. */
  cancelRetry: (() => void) | undefined;
  #state: StateName = "start";
  #error: ServingError | undefined;
  #servable: T | undefined;
  #users = 0;
  #onIdle: (() => void) | undefined;
  readonly #onStateChange: StateListener;

  constructor({ id, revision, origin, onStateChange }: HarnessOptions) {
    this.id = id;
    this.revision = revision;
    this.origin = origin;
    this.#onStateChange = onStateChange;
    onStateChange(this.snapshot());
  }

  /** The version of its id. */
  get version(): number {
    return this.id.version;
  }

  /** Where it stands. */
  get state(): StateName {
    return this.#state;
  }

  /** Why it failed, if it did. */
  get error(): ServingError | undefined {
    return this.#error;
  }

  /** The servable, while it is held. */
  get servable(): T {
    return this.#servable as T;
  }

  /** Whether it serves, or may still come to: whatever is not on its way out. */
  get isLive(): boolean {
    return this.#state !== "unloading";
  }

  /** The state as it is told to others. */
  snapshot(): ServableState {
    return { id: this.id, state: this.#state, origin: this.origin, error: this.#error, isOutdated: false };
  }

  /** Enters a state and tells it. */
  become(state: StateName, error?: ServingError): void {
    this.#state = state;
    this.#error = error;
    this.#onStateChange(this.snapshot());
  }

  /** Begins again after a failure, with no failures to its name unless `keepFailures`. */
  restart(options: { keepFailures: boolean }): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    if (!options.keepFailures) this.failures = 0;
    this.become("start");
  }

  /** Makes the attempt that a loader describes; resolves with the failure, if it is one. */
  async attempt(loader: Loader<T>): Promise<ServingError | undefined> {
    this.fingerprint = loader.fingerprint;
    try {
      this.#servable = await loader.load();
      return undefined;
    } catch (thrown) {
      return toServingError(thrown);
    }
  }

  /** Lends the servable. */
  acquire(): ServableHandle<T> {
    this.#users++;
    return this;
  }

  /** Takes the servable back from one who held it. */
  [Symbol.dispose](): void {
    // Asked first: the sentence is only put together for those who read it.
    if (this.#users === 0) assert(false, `A handle of ${this.id.name} version ${this.id.version} was disposed twice`);
    this.#users--;
    if (this.#users === 0) this.#onIdle?.();
  }

  /** Resolves when nobody holds the servable any more. Only of use when it is lent no more. */
  drained(): Promise<void> {
    if (this.#users === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle = resolve);
  }

  /** Frees the servable; resolves with the failure, if it is one. */
  async free(): Promise<ServingError | undefined> {
    const servable = this.#servable;
    try {
      if (isAsyncDisposable(servable)) await servable[Symbol.asyncDispose]();
      else if (isDisposable(servable)) servable[Symbol.dispose]();
      return undefined;
    } catch (thrown) {
      return toServingError(thrown);
    }
  }
}

function isAsyncDisposable(value: unknown): value is AsyncDisposable {
  return typeof value === "object" && value !== null && Symbol.asyncDispose in value;
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === "object" && value !== null && Symbol.dispose in value;
}
