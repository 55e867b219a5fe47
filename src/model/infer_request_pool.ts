/**
 * A model's infer requests: handed out one caller at a time, first come first served. Knows nothing of what they infer.
 *
 * @module
 */
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { InferRequest } from "../engine/engine.ts";

/** Who waits for an infer request. `signal` is asked for only when there is waiting to do: making one costs. */
export interface Caller {
  readonly signal: AbortSignal;
  /** Where it is written down what became of the request. */
  readonly record?: RequestRecord | undefined;
}

interface Waiter {
  resolve(request: InferRequest): void;
}

/** Lends infer requests. Disposing it disposes them: only when all are back. */
export class InferRequestPool implements Disposable {
  readonly #requests: readonly InferRequest[];
  readonly #idle: InferRequest[];
  readonly #waiters = new Set<Waiter>();
  readonly #waitersMax: number;

  /** @param requests owned by the pool from here on. */
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

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** An idle infer request, lent until {@link release}; undefined when all are at work. */
  tryAcquire(): InferRequest | undefined {
    return this.#idle.pop();
  }

  /**
   * Waits for an infer request, lent until {@link release}.
   *
   * @throws {ServingError} RESOURCE_EXHAUSTED when too many wait already; what the signal was aborted with, when it is.
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

  /** Takes an infer request back and hands it to the caller that has waited longest. */
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
