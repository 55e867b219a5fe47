/**
 * What is known of one request when it is over: which servable answered and where its time went. Filled in on the way by the
 * layers it passes, read by metrics, log and traces.
 *
 * @module
 */

/**
 * Times are milliseconds, moments those of `performance.now()`. A request may infer several times, one after the other. Looking at
 * the clock costs more than all else here, so not every request is timed.
 */
export class RequestRecord {
  /** When its message was there; 0 for a request that is not timed, as are all its other times. */
  readonly startedMs: number;
  /** The model it asked for; empty while that is not known. */
  modelName = "";
  /** What answered; undefined when there was nothing to answer with. */
  servable: { readonly name: string; readonly version: number } | undefined = undefined;
  /** How many `tensorflow.Example`s it came with; 0 for one that comes with tensors. */
  exampleCount = 0;
  /** When it first asked to be inferred; 0 when it never did. */
  firstAskedMs = 0;
  /** When its last inference was over; 0 when there was none. */
  inferredMs = 0;
  /** How long it waited for inferences to begin. */
  queueMs = 0;
  /** How long inferences took. */
  inferMs = 0;
  #askedMs = 0;
  #beganMs = 0;

  constructor(isTimed = true) {
    this.startedMs = isTimed ? performance.now() : 0;
  }

  /** Whether it is known where its time went. */
  get isTimed(): boolean {
    return this.startedMs > 0;
  }

  /** It asks to be inferred, and is at once unless it has to wait. */
  asks(): void {
    if (!this.isTimed) return;
    const nowMs = performance.now();
    if (this.firstAskedMs === 0) this.firstAskedMs = nowMs;
    this.#askedMs = nowMs;
    this.#beganMs = nowMs;
  }

  /** Its turn has come after it had to wait. */
  begins(): void {
    if (!this.isTimed) return;
    const nowMs = performance.now();
    this.queueMs += nowMs - this.#askedMs;
    this.#askedMs = nowMs;
    this.#beganMs = nowMs;
  }

  /** An inference of it is over. */
  infers(): void {
    if (!this.isTimed) return;
    this.inferredMs = performance.now();
    this.inferMs += this.inferredMs - this.#beganMs;
  }
}
