/**
 * Chooses the requests that are timed: all of them, until there are so many that looking at the clock would slow them down.
 *
 * @module
 */

/** So many requests in a row have to come fast before some are left out; a burst is timed as a whole. */
const WINDOW = 256;

/** In so short a time: twenty thousand a second. */
const FAST_WINDOW_MS = WINDOW / 20;

/** Then one in so many is timed. */
const STRIDE = 16;

/** Until so many take so long: five thousand a second. */
const SLOW_STRIDE_MS = STRIDE / 5;

/** Chooses requests. */
export class RequestSampler {
  #stride = 1;
  #untilNext = 0;
  /** When this window began, or this stride. */
  #sinceMs = 0;
  #inWindow = 0;

  /** Whether to time the next request. */
  take(): boolean {
    if (this.#untilNext > 0) {
      this.#untilNext--;
      return false;
    }
    if (this.#stride > 1) this.#endStride();
    else if (++this.#inWindow === WINDOW) this.#endWindow();
    this.#untilNext = this.#stride - 1;
    return true;
  }

  #endWindow(): void {
    const nowMs = performance.now();
    if (nowMs - this.#sinceMs < FAST_WINDOW_MS) this.#stride = STRIDE;
    this.#sinceMs = nowMs;
    this.#inWindow = 0;
  }

  #endStride(): void {
    const nowMs = performance.now();
    if (nowMs - this.#sinceMs > SLOW_STRIDE_MS) this.#stride = 1;
    this.#sinceMs = nowMs;
  }
}
