/**
 * One servable and its state, and the handle that requests hold. Decides nothing itself.
 *
 * @module
 */
import { assert, type ServingError, toServingError } from "../base/status.ts";
import type { Loader, ServableHandle, ServableId, ServableState, StateName } from "./servable.ts";

/** Called with every change of state: after `available` takes effect, and before `unloading` does. Must not throw. */
export type StateListener = (state: ServableState) => void;

/** One servable: to be loaded, loaded or failed. Also its {@link ServableHandle}, the same object for all requests. */
export class Harness<T> implements ServableHandle<T> {
  readonly id: ServableId;
  /** Whether it should be loaded. */
  isAspired = true;
  /** The revision of its loader. */
  revision: string | undefined;
  /** The origin of its loader. */
  origin: string | undefined;
  /** The fingerprint of the last attempt. */
  fingerprint: string | undefined;
  /** Failed attempts since it was added or its files changed. */
  failures = 0;
  /** Cancels the next attempt, while one is scheduled. */
  cancelRetry: (() => void) | undefined;
  #state: StateName = "start";
  #error: ServingError | undefined;
  #servable: T | undefined;
  #users = 0;
  #onIdle: (() => void) | undefined;
  readonly #onStateChange: StateListener;

  constructor(id: ServableId, { revision, origin }: Loader<T>, onStateChange: StateListener) {
    this.id = id;
    this.revision = revision;
    this.origin = origin;
    this.#onStateChange = onStateChange;
    onStateChange(this.snapshot());
  }

  /** Its version number. */
  get version(): number {
    return this.id.version;
  }

  /** Its state. */
  get state(): StateName {
    return this.#state;
  }

  /** The error of the last attempt, if it failed. */
  get error(): ServingError | undefined {
    return this.#error;
  }

  /** The servable; only while it is held. */
  get servable(): T {
    return this.#servable as T;
  }

  /** Whether it serves or may serve later: false once it unloads. */
  get isLive(): boolean {
    return this.#state !== "unloading";
  }

  /** Returns the state for observers. */
  snapshot(): ServableState {
    return { id: this.id, state: this.#state, origin: this.origin, error: this.#error, isOutdated: false };
  }

  /** Enters a state and reports it. */
  become(state: StateName, error?: ServingError): void {
    this.#state = state;
    this.#error = error;
    this.#onStateChange(this.snapshot());
  }

  /** Starts again after a failure. Forgets earlier failures unless `keepFailures`. */
  restart(options: { keepFailures: boolean }): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    if (!options.keepFailures) this.failures = 0;
    this.become("start");
  }

  /** Tries to load the servable; resolves with the error if that fails. */
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

  /** Returns the servable from one request. */
  [Symbol.dispose](): void {
    // Checked first, so that the sentence is built on failure only.
    if (this.#users === 0) assert(false, `A handle of ${this.id.name} version ${this.id.version} was disposed twice`);
    this.#users--;
    if (this.#users === 0) this.#onIdle?.();
  }

  /** Resolves when no request holds the servable. Useful only once it is no longer lent. */
  drained(): Promise<void> {
    if (this.#users === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle = resolve);
  }

  /** Frees the servable; resolves with the error if that fails. */
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
