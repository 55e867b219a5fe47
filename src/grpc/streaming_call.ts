/**
 * A call with any number of messages either way: its method gets one message after the other, no faster than the client reads the
 * replies.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import type { Coding } from "../base/gzip.ts";
import type { RequestGate } from "../base/observed_request.ts";
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import type { Http2Stream, StreamListener } from "../http2/http2.ts";
import { type CallParts, type MessageSink, NO_DATA, ServerCall, type StreamingMethod } from "./call.ts";
import { inflateMessage } from "./compressed_message.ts";
import type { Reservation } from "./inflight_budget.ts";
import { POOLED_BYTES_MIN } from "./message_buffers.ts";
import { MessageReader } from "./message_reader.ts";

/** The longest message of a method that takes no large ones. */
const SMALL_MESSAGE_BYTES_MAX = POOLED_BYTES_MIN - 1;

/** A message the method has not got yet. */
interface ReceivedMessage {
  readonly message: Uint8Array;
  readonly isCompressed: boolean;
  /** Memory for a large message. */
  readonly reservation: Reservation | undefined;
}

/**
 * One call of a {@link StreamingMethod}. Messages that the method has not got yet, and the one it handles, hold back the stream's
 * window: the client is at most one window ahead. Its replies are never compressed: that happens off the event loop, and nobody
 * would know meanwhile how much there is to send.
 */
export class StreamingCall extends ServerCall implements StreamListener {
  readonly #messageBytesMax: number;
  readonly #reader: MessageReader;
  readonly #sink: MessageSink | undefined;
  #waiting: ReceivedMessage[] = [];
  /** Whether the call waits for the gate, or for the method to handle a message. */
  #isBusy = false;
  /** Memory for the large message that is being read. */
  #reservation: Reservation | undefined;
  /** Large messages that wait for memory. */
  #ungranted = 0;
  /** Data received while a large message waits for memory, as the budget counts it. */
  #heldBytes = 0;
  /** Data received that the client has got no credit for. */
  #uncreditedBytes = 0;
  #hasClientEnded = false;

