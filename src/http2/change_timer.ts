/**
 * How long something has not moved, for checks that look at it now and then.
 *
 * @module
 */

/** Remembers a value and since when it has been the same. */
export class Stillness {
  #value = Number.NaN;
  #sinceMs = 0;

  /** Milliseconds for which `value` has been what it is, as far as was looked; never more than 0 for NaN. */
  of(value: number, nowMs: number): number {
    if (value !== this.#value) {
      this.#value = value;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }
}
