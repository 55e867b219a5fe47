/**
 * The streams of one connection: which are open, how they end, and the connection's receive window. Everything the layer above
 * throws is caught here.
 *
 * @module
 */
import type { Span } from "../../base/bytes.ts";
import { ERROR_CODE } from "../frames.ts";
import type { HeaderField, OnRequest } from "../http2.ts";
import type { Http2Limits } from "../limits.ts";
import { Sender, type SenderEvents } from "../sender.ts";
import { OpenStreams } from "./open_streams.ts";
import { Stream, type StreamHost, type StreamRequest } from "./stream.ts";

/** Ended streams remembered, for frames that were under way when they ended; a power of two. */
const ENDED_SLOTS = 256;
/** Consumed bytes are given back to the peer once they are this fraction of the window. */
const CREDIT_DIVISOR = 4;

/** What a stream table needs from its connection. */
export interface StreamTableOptions {
  readonly limits: Http2Limits;
  readonly peer: string;
  readonly onRequest: OnRequest;
  /** Called with what the layer above threw. */
  onFault(error: unknown): void;
  /** Called when the layer above put something into the outgoing buffer. */
  onSend(): void;
}

/** Owns a connection's streams and the sender they share. */
export class StreamTable implements StreamHost, SenderEvents<Stream> {
  readonly sender: Sender<Stream>;
  readonly peer: string;
  readonly #options: StreamTableOptions;
  readonly #streamWindowBytes: number;
  /** The smallest increments that are worth a WINDOW_UPDATE. */
  readonly #connectionCreditBytesMin: number;
  readonly #streamCreditBytesMin: number;
  readonly #open: OpenStreams = new OpenStreams();
  /** A ring of ids: positive if both sides had ended, negative if we reset the stream. */
  readonly #ended: Int32Array = new Int32Array(ENDED_SLOTS);
  #endedNext = 0;
  #lastId = 0;
  #receiveWindow: number;
  #creditBytes = 0;

  constructor(options: StreamTableOptions) {
    this.#options = options;
    const { connectionWindowBytes, streamWindowBytes } = options.limits;
    this.#streamWindowBytes = streamWindowBytes;
    this.#connectionCreditBytesMin = Math.ceil(connectionWindowBytes / CREDIT_DIVISOR);
    this.#streamCreditBytesMin = Math.ceil(streamWindowBytes / CREDIT_DIVISOR);
    this.#receiveWindow = connectionWindowBytes;
    this.peer = options.peer;
    this.sender = new Sender(options.limits, this);
  }

  /** How many streams are open. */
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

  /** How a stream that is not open ended, if it is remembered. */
  endOf(id: number): "ended" | "reset" | "forgotten" {
    if (this.#ended.includes(id)) return "ended";
    return this.#ended.includes(-id) ? "reset" : "forgotten";
  }

  /** Opens a stream and hands its request to the layer above. */
  open(request: StreamRequest): void {
    this.#lastId = request.id;
    const stream = new Stream(this, request, this.#streamWindowBytes);
    this.#open.add(stream);
    try {
      stream.listen(this.#options.onRequest(stream, request.headers, request.endStream));
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

  /** Replies to a new stream with nothing but these headers. */
  answer(id: number, response: { block: Uint8Array; isRemoteEnded: boolean }): void {
    this.#lastId = id;
    this.sender.headerBlock(id, response.block, { endStream: true });
    if (!response.isRemoteEnded) this.sender.resetStream(id, ERROR_CODE.NO_ERROR);
    this.#remember(response.isRemoteEnded ? id : -id);
  }

  /** Counts data against the connection's window. Returns false if the peer was not allowed so much. */
  spendWindow(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  /** Lets the peer send as many bytes again on the connection. */
  creditConnection(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes < this.#connectionCreditBytesMin) return;
    this.sender.windowUpdate(0, this.#creditBytes);
    this.#receiveWindow += this.#creditBytes;
    this.#creditBytes = 0;
  }

  /** Lets the peer send as many bytes again on a stream. */
  credit(stream: Stream, bytes: number): void {
    const increment = stream.credit(bytes, this.#streamCreditBytesMin);
    if (increment > 0) this.sender.windowUpdate(stream.id, increment);
  }

  /** Hands data to the layer above; it is the last if the peer has ended the stream. */
  deliver(stream: Stream, chunk: Span): void {
    this.creditConnection(chunk.end - chunk.start);
    try {
      stream.deliver(chunk);
    } catch (error) {
      this.#failed(stream, error);
    }
    this.#closeIfEnded(stream);
  }

  /** Asks the layer above for room to read data into. */
  room(stream: Stream, bytes: number): Uint8Array | undefined {
    try {
      return stream.room(bytes);
    } catch (error) {
      this.#failed(stream, error);
      return undefined;
    }
  }

  /** Reports that the layer above's room was filled; like {@link deliver}. */
  filled(stream: Stream, bytes: number): void {
    this.creditConnection(bytes);
    try {
      stream.filled(bytes);
    } catch (error) {
      this.#failed(stream, error);
    }
    this.#closeIfEnded(stream);
  }

  /** Hands trailers, which end the peer's side, to the layer above. */
  deliverTrailers(stream: Stream, fields: readonly HeaderField[]): void {
    stream.endRemote();
    try {
      stream.deliverTrailers(fields);
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

  /** Resets a stream because of the peer, and notifies the layer above. */
  abort(stream: Stream, code: number): void {
    this.reset(stream, code);
    this.#notifyReset(stream, code);
  }

  /** The connection is gone: ends all streams and notifies the layer above. */
  abandon(code: number): void {
    for (const stream of this.#open.all()) this.resetByPeer(stream, code);
  }

  sendHeaders(stream: Stream, block: Uint8Array, endStream: boolean): void {
    this.sender.headers(stream, block, endStream);
    this.#options.onSend();
  }

  sendData(stream: Stream, parts: readonly Uint8Array[], endStream: boolean): void {
    this.sender.data(stream, parts, endStream);
    this.#options.onSend();
  }

  reset(stream: Stream, code: number): void {
    if (stream.isClosed) return;
    this.sender.resetStream(stream.id, code);
    this.#close(stream, -stream.id);
    this.#options.onSend();
  }

  consumed(stream: Stream, bytes: number): void {
    this.credit(stream, bytes);
    this.#options.onSend();
  }

  onEndSent(stream: Stream): void {
    if (stream.isRemoteEnded) this.#closeIfEnded(stream);
    // The reply is complete, so the rest of the request is of no use (RFC 9113 section 8.1).
    else this.reset(stream, ERROR_CODE.NO_ERROR);
  }

  onDrained(stream: Stream): void {
    try {
      stream.drained();
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
    stream.close();
    this.#open.delete(stream);
    this.sender.drop(stream);
    this.#remember(remembered);
  }

  #remember(id: number): void {
    this.#ended[this.#endedNext] = id;
    this.#endedNext = (this.#endedNext + 1) & (ENDED_SLOTS - 1);
  }

  #notifyReset(stream: Stream, code: number): void {
    const listener = stream.takeListener();
    try {
      listener?.onReset(code);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #failed(stream: Stream, error: unknown): void {
    this.#options.onFault(error);
    stream.takeListener();
    this.reset(stream, ERROR_CODE.INTERNAL_ERROR);
  }
}
