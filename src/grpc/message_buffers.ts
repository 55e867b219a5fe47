/**
 * Memory for large messages, used again and again: fresh memory of that size costs a page fault for every 4 kB of it, which is more
 * than reading the message from the socket.
 *
 * @module
 */

/** What makes a message large: below this memory is taken from the heap, which is quick at it, and not counted. */
export const POOLED_BYTES_MIN = 64 << 10;

/** Buffers that were given back, up to a bound. */
export class MessageBuffers {
  readonly #idleBytesMax: number;
  /** The one given back last comes first: it is the likeliest to be in the cache still. */
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];
  #idleBytes = 0;

  /** @param options.idleBytesMax how much memory is kept for later; what is given back beyond it is left to the garbage collector. */
  constructor(options: { idleBytesMax: number }) {
    this.#idleBytesMax = options.idleBytesMax;
  }

  /** A buffer at hand of at least `bytes` and not far above, with old bytes in it; undefined when there is none. */
  takeIdle(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    if (bytes < POOLED_BYTES_MIN) return undefined;
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const buffer = this.#idle[i] as Uint8Array<ArrayBuffer>;
      if (buffer.length < bytes || buffer.length > 2 * bytes) continue;
      this.#idle.splice(i, 1);
      this.#idleBytes -= buffer.length;
      return buffer;
    }
    return undefined;
  }

  /** Gives back the buffer of a message, whoever made it. No view of it may be used from then on. */
  giveBack(message: Uint8Array): void {
    const { buffer } = message;
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < POOLED_BYTES_MIN) return;
    if (buffer.byteLength > this.#idleBytesMax) return;
    this.#idle.push(new Uint8Array(buffer));
    this.#idleBytes += buffer.byteLength;
    while (this.#idleBytes > this.#idleBytesMax) this.#idleBytes -= this.#idle.shift()?.length ?? 0;
  }
}
