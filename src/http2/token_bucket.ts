/**
 * Bounds how much a peer may do beyond what is useful: each such act takes a token, time gives tokens back.
 *
 * @module
 */

/** A token bucket whose clock the owner advances. */
export class TokenBucket {
  readonly #max: number;
  readonly #perSecond: number;
  #left: number;

  constructor(options: { max: number; perSecond: number }) {
    this.#max = options.max;
    this.#perSecond = options.perSecond;
    this.#left = options.max;
  }

  /** Takes one token. Returns false if none is left. */
  spend(): boolean {
    return --this.#left >= 0;
  }

  /** Gives back `count` tokens, up to the initial number. */
  earn(count: number): void {
    this.#left = Math.min(this.#max, this.#left + count);
  }

  /** Gives back the tokens that `ms` of passed time are worth. */
  elapse(ms: number): void {
    this.earn(this.#perSecond * ms / 1000);
  }
}
