/**
 * A {@link Timer} that a test fires by hand.
 *
 * @module
 */
import type { Timer } from "../timer.ts";

interface Entry {
  readonly callback: () => void;
  readonly delayMs: number;
}

/** Keeps callbacks until the test fires them. */
export class ManualTimer {
  readonly #entries = new Set<Entry>();

  /** The timer to pass to the code under test. */
  readonly start: Timer = (callback, delayMs) => {
    const entry = { callback, delayMs };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  };

  /** The delays of pending callbacks, in the order of their requests. */
  get delaysMs(): readonly number[] {
    return [...this.#entries].map((entry) => entry.delayMs);
  }

  /** Fires all pending callbacks; those that they start wait for the next call. */
  fire(): void {
    const due = [...this.#entries];
    this.#entries.clear();
    for (const entry of due) entry.callback();
  }
}
