/**
 * Holds back what is said over and over, and counts it.
 *
 * @module
 */

/** How much is too much. */
export interface RepeatFilterOptions {
  /** How often the same is let through within {@link periodMs}. */
  readonly repeatsMax: number;
  readonly periodMs: number;
  /** How many different things are kept in mind; more, and the oldest are forgotten. */
  readonly keysMax: number;
  /** Milliseconds since any moment, never less than before. */
  readonly now?: () => number;
}

interface Saying {
  sinceMs: number;
  count: number;
  heldBack: number;
}

/** Knows what was said lately. */
export class RepeatFilter {
  readonly #options: Required<RepeatFilterOptions>;
  readonly #sayings = new Map<string, Saying>();

  constructor(options: RepeatFilterOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /**
   * Judges something that is to be said.
   *
   * @returns undefined when it is held back, else how often it was since it was last let through.
   */
  admit(key: string): number | undefined {
    const nowMs = this.#options.now();
    const saying = this.#sayings.get(key);
    if (saying === undefined) {
      this.#remember(key, { sinceMs: nowMs, count: 1, heldBack: 0 });
      return 0;
    }
    if (nowMs - saying.sinceMs >= this.#options.periodMs) {
      saying.sinceMs = nowMs;
      saying.count = 0;
    }
    saying.count++;
    if (saying.count > this.#options.repeatsMax) {
      saying.heldBack++;
      return undefined;
    }
    const { heldBack } = saying;
    saying.heldBack = 0;
    return heldBack;
  }

  #remember(key: string, saying: Saying): void {
    this.#sayings.set(key, saying);
    for (const oldest of this.#sayings.keys()) {
      if (this.#sayings.size <= this.#options.keysMax) return;
      this.#sayings.delete(oldest);
    }
  }
}
