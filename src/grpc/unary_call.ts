/**
 * A call with one message from the client: reads it, waits for memory if it is large, and hands it to the method.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import type { Coding } from "../base/gzip.ts";
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import type { Http2Stream, StreamListener } from "../http2/http2.ts";
import { type CallParts, NO_DATA, ServerCall, type UnaryMethod } from "./call.ts";
import { inflateMessage } from "./compressed_message.ts";
import type { Reservation } from "./inflight_budget.ts";
import { copyMessage, POOLED_BYTES_MIN } from "./message_buffers.ts";
import { isOneMessage, MessageReader, PREFIX_BYTES } from "./message_reader.ts";

/** One call of a {@link UnaryMethod}. */
export class UnaryCall extends ServerCall implements StreamListener {
  readonly #method: UnaryMethod;
  #reader: MessageReader | undefined;
  #message: Uint8Array | undefined;
  #isCompressed = false;
  /** Memory for a large message, and for what a compressed one inflates to. */
  #reservation: Reservation | undefined;
  /** Data received without credit, so that the client sends no more until there is memory. */
  #uncreditedBytes = 0;
  #hasClientEnded = false;
  /** Whether the method holds the message, which may last longer than the call. */
  #isHandling = false;

  constructor(stream: Http2Stream, parts: CallParts<UnaryMethod>) {
    super(stream, parts);
    this.replyEncoding = parts.head.replyEncoding;
    this.#method = parts.method;
  }

  onData(chunk: Span, endStream: boolean): void {
    const length = chunk.end - chunk.start;
    if (this.isOver) return this.stream.consumed(length);
    this.#hasClientEnded = endStream;
    try {
      if (endStream && this.#reader === undefined && length < POOLED_BYTES_MIN && isOneMessage(chunk)) {
        // The common case, a whole call in one frame, needs no reader.
        this.#accept(copyMessage(chunk, PREFIX_BYTES), chunk.bytes[chunk.start] === 1);
      } else {
        this.#startReading().push(chunk);
      }
    } catch (error) {
      this.refuse(toServingError(error));
    }
    this.#consumed(length);
    if (endStream && !this.isOver) this.#dispatch();
  }

  room(bytes: number): Uint8Array | undefined {
    return this.isOver ? undefined : this.#reader?.room(bytes);
  }

  filled(bytes: number, endStream: boolean): void {
    if (this.isOver) return this.stream.consumed(bytes);
    this.#hasClientEnded = endStream;
    try {
      this.#reader?.filled(bytes);
    } catch (error) {
      this.refuse(toServingError(error));
    }
    this.#consumed(bytes);
    if (endStream && !this.isOver) this.#dispatch();
  }

  onTrailers(): void {
    this.onData(NO_DATA, true);
  }

  onReset(): void {
    this.cancel(new ServingError(CODE.CANCELLED, "The client cancelled the call"));
    if (!this.isOver) this.end(CODE.CANCELLED);
  }

  /** Gives the client credit unless its message waits for memory. */
  #consumed(bytes: number): void {
    if (this.#reservation?.isGranted !== false) return this.stream.consumed(bytes);
    this.#uncreditedBytes += bytes;
    if (this.options.budget.hold(bytes)) return;
    this.refuse(new ServingError(CODE.RESOURCE_EXHAUSTED, "Too many large messages wait for memory"));
  }

  /** Gives the client the credit withheld while its message waited. */
  #credit(): void {
    if (this.#uncreditedBytes === 0) return;
    this.options.budget.letGo(this.#uncreditedBytes);
    this.stream.consumed(this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
  }

  #reserve(bytes: number): void {
    this.#reservation = this.options.budget.reserve(bytes, () => {
      this.#credit();
      if (this.#hasClientEnded) this.#dispatch();
    });
  }

  #startReading(): MessageReader {
    if (this.#reader === undefined) {
      this.#reader = new MessageReader({
        bytesMax: this.options.messageBytesMax,
        buffers: this.options.buffers,
        onLarge: (bytes) => this.#reserve(bytes),
        findAligned: this.#method.findAligned,
        onMessage: (message, isCompressed) => this.#accept(message, isCompressed),
      });
      this.startDeadline();
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
    if (message.length > this.options.messageBytesMax) {
      throw new ServingError(
        CODE.RESOURCE_EXHAUSTED,
        `Received message larger than max (${message.length} vs. ${this.options.messageBytesMax})`,
      );
    }
    this.#message = message;
    this.#isCompressed = isCompressed;
  }

  #dispatch(): void {
    // A whole message may arrive within the client's window before there is memory for it.
    if (this.#reservation?.isGranted === false) return;
    const message = this.#message;
    if (message === undefined || this.#reader?.isInside === true) {
      const place = this.#reader?.isInside === true ? "inside a message" : "without a message";
      return this.refuse(new ServingError(CODE.INVALID_ARGUMENT, `The client ended the call ${place}`));
    }
    this.#isHandling = true;
    this.record = this.options.observer?.onBegin();
    try {
      const handled = this.#isCompressed ? this.#handleCompressed(message) : this.#handle(message);
      if (handled !== undefined) return this.#expect(handled, message);
    } catch (error) {
      this.fail(error);
    }
    this.#giveBack(message);
  }

  /** Calls the method. A message that waits for the gate is not decoded yet: decoded it may take more memory than was counted. */
  #handle(message: Uint8Array): void | Promise<void> {
    const { gate } = this.options;
    if (gate === undefined || gate.isOpen || this.#method.waitsForGate !== true) {
      return this.#method.handle(message, this);
    }
    return gate.wait(this, message.length).then(() => this.#method.handle(message, this));
  }

  /** Waits for a method that did not reply at once. */
  #expect(handled: Promise<void>, message: Uint8Array): void {
    this.startDeadline();
    handled.catch((error: unknown) => this.fail(error)).then(() => this.#giveBack(message));
  }

  #giveBack(message: Uint8Array): void {
    this.options.buffers.giveBack(message);
    this.#reservation?.release();
  }

  async #handleCompressed(message: Uint8Array): Promise<void> {
    const { messageBytesMax, budget } = this.options;
    const inflated = await inflateMessage(message, {
      coding: this.head.encoding as Coding,
      messageBytesMax,
      budget,
      reservation: this.#reservation,
    });
    this.#reservation = inflated.reservation;
    await this.#handle(inflated.message);
  }

  protected override end(code: Code): void {
    super.end(code);
    this.#credit();
    if (!this.#isHandling) this.#reservation?.release();
  }
}
