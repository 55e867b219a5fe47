/**
 * Assembles length-prefixed messages from a stream's data (the protocol document "gRPC over HTTP2", Length-Prefixed-Message). Each
 * byte of a message is copied once, or read from the socket directly into its place.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import { CODE, ServingError } from "../base/status.ts";
import { type MessageBuffers, POOLED_BYTES_MIN } from "./message_buffers.ts";

/** Bytes of the compressed flag and the message's length. */
export const PREFIX_BYTES = 5;

/** Bytes allocated on the strength of a prefix alone; more are allocated as data arrives, so a lying prefix costs nothing. */
const TRUSTED_BYTES = 1 << 20;

/** Alignment in bytes of the place that `FindAligned` returns; enough for any dtype. */
const ALIGNMENT = 16;

/**
 * Returns the offset in a large message that must be aligned, because what begins there is used in place; 0 for none.
 *
 * @param head the bytes of the message that have arrived.
 * @param length of the whole message.
 */
export type FindAligned = (head: Span, length: number) => number;

/** Receives a message and owns it; its buffer may be given back to {@link MessageBuffers} in the end. */
export type OnMessage = (message: Uint8Array<ArrayBuffer>, isCompressed: boolean) => void;

/** Reads the messages of one stream. */
export class MessageReader {
  readonly #onMessage: OnMessage;
  readonly #bytesMax: number;
  readonly #buffers: MessageBuffers;
  readonly #onLarge: (bytes: number) => void;
  readonly #findAligned: FindAligned | undefined;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixBytes = 0;
  #message: Uint8Array<ArrayBuffer> | undefined;
  #messageBytes = 0;
  #length = 0;
  /** Unused bytes before the message in its memory, for alignment. */
  #lead = 0;

  /** @param options.onLarge called with the length of a large message when it begins; may throw to refuse it. */
  constructor(
    options: {
      onMessage: OnMessage;
      bytesMax: number;
      buffers: MessageBuffers;
      onLarge?: (bytes: number) => void;
      findAligned?: FindAligned | undefined;
    },
  ) {
    this.#onMessage = options.onMessage;
    this.#bytesMax = options.bytesMax;
    this.#buffers = options.buffers;
    this.#onLarge = options.onLarge ?? (() => {});
    this.#findAligned = options.findAligned;
  }

  /** Whether a message has begun but not ended. */
  get isInside(): boolean {
    return this.#prefixBytes > 0;
  }

  /**
   * Takes the next data of the stream, borrowed.
   *
   * @throws {ServingError} RESOURCE_EXHAUSTED for a message that is too long; INTERNAL for an invalid prefix.
   */
  push({ bytes, start, end }: Span): void {
    let at = start;
    while (at < end) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        const taken = Math.min(PREFIX_BYTES - this.#prefixBytes, end - at);
        for (let i = 0; i < taken; i++) this.#prefix[this.#prefixBytes + i] = bytes[at + i] as number;
        this.#prefixBytes += taken;
        at += taken;
        if (this.#prefixBytes < PREFIX_BYTES) return;
        this.#begin({ bytes, start: at, end });
      }
      const taken = Math.min(this.#length - this.#messageBytes, end - at);
      if (taken > 0) this.#roomFor(taken).set(bytes.subarray(at, at + taken));
      at += taken;
      this.#took(taken);
    }
  }

  /** Returns at most `bytes` of room in the message being read, borrowed until {@link filled}; undefined between messages. */
  room(bytes: number): Uint8Array | undefined {
    const missing = this.#length - this.#messageBytes;
    if (this.#prefixBytes < PREFIX_BYTES || missing === 0) return undefined;
    return this.#roomFor(Math.min(bytes, missing));
  }

  /** `bytes` were written to the front of the last {@link room}. */
  filled(bytes: number): void {
    this.#took(bytes);
  }

  #begin(head: Span): void {
    const flag = this.#prefix[0] as number;
    if (flag > 1) throw new ServingError(CODE.INTERNAL, `A message's compressed flag is ${flag}, expected 0 or 1`);
    this.#length = lengthOf(this.#prefix, 0);
    if (this.#length > this.#bytesMax) {
      throw new ServingError(
        CODE.RESOURCE_EXHAUSTED,
        `Received message larger than max (${this.#length} vs. ${this.#bytesMax})`,
      );
    }
    this.#messageBytes = 0;
    this.#lead = 0;
    if (this.#length < POOLED_BYTES_MIN) {
      this.#message = new Uint8Array(this.#length);
      return;
    }
    this.#onLarge(this.#length);
    if (flag === 0 && this.#findAligned !== undefined) {
      this.#lead = -this.#findAligned(head, this.#length) & (ALIGNMENT - 1);
    }
    this.#message = this.#buffers.takeIdle(this.#lead + this.#length)?.subarray(this.#lead) ??
      this.#memory(Math.min(this.#length, TRUSTED_BYTES));
  }

  #memory(bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#lead + bytes).subarray(this.#lead);
  }

  #roomFor(bytes: number): Uint8Array {
    const needed = this.#messageBytes + bytes;
    let message = this.#message as Uint8Array<ArrayBuffer>;
    if (needed > message.length) {
      // The data has filled the trusted part, so the rest may be allocated in one step.
      const grown = this.#memory(Math.min(this.#length, Math.max(needed, message.length * 16)));
      grown.set(message.subarray(0, this.#messageBytes));
      message = grown;
      this.#message = grown;
    }
    return message.subarray(this.#messageBytes, needed);
  }

  #took(bytes: number): void {
    this.#messageBytes += bytes;
    if (this.#messageBytes < this.#length) return;
    const message = this.#message as Uint8Array<ArrayBuffer>;
    this.#message = undefined;
    this.#prefixBytes = 0;
    this.#onMessage(
      message.length === this.#length ? message : message.subarray(0, this.#length),
      this.#prefix[0] === 1,
    );
  }
}

/** Whether data is exactly one message with its prefix. */
export function isOneMessage({ bytes, start, end }: Span): boolean {
  return end - start >= PREFIX_BYTES && (bytes[start] as number) <= 1 &&
    lengthOf(bytes, start) === end - start - PREFIX_BYTES;
}

/** The message length in the prefix at an offset. */
function lengthOf(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1] as number) * 0x1000000 + ((bytes[at + 2] as number) << 16) +
    ((bytes[at + 3] as number) << 8) + (bytes[at + 4] as number);
}

const outgoingPrefix = new Uint8Array(PREFIX_BYTES);

/** The prefix of a message to send. Valid until the next call; the caller copies it at once. */
export function messagePrefix(length: number, isCompressed: boolean): Uint8Array {
  outgoingPrefix[0] = isCompressed ? 1 : 0;
  outgoingPrefix[1] = length >>> 24;
  outgoingPrefix[2] = length >>> 16;
  outgoingPrefix[3] = length >>> 8;
  outgoingPrefix[4] = length;
  return outgoingPrefix;
}
