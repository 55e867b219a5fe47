/**
 * The streams of one connection: which are open, how they end, what the layer above hears, and the windows of what it
 * receives.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import { ERROR_CODE } from "./frames.ts";
import type { HeaderField, OnRequest } from "./http2.ts";
import type { Http2Limits } from "./limits.ts";
import { OpenStreams } from "./open_streams.ts";
import type { CheckedHeaders } from "./request_headers.ts";
import { Sender, type SenderEvents } from "./sender.ts";
import { Stream, type StreamHost } from "./stream.ts";

/** Ended streams remembered, for frames that were under way when they ended; a power of two. */
const ENDED_SLOTS = 256;
/** What was consumed is told to the peer once it is this part of the window. */
const CREDIT_DIVISOR = 4;

/** What a stream table needs from its connection. */
export interface StreamTableOptions {
  readonly limits: Http2Limits;
  readonly peer: string;
  readonly onRequest: OnRequest;
  /** The layer above threw. */
  onFault(error: unknown): void;
  /** Something was put into the outgoing buffer by the layer above. */
  onSend(): void;
}

/** Owns a connection's streams and the sender they share. */
export class StreamTable implements StreamHost, SenderEvents {
  readonly sender: Sender;
  readonly peer: string;
  readonly #options: StreamTableOptions;
  readonly #limits: Http2Limits;
  readonly #open: OpenStreams = new OpenStreams();
  /** A ring of ids: positive where both sides had ended, negative where we reset. */
  readonly #ended: Int32Array = new Int32Array(ENDED_SLOTS);
  #endedNext = 0;
  #lastId = 0;
  #receiveWindow: number;
  #creditBytes = 0;

  constructor(options: StreamTableOptions) {
    this.#options = options;
    this.#limits = options.limits;
    this.#receiveWindow = options.limits.connectionWindowBytes;
    this.peer = options.peer;
    this.sender = new Sender(options.limits, this);
  }