  constructor(stream: Http2Stream, parts: CallParts<StreamingMethod>) {
    super(stream, parts);
    const { messageBytesMax, buffers, streamingCalls, gate } = parts.options;
    const { method } = parts;
    this.#messageBytesMax = method.takesLargeMessages === true
      ? messageBytesMax
      : Math.min(SMALL_MESSAGE_BYTES_MAX, messageBytesMax);
    this.#reader = new MessageReader({
      bytesMax: this.#messageBytesMax,
      buffers,
      onLarge: (bytes) => this.#reserve(bytes),
      onMessage: (message, isCompressed) => this.#accept(message, isCompressed),
    });
    streamingCalls.add(this);
    this.startDeadline();
    try {
      this.#sink = method.open(this);
    } catch (error) {
      this.fail(error);
    }
    if (streamingCalls.isLeaving) this.leave();
    if (method.waitsForGate === true && gate?.isOpen === false) this.#waitFor(gate);
  }

  /** Ends the call because the server shuts down. */
  leave(): void {
    this.fail(new ServingError(CODE.UNAVAILABLE, "The server is leaving"));
  }

  onData(chunk: Span, endStream: boolean): void {
    const length = chunk.end - chunk.start;
    if (this.isOver) return this.stream.consumed(length);
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.refuse(toServingError(error));
    }
    this.#received(length, endStream);
  }

  room(bytes: number): Uint8Array | undefined {
    return this.isOver ? undefined : this.#reader.room(bytes);
  }

  filled(bytes: number, endStream: boolean): void {
    if (this.isOver) return this.stream.consumed(bytes);
    try {
      this.#reader.filled(bytes);
    } catch (error) {
      this.refuse(toServingError(error));
    }
    this.#received(bytes, endStream);
  }

  onTrailers(): void {
    this.onData(NO_DATA, true);
  }

  onDrained(): void {
    this.#deliver();
  }

  onReset(): void {
    if (!this.isOver) this.end(CODE.CANCELLED);
  }

  #received(bytes: number, endStream: boolean): void {
    this.#hasClientEnded = endStream;
    this.#uncreditedBytes += bytes;
    if (this.#ungranted > 0 && !this.isOver) this.#hold(bytes);
    this.#deliver();
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.options.budget.hold(bytes)) return;
    this.refuse(new ServingError(CODE.RESOURCE_EXHAUSTED, "Too many large messages wait for memory"));
  }

  #letGo(): void {
    this.options.budget.letGo(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #reserve(bytes: number): void {
    const reservation = this.options.budget.reserve(bytes, () => {
      if (--this.#ungranted === 0) this.#letGo();
      this.#deliver();
    });
    if (!reservation.isGranted) this.#ungranted++;
    this.#reservation = reservation;
  }

  #accept(message: Uint8Array, isCompressed: boolean): void {
    if (isCompressed && this.head.encoding === "identity") {
      throw new ServingError(CODE.INTERNAL, "A message is marked as compressed, but the call names no grpc-encoding");
    }
    this.#waiting.push({ message, isCompressed, reservation: this.#reservation });
    this.#reservation = undefined;
  }

  #waitFor(gate: RequestGate): void {
    this.#isBusy = true;
    gate.wait(this, 0).then(() => {
      this.#isBusy = false;
      this.#deliver();
    }, (error: unknown) => this.fail(error));
  }

  /** Gives the method what it may have now, then the client credit for more, then the method the client's end. */
  #deliver(): void {
    try {
      while (this.#canDeliver()) this.#handle(this.#waiting.shift() as ReceivedMessage);
      if (!this.isOver && (this.#isBusy || this.#waiting.length > 0 || this.#ungranted > 0)) return;
      this.stream.consumed(this.#uncreditedBytes);
      this.#uncreditedBytes = 0;
      if (!this.#hasClientEnded || this.isOver) return;
      if (this.#reader.isInside) {
        throw new ServingError(CODE.INVALID_ARGUMENT, "The client ended the call inside a message");
      }
      this.#hasClientEnded = false;
      this.#sink?.onEnd();
    } catch (error) {
      this.fail(error);
    }
  }

  #canDeliver(): boolean {
    if (this.isOver || this.#isBusy || this.stream.bytesPending > 0) return false;
    const [next] = this.#waiting;
    return next !== undefined && next.reservation?.isGranted !== false;
  }

  #handle(received: ReceivedMessage): void {
    if (received.isCompressed) return this.#expect(this.#handleCompressed(received));
    const { message, reservation } = received;
    let handled: void | Promise<void> = undefined;
    try {
      handled = this.#sink?.onMessage(message);
    } catch (error) {
      this.fail(error);
    }
    if (handled === undefined) this.#giveBack(message, reservation);
    else this.#expect(handled.finally(() => this.#giveBack(message, reservation)));
  }

  async #handleCompressed({ message, reservation }: ReceivedMessage): Promise<void> {
    const { budget } = this.options;
    let inflated: Awaited<ReturnType<typeof inflateMessage>>;
    try {
      inflated = await inflateMessage(message, {
        coding: this.head.encoding as Coding,
        messageBytesMax: this.#messageBytesMax,
        budget,
        reservation,
      });
    } catch (error) {
      this.#giveBack(message, reservation);
      return this.refuse(toServingError(error));
    }
    try {
      if (!this.isOver) await this.#sink?.onMessage(inflated.message);
    } finally {
      this.#giveBack(message, inflated.reservation);
    }
  }

  /** Waits until a message is handled; the next one has to. */
  #expect(handled: Promise<void>): void {
    this.#isBusy = true;
    handled.catch((error: unknown) => this.fail(error)).then(() => {
      this.#isBusy = false;
      this.#deliver();
    });
  }

  #giveBack(message: Uint8Array, reservation: Reservation | undefined): void {
    this.options.buffers.giveBack(message);
    reservation?.release();
  }

  protected override end(code: Code): void {
    super.end(code);
    this.options.streamingCalls.delete(this);
    for (const { reservation } of this.#waiting) reservation?.release();
    this.#waiting = [];
    this.#reservation?.release();
    this.#letGo();
    this.cancel(new ServingError(CODE.CANCELLED, "The call is over"));
  }
}
