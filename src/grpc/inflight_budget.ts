/**
 * Bounds the memory of large messages over all calls. A call past the bound waits in turn while flow control holds its client back:
 * many clients with large messages only slow each other down.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** Memory for one message, granted or waited for. */
export interface Reservation {
  readonly isGranted: boolean;
  /** Gives the memory back, or stops waiting for it. May be called twice. */
  release(): void;
}

/** Grants memory first come, first served. */
export class InflightBudget {
  readonly #bytesMax: number;
  readonly #waiting = new Set<Ticket>();
  #grantedBytes = 0;
  #heldBytes = 0;

  constructor(options: { bytesMax: number }) {
    this.#bytesMax = options.bytesMax;
  }

  /** Bytes granted. */
  get grantedBytes(): number {
    return this.#grantedBytes;
  }

  /** Reservations that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Asks for memory.
   *
   * @param onGranted called once, later, unless the memory is granted at once.
   * @throws {ServingError} RESOURCE_EXHAUSTED if `bytes` are more than the whole budget.
   */
  reserve(bytes: number, onGranted: () => void): Reservation {
    if (bytes > this.#bytesMax) {
      throw new ServingError(
        CODE.RESOURCE_EXHAUSTED,
        `A message of ${bytes} bytes is more than the server takes in at a time (${this.#bytesMax} bytes)`,
      );
    }
    const ticket = new Ticket(bytes, { onGranted, onRelease: (released) => this.#release(released) });
    this.#waiting.add(ticket);
    if (this.#waiting.size === 1) this.#grant(ticket, { isLater: false });
    return ticket;
  }

  /** Asks for memory like {@link reserve}, and waits until it is granted. */
  async granted(bytes: number): Promise<Reservation> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const reservation = this.reserve(bytes, resolve);
    if (!reservation.isGranted) await promise;
    return reservation;
  }

  /** Counts data that arrived before its message got memory. Returns false if all such data exceeds the budget. */
  hold(bytes: number): boolean {
    this.#heldBytes += bytes;
    return this.#heldBytes <= this.#bytesMax;
  }

  /** The opposite of {@link hold}. */
  letGo(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  #grant(ticket: Ticket, options: { isLater: boolean }): boolean {
    if (this.#grantedBytes + ticket.bytes > this.#bytesMax) return false;
    this.#waiting.delete(ticket);
    this.#grantedBytes += ticket.bytes;
    ticket.grant(options);
    return true;
  }

  #release(ticket: Ticket): void {
    if (ticket.isGranted) this.#grantedBytes -= ticket.bytes;
    this.#waiting.delete(ticket);
    // Smaller reservations do not overtake the first in the queue, or it might never get its turn.
    for (const next of this.#waiting) {
      if (!this.#grant(next, { isLater: true })) return;
    }
  }
}

class Ticket implements Reservation {
  readonly bytes: number;
  readonly #onGranted: () => void;
  readonly #onRelease: (ticket: Ticket) => void;
  #isReleased = false;
  isGranted = false;

  constructor(bytes: number, events: { onGranted: () => void; onRelease: (ticket: Ticket) => void }) {
    this.bytes = bytes;
    this.#onGranted = events.onGranted;
    this.#onRelease = events.onRelease;
  }

  grant({ isLater }: { isLater: boolean }): void {
    this.isGranted = true;
    if (isLater) this.#onGranted();
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onRelease(this);
  }
}
