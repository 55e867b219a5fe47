/**
 * Suppresses repeated messages and counts them.
 *
 * @module
 */

/** Limits on repetition. */
export interface RepeatFilterOptions {
  /** How often a message passes within {@link periodMs}. */
  readonly repeatsMax: number;
  readonly periodMs: number;
  /** How many different messages are remembered; beyond that the oldest are forgotten. */
  readonly keysMax: number;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

interface Message {
  sinceMs: number;
  count: number;
  suppressed: number;
}

/** Remembers recent messages by their keys. */
export class RepeatFilter {
  readonly #options: Required<RepeatFilterOptions>;
  readonly #messages = new Map<string, Message>();

  constructor(options: RepeatFilterOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /**
   * Decides whether a message passes.
   *
   * @returns undefined if it is suppressed, else how often it was suppressed since it last passed.
   */
  admit(key: string): number | undefined {
    const nowMs = this.#options.now();
    const message = this.#messages.get(key);
    if (message === undefined) {
      this.#remember(key, { sinceMs: nowMs, count: 1, suppressed: 0 });
      return 0;
    }
    if (nowMs - message.sinceMs >= this.#options.periodMs) {
      message.sinceMs = nowMs;
      message.count = 0;
    }
    message.count++;
    if (message.count > this.#options.repeatsMax) {
      message.suppressed++;
      return undefined;
    }
    const { suppressed } = message;
    message.suppressed = 0;
    return suppressed;
  }

  #remember(key: string, message: Message): void {
    this.#messages.set(key, message);
    for (const oldest of this.#messages.keys()) {
      if (this.#messages.size <= this.#options.keysMax) return;
      this.#messages.delete(oldest);
    }
  }
}
