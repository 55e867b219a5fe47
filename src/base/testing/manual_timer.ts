/**
 * A {@link Timer} that a test moves by hand. Never in the binary.
 *
 * @module
 */
import type { Timer } from "../timer.ts";

interface Entry {
  readonly callback: () => void;
  readonly delayMs: number;
}

/** Keeps what was asked for until the test lets it fire. */
export class ManualTimer {
  readonly #entries = new Set<Entry>();

  /** To be handed to whom is under test. */
  readonly start: Timer = (callback, delayMs) => {
    const entry = { callback, delayMs };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  };

  /** The delays asked for and neither fired nor cancelled, in the order they were asked for. */
  get delaysMs(): readonly number[] {
    return [...this.#entries].map((entry) => entry.delayMs);
  }

  /** Fires all that wait now; what they start anew waits for the next call. */
  fire(): void {
    const due = [...this.#entries];
    this.#entries.clear();
    for (const entry of due) entry.callback();
  }
}
