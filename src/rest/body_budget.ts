/**
 * Limits the memory for the bodies of all requests. HTTP/1 can only hold a client back by not reading, which would keep half of each
 * body in memory; so a request that does not fit is refused and may be retried.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** The memory for bodies, in bytes. */
export class BodyBudget {
  readonly #bytesMax: number;
  #takenBytes = 0;
  #openCount = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes in use. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Number of open accounts, one a request. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Opens the account of one request. */
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

/** The memory of one request. Disposing it releases the memory. */
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
   * @throws {ServingError} UNAVAILABLE if not enough is left.
   */
  take(bytes: number): void {
    if (!this.#change(bytes)) {
      throw new ServingError(
        CODE.UNAVAILABLE,
        "The bodies of other requests use all memory that is set aside for bodies",
      );
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
