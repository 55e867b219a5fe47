/**
 * How many connections are open over all threads that accept some, so that their number is bounded as a whole.
 *
 * @module
 */

/** One thread's part of a count, and the sum of all parts. */
export class ConnectionCount {
  readonly #counts: Int32Array;
  readonly #place: number;

  /**
   * @param counts a number for each thread, in memory they share where there are several; zeros at first.
   * @param place whose part this is.
   */
  constructor(counts: Int32Array = new Int32Array(1), place = 0) {
    this.#counts = counts;
    this.#place = place;
  }

  /** Of all threads. */
  get all(): number {
    let sum = 0;
    for (let place = 0; place < this.#counts.length; place++) sum += Atomics.load(this.#counts, place);
    return sum;
  }

  /** Counts a connection until what it returns is disposed. */
  enter(): Disposable {
    Atomics.add(this.#counts, this.#place, 1);
    return { [Symbol.dispose]: () => void Atomics.sub(this.#counts, this.#place, 1) };
  }
}
