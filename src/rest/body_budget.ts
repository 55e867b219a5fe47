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
  #openCount = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is taken now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** For how many requests is counted now. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Begins to count for one request. */
  open(): BodyAccount {
    this.#openCount++;
    const change = (bytes: number) => {
      if (this.#takenBytes + bytes > this.#bytesMax) return false;
      this.#takenBytes += bytes;
      return true;
    };
    return new BodyAccount(change, { onClosed: () => this.#openCount-- });
  }
}

/** What one request takes, until it is disposed. */
export class BodyAccount implements Disposable {
  readonly #change: (bytes: number) => boolean;
  readonly #onClosed: () => void;
  #bytes = 0;
  #isOpen = true;

  constructor(change: (bytes: number) => boolean, { onClosed }: { onClosed: () => void }) {
    this.#change = change;
    this.#onClosed = onClosed;
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
    if (this.#isOpen) this.#onClosed();
    this.#isOpen = false;
  }
}
