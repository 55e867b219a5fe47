/**
 * One call: a stream's data in, a message to a method, its reply out; cancellation and deadline in between. Knows no method.
 *
 * @module
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { CODE, ServingError, toServingError } from "../base/status.ts";
import type { Http2Stream, StreamListener } from "../http2/http2.ts";
import type { InflightBudget, Reservation } from "./inflight_budget.ts";
import { type MessageBuffers, POOLED_BYTES_MIN } from "./message_buffers.ts";
import { isOneMessage, messagePrefix, MessageReader, PREFIX_BYTES } from "./message_reader.ts";
import {
  type RequestHead,
  RESPONSE_HEADERS,
  RESPONSE_HEADERS_GZIP,
  trailers,
  TRAILERS_OK,
  trailersOnly,
} from "./request_head.ts";

/** A method a client can call with one message. It answers by `call.reply`, or `call.send` and `call.finish`, or by throwing. */
export interface Method {
  /** `/package.Service/Method`, as in the `:path` of a request. */
  readonly path: string;
  /**
   * Called when the client has sent its one message and ended its side.
   *
   * @param message owned by the call until it is over: views of it may be kept until the promise settles.
   */
  handle(message: Uint8Array, call: ServerCall): void | Promise<void>;
}

/** What all calls of a server share. */
export interface CallOptions {
  /** The longest message a client may send, before and after decompression. */
  readonly messageBytesMax: number;
  readonly buffers: MessageBuffers;
  readonly budget: InflightBudget;
  /** Told of failures that are not the client's: what the client only hears of as an internal error. */
  readonly onFault: (error: ServingError, path: string) => void;
}

