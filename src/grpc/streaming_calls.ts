/**
 * The open streaming calls of a server, which end when it shuts down. A set: as listeners of one AbortSignal, each call would cost as
 * much as there are others.
 *
 * @module
 */

/** A call that can be ended. */
export interface Leaving {
  /** The server shuts down. */
  leave(): void;
}

/** Streaming calls from their headers to their status. */
export class StreamingCalls {
  readonly #open = new Set<Leaving>();
  #isLeaving = false;

  /** Whether the server shuts down. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  add(call: Leaving): void {
    this.#open.add(call);
  }

  delete(call: Leaving): void {
    this.#open.delete(call);
  }

  /** Ends all calls. */
  leave(): void {
    this.#isLeaving = true;
    for (const call of this.#open) call.leave();
  }
}
