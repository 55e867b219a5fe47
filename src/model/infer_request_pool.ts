/**
 * A model's infer requests: each lent to one caller at a time, first come first served.
 *
 * @module
 */
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { InferRequest } from "../engine/engine.ts";

/** A caller that may wait for an infer request. `signal` is read only when it waits: making one has a cost. */
export interface Caller {
  readonly signal: AbortSignal;
  /** Receives the times of the request. */
  readonly record?: RequestRecord | undefined;
}

interface Waiter {
  resolve(request: InferRequest): void;
}

/** Lends infer requests. Disposing it disposes them, which is allowed only once all are returned. */
export class InferRequestPool implements Disposable {
  readonly #requests: readonly InferRequest[];
  readonly #idle: InferRequest[];
  readonly #waiters = new Set<Waiter>();
  readonly #waitersMax: number;

  /** @param requests owned by the pool from now on. */
  constructor(requests: readonly InferRequest[], options: { waitersMax: number }) {
    this.#requests = requests;
    this.#idle = [...requests];
    this.#waitersMax = options.waitersMax;
  }

  /** How many infer requests there are. */
  get size(): number {
    return this.#requests.length;
  }

  /** How many are lent. */
  get inUse(): number {
    return this.#requests.length - this.#idle.length;
  }

  /** How many callers are waiting. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Lends an idle infer request until {@link release}; returns undefined when all are in use. */
  tryAcquire(): InferRequest | undefined {
    return this.#idle.pop();
  }

  /**
   * Waits for an infer request, which is lent until {@link release}.
   *
   * @throws {ServingError} RESOURCE_EXHAUSTED when too many callers wait; the reason of the signal when it is aborted.
   */
  acquire(caller: Caller): Promise<InferRequest> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#waiters.size >= this.#waitersMax) {
      return Promise.reject(
        new ServingError(
          CODE.RESOURCE_EXHAUSTED,
          `The queue of requests is full: ${this.#waiters.size} wait for the model already`,
        ),
      );
    }
    const { signal } = caller;
    const { promise, resolve, reject } = Promise.withResolvers<InferRequest>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const waiter: Waiter = {
      resolve: (request) => {
        signal.removeEventListener("abort", leave);
        resolve(request);
      },
    };
    const leave = () => {
      this.#waiters.delete(waiter);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#waiters.add(waiter);
    return promise;
  }

  /** Returns an infer request, which goes to the caller that has waited longest. */
  release(request: InferRequest): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.resolve(request);
      return;
    }
    this.#idle.push(request);
  }

  [Symbol.dispose](): void {
    for (const request of this.#requests) request[Symbol.dispose]();
  }
}
