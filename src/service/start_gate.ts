/**
 * Where requests that need a model wait while the first models are being loaded: so many, for as long as their clients want to,
 * until the server has started or goes without having done so. Once it has, nobody comes here any more.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import type { Caller } from "../model/infer_request_pool.ts";

/** What may wait. */
export interface StartGateOptions {
  /** Requests (`--max_waiting_requests`). */
  readonly waitersMax: number;
  /** Bytes of their messages together (`--max_inflight_bytes`). */
  readonly bytesMax: number;
}

/** Shut until it is opened. Disposing one that is shut turns everybody away, now and later; one that is open stays open. */
export class StartGate implements Disposable {
  readonly #options: StartGateOptions;
  readonly #waiters = new Set<PromiseWithResolvers<void>>();
  #bytes = 0;
  #isOpen = false;
  #refusal: ServingError | undefined;

  constructor(options: StartGateOptions) {
    this.#options = options;
  }

  /** Whether the server has started: to be asked before {@link wait}, which costs a promise. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** The server has started: all go on, in the order in which they came. */
  open(): void {
    this.#isOpen = true;
    for (const { resolve } of this.#waiters) resolve();
  }

  /**
   * Waits until the gate is open.
   *
   * @param bytes of the message that is kept meanwhile.
   * @throws {ServingError} RESOURCE_EXHAUSTED, at once, when too many or too much waits already; UNAVAILABLE when the server goes
   * without having started; what the caller's signal was aborted with, when it is.
   */
  async wait({ signal }: Pick<Caller, "signal">, bytes: number): Promise<void> {
    if (this.#isOpen) return;
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#checkRoom(bytes);
    signal.throwIfAborted();
    const waiter = Promise.withResolvers<void>();
    const leave = () => waiter.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    this.#waiters.add(waiter);
    this.#bytes += bytes;
    try {
      await waiter.promise;
    } finally {
      signal.removeEventListener("abort", leave);
      this.#waiters.delete(waiter);
      this.#bytes -= bytes;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) return;
    this.#refusal = new ServingError(CODE.UNAVAILABLE, "The server is leaving and has not started");
    for (const { reject } of this.#waiters) reject(this.#refusal);
  }

  #checkRoom(bytes: number): void {
    const { waitersMax, bytesMax } = this.#options;
    if (this.#waiters.size < waitersMax && this.#bytes + bytes <= bytesMax) return;
    const there = this.#waiters.size < waitersMax ? `${this.#bytes} bytes of them` : `${this.#waiters.size} of them`;
    throw new ServingError(
      CODE.RESOURCE_EXHAUSTED,
      `The server is starting and the queue of requests is full: ${there} wait for the first models already`,
    );
  }
}
