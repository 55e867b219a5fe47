/**
 * Memory for messages. Large ones use the same buffers again and again: fresh memory of that size costs a page fault for every 4 kB of
 * it, which is more than reading the message from the socket. Small ones share buffers: one each would keep the garbage
 * collector busy.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";

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
    if (!(buffer instanceof ArrayBuffer) || message.length < POOLED_BYTES_MIN) return;
    if (buffer.byteLength > this.#idleBytesMax) return;
    this.#idle.push(new Uint8Array(buffer));
    this.#idleBytes += buffer.byteLength;
    while (this.#idleBytes > this.#idleBytesMax) this.#idleBytes -= this.#idle.shift()?.length ?? 0;
  }
}

/** What small messages share. It is garbage when the last of them is. */
const SLAB_BYTES = 64 << 10;
/** Longer messages have memory of their own, so that one that stays long does not keep much more than itself. */
const SLAB_MESSAGE_BYTES_MAX = 4 << 10;

/** Shorter messages are copied byte by byte: a view to copy from would cost more. */
const LOOP_BYTES_MAX = 128;

let slab = new Uint8Array(0);
let slabUsedBytes = 0;

/** Copies a message out of a borrowed chunk, from an offset to the chunk's end, into memory that starts on a word. */
export function copyMessage(chunk: Span, offset: number): Uint8Array {
  const { bytes, end } = chunk;
  const from = chunk.start + offset;
  const length = end - from;
  if (length > SLAB_MESSAGE_BYTES_MAX) return bytes.slice(from, end);
  if (slabUsedBytes + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsedBytes = 0;
  }
  const start = slabUsedBytes;
  slabUsedBytes = (start + length + 7) & ~7;
  const message = slab.subarray(start, start + length);
  if (length > LOOP_BYTES_MAX) message.set(bytes.subarray(from, end));
  else for (let i = 0; i < length; i++) message[i] = bytes[from + i] as number;
  return message;
}
