/**
 * What is known of one request when it is over: which servable answered and where its time went. Filled in on the way by the
 * layers it passes, read by metrics, log and traces.
 *
 * @module
 */

/** What the clock said. One object, made only for requests that are timed: each number in it is garbage of its own. */
interface Times {
  startedMs: number;
  firstAskedMs: number;
  inferredMs: number;
  queueMs: number;
  inferMs: number;
  askedMs: number;
  beganMs: number;
}

/**
 * Times are milliseconds, moments those of `performance.now()`. A request may infer several times, one after the other. Looking at
 * the clock costs more than all else here, so not every request is timed.
 */
export class RequestRecord {
  /** The model it asked for; empty while that is not known. */
  modelName = "";
  /** What answered; undefined when there was nothing to answer with. */
  servable: { readonly name: string; readonly version: number } | undefined = undefined;
  /** How many `tensorflow.Example`s it came with; 0 for one that comes with tensors. */
  exampleCount = 0;
  readonly #times: Times | undefined;

  constructor(isTimed = true) {
    this.#times = isTimed ? timesFrom(performance.now()) : undefined;
  }

  /** Whether it is known where its time went. */
  get isTimed(): boolean {
    return this.#times !== undefined;
  }

  /** When its message was there; 0 for a request that is not timed, as are all its other times. */
  get startedMs(): number {
    return this.#times?.startedMs ?? 0;
  }

  /** When it first asked to be inferred; 0 when it never did. */
  get firstAskedMs(): number {
    return this.#times?.firstAskedMs ?? 0;
  }

  /** When its last inference was over; 0 when there was none. */
  get inferredMs(): number {
    return this.#times?.inferredMs ?? 0;
  }

  /** How long it waited for inferences to begin. */
  get queueMs(): number {
    return this.#times?.queueMs ?? 0;
  }

  /** How long inferences took. */
  get inferMs(): number {
    return this.#times?.inferMs ?? 0;
  }

  /** It asks to be inferred, and is at once unless it has to wait. */
  asks(): void {
    const times = this.#times;
    if (times === undefined) return;
    times.askedMs = times.beganMs = performance.now();
    if (times.firstAskedMs === 0) times.firstAskedMs = times.askedMs;
  }

  /** Its turn has come after it had to wait. */
  begins(): void {
    const times = this.#times;
    if (times === undefined) return;
    const nowMs = performance.now();
    times.queueMs += nowMs - times.askedMs;
    times.askedMs = nowMs;
    times.beganMs = nowMs;
  }

  /** An inference of it is over. */
  infers(): void {
    const times = this.#times;
    if (times === undefined) return;
    times.inferredMs = performance.now();
    times.inferMs += times.inferredMs - times.beganMs;
  }
}

function timesFrom(startedMs: number): Times {
  return { startedMs, firstAskedMs: 0, inferredMs: 0, queueMs: 0, inferMs: 0, askedMs: 0, beganMs: 0 };
}
