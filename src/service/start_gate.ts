/**
 * Holds requests that need a model while the first models are being loaded: a limited number, each until its deadline, until the
 * server has started or leaves without having started. After the start the gate costs one boolean check.
 *
 * @module
 */
import type { RequestGate } from "../base/observed_request.ts";
import { CODE, ServingError } from "../base/status.ts";

/** The limits on what waits. */
export interface StartGateOptions {
  /** Requests (`--max_waiting_requests`). */
  readonly waitersMax: number;
  /** Bytes of all their messages (`--max_inflight_bytes`). */
  readonly bytesMax: number;
}

/** Closed until it is opened. Disposing a closed gate refuses all requests, now and later; an open gate stays open. */
export class StartGate implements RequestGate, Disposable {
  readonly #options: StartGateOptions;
  readonly #waiters = new Set<PromiseWithResolvers<void>>();
  #bytes = 0;
  #isOpen = false;
  #refusal: ServingError | undefined;

  constructor(options: StartGateOptions) {
    this.#options = options;
  }

  /** Whether the server has started. Check this before {@link wait}, which costs a promise. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Number of waiting requests. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Opens the gate: waiting requests continue in the order in which they arrived. */
  open(): void {
    this.#isOpen = true;
    for (const { resolve } of this.#waiters) resolve();
  }

  /**
   * Waits until the gate is open.
   *
   * @param bytes the size of the message that is kept meanwhile.
   * @throws {ServingError} RESOURCE_EXHAUSTED at once if too many requests or bytes wait already; UNAVAILABLE if the server leaves
   * without having started; the reason of the caller's signal when that is aborted.
   */
  async wait({ signal }: { readonly signal: AbortSignal }, bytes: number): Promise<void> {
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
