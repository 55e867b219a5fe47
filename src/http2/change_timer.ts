/**
 * Measures how long a value has not changed, for checks that sample it.
 *
 * @module
 */

/** Remembers a value and when it last changed. */
export class ChangeTimer {
  #value = Number.NaN;
  #sinceMs = 0;

  /** Milliseconds since `value` last changed; 0 for NaN. */
  of(value: number, nowMs: number): number {
    if (value !== this.#value) {
      this.#value = value;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }
}
