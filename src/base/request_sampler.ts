/**
 * Chooses the requests that are timed: all of them, until there are so many that looking at the clock would slow them down.
 *
 * @module
 */

/** Requests that follow each other more quickly than this are many: twenty thousand a second. */
const BUSY_INTERVAL_MS = 0.05;

/** One in so many is timed at the least. */
const STRIDE_MAX = 16;

/** Chooses requests. */
export class RequestSampler {
  /** One in so many is timed just now. */
  #stride = 1;
  #untilNext = 0;
  #lastMs = 0;

  /** Whether to time the next request. */
  take(): boolean {
    if (this.#untilNext > 0) {
      this.#untilNext--;
      return false;
    }
    const nowMs = performance.now();
    const intervalMs = (nowMs - this.#lastMs) / this.#stride;
    this.#lastMs = nowMs;
    this.#stride = intervalMs < BUSY_INTERVAL_MS ? Math.min(this.#stride * 2, STRIDE_MAX) : 1;
    this.#untilNext = this.#stride - 1;
    return true;
  }
}
