/**
 * What is known of one request when it is over: which servable answered and where its time went. Filled in on the way by the
 * layers it passes, read by metrics, log and traces.
 *
 * @module
 */

/** Times are milliseconds, moments those of `performance.now()`. A request may infer several times, one after the other. */
export class RequestRecord {
  /** When its message was there. */
  readonly startedMs: number = performance.now();
  /** The model it asked for; empty while that is not known. */
  modelName = "";
  /** What answered; undefined when there was nothing to answer with. */
  servable: { readonly name: string; readonly version: number } | undefined = undefined;
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

  /** It asks to be inferred, and is at once unless it has to wait. */
  asks(nowMs: number = performance.now()): void {
    if (this.firstAskedMs === 0) this.firstAskedMs = nowMs;
    this.#askedMs = nowMs;
    this.#beganMs = nowMs;
  }

  /** Its turn has come after it had to wait. */
  begins(nowMs: number = performance.now()): void {
    this.queueMs += nowMs - this.#askedMs;
    this.#askedMs = nowMs;
    this.#beganMs = nowMs;
  }

  /** An inference of it is over. */
  infers(nowMs: number = performance.now()): void {
    this.inferredMs = nowMs;
    this.inferMs += nowMs - this.#beganMs;
  }
}