  /** Streams that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** The highest id the peer has opened. */
  get lastId(): number {
    return this.#lastId;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** The open streams. */
  values(): Iterable<Stream> {
    return this.#open.all();
  }

  /** Whether the peer has never used this id (RFC 9113 section 5.1, idle). */
  isIdle(id: number): boolean {
    return id > this.#lastId || (id & 1) === 0;
  }

  /** How a stream that is not open came to its end, as far as it is remembered. */
  endOf(id: number): "ended" | "reset" | "forgotten" {
    if (this.#ended.includes(id)) return "ended";
    return this.#ended.includes(-id) ? "reset" : "forgotten";
  }

  /** Opens a stream and tells the layer above of its request. */
  open(request: { id: number; headers: CheckedHeaders; endStream: boolean }): void {
    const { headers, endStream } = request;
    this.#lastId = request.id;
    const stream = new Stream(this, request);
    stream.sendWindow = this.sender.streamWindow;
    stream.receiveWindow = this.#limits.streamWindowBytes;
    this.#open.add(stream);
    try {
      stream.listener = this.#options.onRequest(stream, headers, endStream);
    } catch (error) {
      this.#failed(stream, error);
    }
  }

  /** Uses up a new stream's id without opening it; the frames that follow it are dropped. */
  refuse(id: number, code: number): void {
    this.#lastId = id;
    this.sender.resetStream(id, code);
    this.#remember(-id);
  }

  /** Answers a new stream with nothing but these headers. */
  answer(id: number, response: { block: Uint8Array; isRemoteEnded: boolean }): void {
    this.#lastId = id;
    this.sender.headerBlock(id, response.block, { endStream: true });
    if (!response.isRemoteEnded) this.sender.resetStream(id, ERROR_CODE.NO_ERROR);
    this.#remember(response.isRemoteEnded ? id : -id);
  }

  /** Counts data against the connection's window. False when the peer was not allowed so much. */
  spendWindow(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  /** Gives back to the connection what no stream will ever consume. */
  creditConnection(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes < this.#limits.connectionWindowBytes / CREDIT_DIVISOR) return;
    this.sender.windowUpdate(0, this.#creditBytes);
    this.#receiveWindow += this.#creditBytes;
    this.#creditBytes = 0;
  }

  /** Gives back what a stream has consumed. */
  credit(stream: Stream, bytes: number): void {
    stream.creditBytes += bytes;
    if (stream.isRemoteEnded || stream.creditBytes < this.#limits.streamWindowBytes / CREDIT_DIVISOR) return;
    this.sender.windowUpdate(stream.id, stream.creditBytes);
    stream.receiveWindow += stream.creditBytes;
    stream.creditBytes = 0;
  }

  /** Hands data to the layer above, the last of it once the stream's `isRemoteEnded` is set. */
  deliver(stream: Stream, chunk: Span): void {
    const length = chunk.end - chunk.start;
    this.creditConnection(length);
    stream.unconsumedBytes += length;
    try {
      stream.listener?.onData(chunk, stream.isRemoteEnded);
    } catch (error) {
      this.#failed(stream, error);
    }
    this.#closeIfEnded(stream);
  }

  /** Asks the layer above for room. */
  room(stream: Stream, bytes: number): Uint8Array | undefined {
    try {
      return stream.listener?.filled && stream.listener.room?.(bytes);
    } catch (error) {
      this.#failed(stream, error);
      return undefined;
    }
  }

  /** Tells the layer above that its room was filled, as {@link deliver} does. */
  filled(stream: Stream, bytes: number): void {
    this.creditConnection(bytes);
    stream.unconsumedBytes += bytes;
    try {
      stream.listener?.filled?.(bytes, stream.isRemoteEnded);
    } catch (error) {
      this.#failed(stream, error);
    }
    this.#closeIfEnded(stream);
  }

  /** Hands the trailers to the layer above. */
  deliverTrailers(stream: Stream, fields: readonly HeaderField[]): void {
    stream.isRemoteEnded = true;
    try {
      stream.listener?.onTrailers(fields);
    } catch (error) {
      this.#failed(stream, error);
    }
    this.#closeIfEnded(stream);
  }

  /** The peer reset the stream. */
  resetByPeer(stream: Stream, code: number): void {
    this.#close(stream, stream.id);
    this.#notifyReset(stream, code);
  }

  /** Resets a stream for a fault of the peer's, and tells the layer above. */
  abort(stream: Stream, code: number): void {
    this.reset(stream, code);
    this.#notifyReset(stream, code);
  }

  /** The connection is gone: ends all streams, telling only the layer above. */
  abandon(code: number): void {
    for (const stream of this.#open.all()) this.resetByPeer(stream, code);
  }

  sendHeaders(stream: Stream, block: Uint8Array): void {
    this.sender.headers(stream, block);
    this.#options.onSend();
  }

  sendData(stream: Stream, parts: readonly Uint8Array[]): void {
    this.sender.data(stream, parts);
    this.#options.onSend();
  }

  reset(stream: Stream, code: number): void {
    if (stream.isClosed) return;
    this.sender.resetStream(stream.id, code);
    this.#close(stream, -stream.id);
    this.#options.onSend();
  }

  consumed(stream: Stream, bytes: number): void {
    const given = Math.min(bytes, stream.unconsumedBytes);
    stream.unconsumedBytes -= given;
    this.credit(stream, given);
    this.#options.onSend();
  }

  onEndSent(stream: Stream): void {
    stream.isEndSent = true;
    if (stream.isRemoteEnded) this.#closeIfEnded(stream);
    // The answer is complete, so the rest of the request is of no use (RFC 9113 section 8.1).
    else this.reset(stream, ERROR_CODE.NO_ERROR);
  }

  onDrained(stream: Stream): void {
    try {
      stream.listener?.onDrained?.();
    } catch (error) {
      this.#failed(stream, error);
    }
  }

  onOverflow(stream: Stream): void {
    this.abort(stream, ERROR_CODE.ENHANCE_YOUR_CALM);
  }

  #closeIfEnded(stream: Stream): void {
    if (stream.isRemoteEnded && stream.isEndSent && !stream.isClosed) this.#close(stream, stream.id);
  }

  #close(stream: Stream, remembered: number): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.#open.delete(stream);
    this.sender.drop(stream);
    this.#remember(remembered);
  }

  #remember(id: number): void {
    this.#ended[this.#endedNext] = id;
    this.#endedNext = (this.#endedNext + 1) & (ENDED_SLOTS - 1);
  }

  #notifyReset(stream: Stream, code: number): void {
    const { listener } = stream;
    stream.listener = undefined;
    try {
      listener?.onReset(code);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #failed(stream: Stream, error: unknown): void {
    this.#options.onFault(error);
    stream.listener = undefined;
    this.reset(stream, ERROR_CODE.INTERNAL_ERROR);
  }
}
