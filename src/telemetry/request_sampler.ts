/**
 * Chooses the requests to time: all of them, until there are so many that reading the clock would slow them down.
 *
 * @module
 */

/** Requests in a row that must arrive fast before some are skipped; shorter bursts are timed as a whole. */
const WINDOW = 256;

/** The time in which that counts as fast: twenty thousand a second. */
const FAST_WINDOW_MS = WINDOW / 20;

/** When requests are fast, every nth is timed. */
const STRIDE = 16;

/** A stride that takes longer ends the skipping: five thousand a second. */
const SLOW_STRIDE_MS = STRIDE / 5;

/** Chooses requests. */
export class RequestSampler {
  #stride = 1;
  #untilNext = 0;
  /** When this window or stride started. */
  #sinceMs = 0;
  #inWindow = 0;

  /** Returns whether to time the next request. */
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
