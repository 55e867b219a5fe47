/**
 * Counts the open connections of all threads that accept some, so that one bound holds for all of them.
 *
 * @module
 */

/** One thread's share of a count, and the sum of all shares. */
export class ConnectionCount {
  readonly #counts: Int32Array;
  readonly #place: number;

  /**
   * @param counts one number per thread, zero at first; in shared memory if there are several threads.
   * @param place index of this thread's number.
   */
  constructor(counts: Int32Array = new Int32Array(1), place = 0) {
    this.#counts = counts;
    this.#place = place;
  }

  /** Open connections of all threads. */
  get all(): number {
    let sum = 0;
    for (let place = 0; place < this.#counts.length; place++) sum += Atomics.load(this.#counts, place);
    return sum;
  }

  /** Counts a connection until the returned object is disposed. */
  enter(): Disposable {
    Atomics.add(this.#counts, this.#place, 1);
    return { [Symbol.dispose]: () => void Atomics.sub(this.#counts, this.#place, 1) };
  }
}