/** One call, from its headers on. */
export class ServerCall implements StreamListener {
  readonly head: RequestHead;
  readonly #stream: Http2Stream;
  readonly #method: Method;
  readonly #options: CallOptions;
  #reader: MessageReader | undefined;
  #message: Uint8Array | undefined;
  #isCompressed = false;
  /** Memory for the message that is being read, if it is a large one, and for what it inflates to. */
  #reservation: Reservation | undefined;
  /** Data that has come and that the client is not told of, so that it sends no more until there is memory. */
  #uncreditedBytes = 0;
  #hasClientEnded = false;
  #areHeadersSent = false;
  #isOver = false;
  /** A method holds the message, perhaps for longer than the call lasts. */
  #isHandling = false;
  #compressing: Promise<void> | undefined;
  #abort: AbortController | undefined;
  #cancelled: ServingError | undefined;
  #deadlineTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(stream: Http2Stream, call: { head: RequestHead; method: Method; options: CallOptions }) {
    this.#stream = stream;
    this.head = call.head;
    this.#method = call.method;
    this.#options = call.options;
  }

  /** Aborted with a ServingError when the client cancels or its deadline passes. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled);
    }
    return this.#abort.signal;
  }

  /** Who calls, for the log. */
  get peer(): string {
    return this.#stream.peer;
  }

  /** Answers with one message and a good status. The parts are borrowed until the call returns. */
  reply(parts: readonly Uint8Array[]): void {
    this.send(parts);
    this.finish();
  }

  /** Sends one message. The parts are borrowed until the call returns. */
  send(parts: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    if (!this.head.compressReplies) return this.#write(parts, false);
    const compressed = compress(concat(parts));
    this.#compressing = Promise.all([compressed, this.#compressing]).then(([message]) => this.#write([message], true));
  }

  /** Ends the call with a good status, after all that was sent. */
  finish(): void {
    if (this.#compressing === undefined) return this.#finish();
    this.#compressing.then(() => this.#finish(), (error: unknown) => this.fail(error));
  }

  /** Ends the call with anything thrown, as a status. */
  fail(thrown: unknown): void {
    const error = toServingError(thrown);
    if (error.code === CODE.INTERNAL) this.#options.onFault(error, this.head.path);
    this.#refuse(error);
  }

  #write(parts: readonly Uint8Array[], isCompressed: boolean): void {
    if (this.#isOver) return;
    if (!this.#areHeadersSent) {
      this.#areHeadersSent = true;
      this.#stream.sendHeaders(this.head.compressReplies ? RESPONSE_HEADERS_GZIP : RESPONSE_HEADERS, false);
    }
    let length = 0;
    for (const part of parts) length += part.length;
    this.#stream.sendData([messagePrefix(length, isCompressed), ...parts], false);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#end();
    this.#stream.sendHeaders(TRAILERS_OK, true);
  }

  #refuse(error: ServingError): void {
    if (this.#isOver) return;
    this.#end();
    this.#stream.sendHeaders(this.#areHeadersSent ? trailers(error) : trailersOnly(error), true);
  }

  onData(chunk: Uint8Array, endStream: boolean): void {
    if (this.#isOver) return this.#stream.consumed(chunk.length);
    this.#hasClientEnded = endStream;
    try {
      if (endStream && this.#reader === undefined && chunk.length < POOLED_BYTES_MIN && isOneMessage(chunk)) {
        // The common case, a whole call in one frame: no reader is needed.
        this.#accept(chunk.slice(PREFIX_BYTES), chunk[0] === 1);
      } else {
        this.#startReading().push(chunk);
      }
    } catch (error) {
      this.#refuse(toServingError(error));
    }
    this.#consumed(chunk.length);
    if (endStream && !this.#isOver) this.#dispatch();
  }

  room(bytes: number): Uint8Array | undefined {
    return this.#isOver ? undefined : this.#reader?.room(bytes);
  }

  filled(bytes: number, endStream: boolean): void {
    if (this.#isOver) return this.#stream.consumed(bytes);
    this.#hasClientEnded = endStream;
    try {
      this.#reader?.filled(bytes);
    } catch (error) {
      this.#refuse(toServingError(error));
    }
    this.#consumed(bytes);
    if (endStream && !this.#isOver) this.#dispatch();
  }

  onTrailers(): void {
    this.onData(new Uint8Array(0), true);
  }

  onReset(): void {
    this.#cancel(new ServingError(CODE.CANCELLED, "The client cancelled the call"));
    this.#end();
  }

  /** Lets the client send as much again, unless its message has to wait for memory. */
  #consumed(bytes: number): void {
    if (this.#reservation?.isGranted !== false) return this.#stream.consumed(bytes);
    this.#uncreditedBytes += bytes;
    if (this.#options.budget.hold(bytes)) return;
    this.#refuse(new ServingError(CODE.RESOURCE_EXHAUSTED, "Too many large messages wait for memory"));
  }

  /** Lets the client go on after its message had to wait. */
  #credit(): void {
    if (this.#uncreditedBytes === 0) return;
    this.#options.budget.letGo(this.#uncreditedBytes);
    this.#stream.consumed(this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
  }

  #reserve(bytes: number): void {
    this.#reservation = this.#options.budget.reserve(bytes, () => {
      this.#credit();
      if (this.#hasClientEnded) this.#dispatch();
    });
  }

  #startReading(): MessageReader {
    if (this.#reader === undefined) {
      this.#reader = new MessageReader({
        bytesMax: this.#options.messageBytesMax,
        buffers: this.#options.buffers,
        onLarge: (bytes) => this.#reserve(bytes),
        onMessage: (message, isCompressed) => this.#accept(message, isCompressed),
      });
      this.#startDeadline();
    }
    return this.#reader;
  }

  #accept(message: Uint8Array, isCompressed: boolean): void {
    if (this.#message !== undefined) {
      throw new ServingError(CODE.UNIMPLEMENTED, `${this.head.path} takes one message, the client sent more`);
    }
    if (isCompressed && this.head.encoding === "identity") {
      throw new ServingError(CODE.INTERNAL, "A message is marked as compressed, but the call names no grpc-encoding");
    }
    if (message.length > this.#options.messageBytesMax) {
      throw new ServingError(
        CODE.RESOURCE_EXHAUSTED,
        `Received message larger than max (${message.length} vs. ${this.#options.messageBytesMax})`,
      );
    }
    this.#message = message;
    this.#isCompressed = isCompressed;
  }

  #dispatch(): void {
    // A whole message may have come within the client's window before there is memory for it.
    if (this.#reservation?.isGranted === false) return;
    const message = this.#message;
    if (message === undefined || this.#reader?.isInside === true) {
      const place = this.#reader?.isInside === true ? "inside a message" : "without a message";
      return this.#refuse(new ServingError(CODE.INVALID_ARGUMENT, `The client ended the call ${place}`));
    }
    this.#isHandling = true;
    const giveBack = () => {
      this.#options.buffers.giveBack(message);
      this.#reservation?.release();
    };
    try {
      const handled = this.#isCompressed ? this.#handleCompressed(message) : this.#method.handle(message, this);
      if (handled === undefined) return giveBack();
      this.#startDeadline();
      handled.catch((error: unknown) => this.fail(error)).then(giveBack);
    } catch (error) {
      this.fail(error);
      giveBack();
    }
  }

  async #handleCompressed(message: Uint8Array): Promise<void> {
    const bytes = inflatedBytes(message);
    if (bytes > this.#options.messageBytesMax) {
      throw new ServingError(
        CODE.RESOURCE_EXHAUSTED,
        `Received message larger than max after decompression (${bytes} vs. ${this.#options.messageBytesMax})`,
      );
    }
    // What is held is given up first: calls that each hold some and wait for more could wait for each other for ever.
    this.#reservation?.release();
    await new Promise<void>((resolve) => {
      this.#reservation = this.#options.budget.reserve(message.length + bytes, resolve);
      if (this.#reservation.isGranted) resolve();
    });
    await this.#method.handle(await inflate(message, bytes), this);
  }

  #startDeadline(): void {
    if (this.#deadlineTimer !== undefined || this.#isOver || this.head.timeoutMs === Infinity) return;
    // Longer than a timer can be set for is as good as for ever.
    if (this.head.timeoutMs > 0x7fffffff) return;
    this.#deadlineTimer = setTimeout(() => {
      const error = new ServingError(CODE.DEADLINE_EXCEEDED, "Deadline exceeded");
      this.#cancel(error);
      this.fail(error);
    }, this.head.timeoutMs);
  }

  #cancel(reason: ServingError): void {
    this.#cancelled ??= reason;
    this.#abort?.abort(this.#cancelled);
  }

  #end(): void {
    this.#isOver = true;
    this.#credit();
    if (!this.#isHandling) this.#reservation?.release();
    if (this.#deadlineTimer !== undefined) clearTimeout(this.#deadlineTimer);
  }
}

const compress: (message: Uint8Array) => Promise<Uint8Array> = promisify(gzip);
const gunzipBounded: (message: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array> = promisify(
  gunzip,
);

/** The length a gzip file says it inflates to, modulo 2^32, in its last four bytes (RFC 1952 section 2.3.1). */
function inflatedBytes(file: Uint8Array): number {
  if (file.length < 4) return 0;
  return new DataView(file.buffer, file.byteOffset + file.length - 4).getUint32(0, true);
}

/** Inflates a gzip file to exactly as many bytes as it says, so that one which lies costs no more than it has claimed. */
async function inflate(file: Uint8Array, bytes: number): Promise<Uint8Array> {
  try {
    return await gunzipBounded(file, { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    throw new ServingError(CODE.INTERNAL, "A message is marked as gzip and cannot be inflated", { cause: error });
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
