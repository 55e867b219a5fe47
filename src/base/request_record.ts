/**
 * What is recorded of one request: which servable answered it, and where its time went. The layers that handle the request fill it
 * in; metrics, log and traces read it.
 *
 * @module
 */

/** Timestamps. A separate object that only timed requests have, because each of its numbers is allocated. */
interface Times {
  startedMs: number;
  firstEnqueuedMs: number;
  inferredMs: number;
  queueMs: number;
  inferMs: number;
  enqueuedMs: number;
  inferringSinceMs: number;
}

/**
 * The record of one request. Times are milliseconds, of `performance.now()` for timestamps. A request may cause several inferences, one
 * after another. Reading the clock is the largest cost here, so only some requests are timed.
 */
export class RequestRecord {
  /** The requested model; empty while it is unknown. */
  modelName = "";
  /** The servable that answered; undefined if none did. */
  servable: { readonly name: string; readonly version: number } | undefined = undefined;
  /** Number of `tensorflow.Example`s in the request; 0 if it has tensors. */
  exampleCount = 0;
  readonly #times: Times | undefined;

  constructor(isTimed = true) {
    this.#times = isTimed ? timesFrom(performance.now()) : undefined;
  }

  /** Whether the request is timed. All times of other requests are 0. */
  get isTimed(): boolean {
    return this.#times !== undefined;
  }

  /** When its message had arrived. */
  get startedMs(): number {
    return this.#times?.startedMs ?? 0;
  }

  /** When its first inference was requested; 0 if none was. */
  get firstEnqueuedMs(): number {
    return this.#times?.firstEnqueuedMs ?? 0;
  }

  /** When its last inference ended; 0 if there was none. */
  get inferredMs(): number {
    return this.#times?.inferredMs ?? 0;
  }

  /** Time spent waiting for inferences to start. */
  get queueMs(): number {
    return this.#times?.queueMs ?? 0;
  }

  /** Time spent in inferences. */
  get inferMs(): number {
    return this.#times?.inferMs ?? 0;
  }

  /** An inference was requested. It has started too, unless {@link started} follows. */
  enqueued(): void {
    const times = this.#times;
    if (times === undefined) return;
    times.enqueuedMs = times.inferringSinceMs = performance.now();
    if (times.firstEnqueuedMs === 0) times.firstEnqueuedMs = times.enqueuedMs;
  }

  /** The inference has started after a wait. */
  started(): void {
    const times = this.#times;
    if (times === undefined) return;
    const nowMs = performance.now();
    times.queueMs += nowMs - times.enqueuedMs;
    times.enqueuedMs = nowMs;
    times.inferringSinceMs = nowMs;
  }

  /** The inference has ended. */
  finished(): void {
    const times = this.#times;
    if (times === undefined) return;
    times.inferredMs = performance.now();
    times.inferMs += times.inferredMs - times.inferringSinceMs;
  }
}

function timesFrom(startedMs: number): Times {
  return { startedMs, firstEnqueuedMs: 0, inferredMs: 0, queueMs: 0, inferMs: 0, enqueuedMs: 0, inferringSinceMs: 0 };
}
