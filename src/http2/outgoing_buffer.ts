/**
 * The bytes that wait for the socket: one buffer fills while the other is being written.
 *
 * @module
 */
import { assert } from "../base/status.ts";

const BUFFER_BYTES_MIN = 4096;

/** Two buffers that change places. Grows to what is asked of it; {@link trim} gives back what is no longer needed. */
export class OutgoingBuffer {
  /** The buffer that fills; its first {@link length} bytes count. Replaced by {@link reserve} and {@link take}. */
  bytes: Uint8Array = new Uint8Array(BUFFER_BYTES_MIN);
  /** Bytes that wait, without those taken. */
  length = 0;
  #spare: Uint8Array = new Uint8Array(BUFFER_BYTES_MIN);
  #isTaken = false;
  #peak = 0;

  /** Makes room for `count` more bytes and returns where they go; the caller fills all of them before anything else happens. */
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

  /** Lends all that waits to the one write in flight, until {@link release}. */
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

  /** Gets back what was taken. */
  release(): void {
    this.#isTaken = false;
  }

  /** Makes buffers smaller that turned out four times larger than what went through them since the last call. */
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
