/**
 * A count of what a peer may do in excess: spent by each doing, given back as time passes.
 *
 * @module
 */

/** A token bucket whose clock the owner turns. */
export class Budget {
  readonly #max: number;
  readonly #perSecond: number;
  #left: number;

  constructor(options: { max: number; perSecond: number }) {
    this.#max = options.max;
    this.#perSecond = options.perSecond;
    this.#left = options.max;
  }

  /** Takes one; false once there is none left. */
  spend(): boolean {
    return --this.#left >= 0;
  }

  /** Gives back `count`, up to what there was at the start. */
  earn(count: number): void {
    this.#left = Math.min(this.#max, this.#left + count);
  }

  /** Gives back what the passed time is worth. */
  elapse(ms: number): void {
    this.earn(this.#perSecond * ms / 1000);
  }
}
