/**
 * Looks at something at regular intervals and whenever it is asked to, one look at a time.
 *
 * @module
 */
import { detailOf } from "../base/status.ts";
import type { Timer } from "../base/timer.ts";

/** How to look, and how often. */
export interface PollerOptions {
  /** Pause between looks; 0 looks only on request. */
  readonly intervalMs: number;
  /**
   * Looks once. Called again only when the promise has settled.
   *
   * @throws why what was found cannot be used. The next look tries again.
   */
  readonly look: () => Promise<void>;
  /** Receives each new reason once. Must not throw. */
  readonly onRefused: (error: unknown) => void;
  readonly timer: Timer;
}

/** Polls from {@link start} on until it is disposed. A look under way is finished then. */
export class Poller implements Disposable {
  readonly #options: PollerOptions;
  /** The reason that was reported last. */
  #reported: string | undefined;
  #failure: unknown;
  #work: Promise<void> | undefined;
  /** Whether a look was requested since the last one began. */
  #isRequested = false;
  #cancelTimer: () => void = () => {};
  #isClosed = false;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Why the last look failed; undefined if it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Starts to look at intervals. */
  start(): void {
    const { intervalMs, timer } = this.#options;
    if (intervalMs <= 0 || this.#isClosed) return;
    this.#cancelTimer = timer(() => {
      void this.look().then(() => this.start());
    }, intervalMs);
  }

  /** Looks now, or once more after the look under way. Resolves when no look is left to do; it never rejects. */
  look(): Promise<void> {
    this.#isRequested = true;
    this.#work ??= this.#run();
    return this.#work;
  }

  /** Reports the next failure even if its reason has been reported. */
  forgetReported(): void {
    this.#reported = undefined;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  async #run(): Promise<void> {
    while (this.#isRequested && !this.#isClosed) {
      this.#isRequested = false;
      await this.#lookOnce();
    }
    this.#work = undefined;
  }

  async #lookOnce(): Promise<void> {
    this.#failure = undefined;
    try {
      await this.#options.look();
      this.#reported = undefined;
    } catch (error) {
      this.#failure = error;
      const reason = detailOf(error);
      if (reason === this.#reported || this.#isClosed) return;
      this.#reported = reason;
      this.#options.onRefused(error);
    }
  }
}
