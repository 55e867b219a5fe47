/**
 * Memory for messages. Large ones reuse buffers: fresh memory costs a page fault per 4 kB, which is more than reading the message from
 * the socket. Small ones share buffers, which spares the garbage collector.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";

/** The size from which a message is large. Smaller ones come from the heap, which is fast, and are not counted. */
export const POOLED_BYTES_MIN = 64 << 10;

/** A bounded pool of buffers. */
export class MessageBuffers {
  readonly #idleBytesMax: number;
  /** The buffer given back last is reused first: it is most likely still in the CPU cache. */
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];
  #idleBytes = 0;

  /** @param options.idleBytesMax bytes kept for reuse; buffers beyond that are left to the garbage collector. */
  constructor(options: { idleBytesMax: number }) {
    this.#idleBytesMax = options.idleBytesMax;
  }

  /** An idle buffer of at least `bytes` and at most twice that, with old content; undefined if there is none. */
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

  /** Gives the buffer of a message to the pool. No view of it may be used from then on. */
  giveBack(message: Uint8Array): void {
    const { buffer } = message;
    if (!(buffer instanceof ArrayBuffer) || message.length < POOLED_BYTES_MIN) return;
    if (buffer.byteLength > this.#idleBytesMax) return;
    this.#idle.push(new Uint8Array(buffer));
    this.#idleBytes += buffer.byteLength;
    while (this.#idleBytes > this.#idleBytesMax) this.#idleBytes -= this.#idle.shift()?.length ?? 0;
  }
}

/** Size of the buffer that small messages share. It is garbage once the last of them is. */
const SLAB_BYTES = 64 << 10;
/** Longer messages have buffers of their own, so that a long-lived one does not retain much more than itself. */
const SLAB_MESSAGE_BYTES_MAX = 4 << 10;

/** Shorter messages are copied byte by byte: creating a view to copy from would cost more. */
const LOOP_BYTES_MAX = 128;

let slab = new Uint8Array(0);
let slabUsedBytes = 0;

/** Copies a message out of a borrowed chunk, from `offset` to the chunk's end, into word-aligned memory. */
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
