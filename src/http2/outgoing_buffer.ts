/**
 * The bytes that wait for the socket: one buffer is filled while the other is written.
 *
 * @module
 */
import { assert } from "../base/status.ts";

const BUFFER_BYTES_MIN = 4096;

/** Two buffers that swap roles. They grow as needed; {@link trim} shrinks them. */
export class OutgoingBuffer {
  /** The buffer being filled, up to {@link length}. {@link reserve} and {@link take} replace it. */
  bytes: Uint8Array = new Uint8Array(BUFFER_BYTES_MIN);
  /** Bytes that wait, without those lent by {@link take}. */
  length = 0;
  #spare: Uint8Array = new Uint8Array(BUFFER_BYTES_MIN);
  #isTaken = false;
  #peak = 0;

  /** Makes room for `count` more bytes and returns its offset. The caller fills all of it before any other call. */
  reserve(count: number): number {
    const at = this.length;
    const length = at + count;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
    }
    this.length = length;
    return at;
  }

  /** Lends everything that waits to the one write in flight, until {@link release}. */
  take(): Uint8Array {
    assert(!this.#isTaken, "Outgoing buffer was taken twice");
    this.#isTaken = true;
    const taken = this.bytes;
    const { length } = this;
    this.#peak = Math.max(this.#peak, length);
    this.bytes = this.#spare;
    this.#spare = taken;
    this.length = 0;
    return taken.subarray(0, length);
  }

  /** Ends the loan of {@link take}. */
  release(): void {
    this.#isTaken = false;
  }

  /** Shrinks buffers that are more than four times larger than what went through them since the last call. */
  trim(): void {
    const enough = Math.max(this.#peak, this.length, BUFFER_BYTES_MIN);
    this.#peak = 0;
    if (!this.#isTaken && this.#spare.length > enough * 4) this.#spare = new Uint8Array(enough);
    if (this.bytes.length > enough * 4) {
      const trimmed = new Uint8Array(enough);
      trimmed.set(this.bytes.subarray(0, this.length));
      this.bytes = trimmed;
    }
  }
}
