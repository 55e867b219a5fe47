/**
 * A call that may go on: the client's messages one after the other, no faster than it reads the answers.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import type { Span } from "../base/bytes.ts";
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import type { Http2Stream, StreamListener } from "../http2/http2.ts";
import { type CallGate, type CallParts, type MessageSink, NO_DATA, ServerCall, type StreamingMethod } from "./call.ts";
import { POOLED_BYTES_MIN } from "./message_buffers.ts";
import { MessageReader } from "./message_reader.ts";

/** The longest message: what is larger has to wait for memory, which is for calls with one message. */
const MESSAGE_BYTES_MAX = POOLED_BYTES_MIN - 1;

/**
 * One call of a {@link StreamingMethod}. Its replies are never compressed: that takes time off the loop, in which nobody would know
 * how much there is to send.
 */
export class StreamingCall extends ServerCall implements StreamListener {
  readonly #reader: MessageReader;
  readonly #sink: MessageSink | undefined;
  readonly #leave: () => void;
  /** Messages the method has not been told of: answers have to leave first. */
  #waiting: Uint8Array[] = [];
  /** Data that has come and that the client is not told of, so that it sends no more than its window. */
  #uncreditedBytes = 0;
  #hasClientEnded = false;
  #isHeldBack = false;

  constructor(stream: Http2Stream, parts: CallParts<StreamingMethod>) {
    super(stream, parts);
    this.#reader = new MessageReader({
      bytesMax: Math.min(MESSAGE_BYTES_MAX, parts.options.messageBytesMax),
      buffers: parts.options.buffers,
      onMessage: (message, isCompressed) => this.#waiting.push(isCompressed ? this.#inflate(message) : message),
    });
    this.#leave = () => this.fail(new ServingError(CODE.UNAVAILABLE, "The server is leaving"));
    this.options.leaving.addEventListener("abort", this.#leave);
    this.startDeadline();
    try {
      this.#sink = parts.method.open(this);
    } catch (error) {
      this.fail(error);
    }
    if (this.options.leaving.aborted) this.#leave();
    const { gate } = this.options;
    if (parts.method.waitsForGate === true && gate?.isOpen === false) this.#waitFor(gate);
  }

  onData(chunk: Span, endStream: boolean): void {
    const length = chunk.end - chunk.start;
    if (this.isOver) return this.stream.consumed(length);
    this.#hasClientEnded = endStream;
    this.#uncreditedBytes += length;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.refuse(toServingError(error));
    }
    this.#deliver();
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

  /** Keeps messages until the gate is open; the client sends no more than its window meanwhile. */
  #waitFor(gate: CallGate): void {
    this.#isHeldBack = true;
    gate.wait(this, 0).then(() => {
      this.#isHeldBack = false;
      this.#deliver();
    }, (error: unknown) => this.fail(error));
  }

  #deliver(): void {
    if (this.#isHeldBack) return;
    try {
      while (this.#waiting.length > 0 && !this.isOver && this.stream.bytesPending === 0) {
        this.#sink?.onMessage(this.#waiting.shift() as Uint8Array);
      }
      if (this.#waiting.length > 0 && !this.isOver) return;
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

  #inflate(message: Uint8Array): Uint8Array {
    if (this.head.encoding === "identity") {
      throw new ServingError(CODE.INTERNAL, "A message is marked as compressed, but the call names no grpc-encoding");
    }
    try {
      return gunzipSync(message, { maxOutputLength: MESSAGE_BYTES_MAX });
    } catch (error) {
      throw new ServingError(CODE.INTERNAL, "A message is marked as gzip and cannot be inflated", { cause: error });
    }
  }

  protected override end(code: Code): void {
    super.end(code);
    this.options.leaving.removeEventListener("abort", this.#leave);
    this.#waiting = [];
    this.cancel(new ServingError(CODE.CANCELLED, "The call is over"));
  }
}
