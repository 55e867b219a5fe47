/**
 * How much memory the bodies of all requests may take together. HTTP/1 has no way to hold a client back but not to read, which would
 * keep half of each body in memory: who comes when there is no more is told to come again.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** Memory for bodies, counted in bytes. */
export class BodyBudget {
  readonly #bytesMax: number;
  #takenBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is taken now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Begins to count for one request. */
  open(): BodyAccount {
    return new BodyAccount((bytes) => {
      if (this.#takenBytes + bytes > this.#bytesMax) return false;
      this.#takenBytes += bytes;
      return true;
    });
  }
}

/** What one request takes, until it is disposed. */
export class BodyAccount implements Disposable {
  readonly #change: (bytes: number) => boolean;
  #bytes = 0;

  constructor(change: (bytes: number) => boolean) {
    this.#change = change;
  }

  /**
   * Takes memory.
   *
   * @throws {ServingError} UNAVAILABLE when there is not that much.
   */
  take(bytes: number): void {
    if (!this.#change(bytes)) {
      throw new ServingError(CODE.UNAVAILABLE, "The bodies of other requests take all the memory there is for them");
    }
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    this.#change(-this.#bytes);
    this.#bytes = 0;
  }
}
