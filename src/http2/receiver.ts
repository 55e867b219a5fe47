/**
 * Handles each frame of the peer: applies RFC 9113's rules for a server, changes the state of streams, and bounds frames that do no
 * work.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import {
  calmError,
  ConnectionError,
  ERROR_CODE,
  FLAG,
  FRAME,
  frameSizeError,
  protocolError,
  readUint31,
  readUint32,
} from "./frames.ts";
import type { Frame, FrameSink } from "./frame_parser.ts";
import { HeaderBlocks } from "./header_blocks.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import { decodeSettings, SETTING_BYTES } from "./settings.ts";
import type { Stream } from "./streams/stream.ts";
import type { StreamTable } from "./streams/stream_table.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Bytes of the last-stream-id and the error code; debug data is ignored. */
const GOAWAY_BYTES = 8;
/** Bytes of a HEADERS frame besides its fragment, at most: pad length, stream dependency and weight before it, padding after it. */
const HEADERS_EXTRA_BYTES = 1 + 5 + 255;
/** Frames without work that one frame with work pays for, at most. */
const CONTROL_FRAMES_EARNED = 4;
/** Bytes of data, either way, that pay for one of them. */
const BYTES_PER_CONTROL_FRAME = 16;
/** "Request Header Fields Too Large" (RFC 6585 section 5). */
const HEADERS_TOO_LARGE = encodeHeaders([{ name: ":status", value: "431" }]);

/** Frame types with a fixed payload length, and their names in errors. */
const FIXED_BYTES: ReadonlyMap<number, readonly [bytes: number, name: string]> = new Map([
  [FRAME.RST_STREAM, [4, "RST_STREAM"]],
  [FRAME.PING, [8, "PING"]],
  [FRAME.WINDOW_UPDATE, [4, "WINDOW_UPDATE"]],
]);

/** Options of a receiver. */
export interface ReceiverOptions {
  readonly limits: Http2Limits;
  /** The header block that replies to a request with more headers than the limits allow. Status 431 if left out. */
  readonly headersTooLarge?: Uint8Array | undefined;
  /** The peer has acknowledged a PING; the payload is borrowed. */
  onPong(payload: Uint8Array): void;
}

/** The receiving half of one connection. */
export class Receiver implements FrameSink {
  readonly #limits: Http2Limits;
  readonly #streams: StreamTable;
  readonly #options: ReceiverOptions;
  readonly #blocks: HeaderBlocks;
  readonly #resets: TokenBucket;
  readonly #controlFrames: TokenBucket;
  #hasSettings = false;
  /** The stream whose header block is incomplete; 0 if there is none. */
  #blockStreamId = 0;
  #blockEndsStream = false;
  #blockDependsOnItself = false;
  #blocksBegun = 0;
  /** The stream of the current DATA frame; undefined if its payload is dropped. */
  #dataStream: Stream | undefined;
  #dataEndsStream = false;
  #isAccepting = true;
  /** Milliseconds in which the peer may still open more streams than we allow: until it has acknowledged our SETTINGS. */
  #unsettledMs: number;
  /** Data sent that has paid for control frames. */
  #paidBytes = 0;

  constructor(streams: StreamTable, options: ReceiverOptions) {
    this.#streams = streams;
    this.#limits = options.limits;
    this.#options = options;
    this.#blocks = new HeaderBlocks(options.limits);
    this.#unsettledMs = options.limits.prefaceTimeoutMs;
    const { resetsMax, resetsPerSecond, controlFramesMax, controlFramesPerSecond } = options.limits;
    this.#resets = new TokenBucket({ max: resetsMax, perSecond: resetsPerSecond });
    this.#controlFrames = new TokenBucket({ max: controlFramesMax, perSecond: controlFramesPerSecond });
  }

  /** A number that differs for each header block in progress; 0 while there is none. */
  get blockInProgress(): number {
    return this.#blockStreamId === 0 ? 0 : this.#blocksBegun;
  }

  /** Refuses new streams from now on: the final GOAWAY names the last one. */
  stopAccepting(): void {
    this.#isAccepting = false;
  }

  /** Whether the client's preface is complete, SETTINGS included. */
  get hasSettings(): boolean {
    return this.#hasSettings;
  }

  /** Forgives frames and resets for passed time. */
  elapse(ms: number): void {
    this.#unsettledMs -= ms;
    this.#resets.elapse(ms);
    this.#controlFrames.elapse(ms);
  }

  onPreface(): void {
    this.#streams.sender.preface();
  }

  payloadNeeded(frame: Frame): number {
    const { type, length } = frame;
    this.#checkOrder(frame);
    if (length > this.#limits.frameBytesMax) throw this.#tooLong(length);
    switch (type) {
      case FRAME.HEADERS:
      case FRAME.CONTINUATION:
        if (length > this.#limits.headerBlockBytesMax + HEADERS_EXTRA_BYTES) {
          throw calmError(`Header block is larger than ${this.#limits.headerBlockBytesMax} bytes`);
        }
        return length;
      case FRAME.SETTINGS:
        if (length > this.#limits.settingsMax * SETTING_BYTES) {
          throw calmError(`SETTINGS frame has more than ${this.#limits.settingsMax} entries`);
        }
        return length;
      case FRAME.PRIORITY:
        return Math.min(length, 5);
      case FRAME.GOAWAY:
        if (length < GOAWAY_BYTES) throw frameSizeError("GOAWAY frame is shorter than 8 bytes");
        return GOAWAY_BYTES;
      default: {
        const fixed = FIXED_BYTES.get(type);
        if (fixed === undefined) return 0;
        if (length !== fixed[0]) throw frameSizeError(`${fixed[1]} frame has ${length} bytes, expected ${fixed[0]}`);
        return length;
      }
    }
  }

  onFrame(frame: Frame): void {
    switch (frame.type) {
      case FRAME.HEADERS:
        return this.#onHeaders(frame);
      case FRAME.CONTINUATION:
        return this.#onContinuation(frame);
      case FRAME.RST_STREAM:
        return this.#onReset(frame);
      case FRAME.WINDOW_UPDATE:
        return this.#onWindowUpdate(frame);
      case FRAME.PUSH_PROMISE:
        throw protocolError("Clients may not push");
      case FRAME.GOAWAY:
        if (frame.streamId !== 0) throw protocolError("GOAWAY frame is on a stream");
        return this.#spendControl();
      case FRAME.SETTINGS:
        return this.#onSettings(frame);
      case FRAME.PING:
        return this.#onPing(frame);
      case FRAME.PRIORITY:
        return this.#onPriority(frame);
      default:
        return this.#spendControl();
    }
  }

  onDataBegin(frame: Frame, padding: number): void {
    this.#checkOrder(frame);
    const { length, streamId } = frame;
    if (length > this.#limits.frameBytesMax) throw this.#tooLong(length);
    if (streamId === 0) throw protocolError("DATA frame is on no stream");
    if (this.#streams.isIdle(streamId)) throw protocolError("DATA frame is on an idle stream");
    if (!this.#streams.spendWindow(length)) {
      throw new ConnectionError(ERROR_CODE.FLOW_CONTROL_ERROR, "DATA frame is past the connection's window");
    }
    const endStream = (frame.flags & FLAG.END_STREAM) !== 0;
    const payload = length - padding;
    if (payload > 0) this.#controlFrames.earn(Math.min(CONTROL_FRAMES_EARNED, payload / BYTES_PER_CONTROL_FRAME));
    else if (!endStream) this.#spendControl();
    this.#dataStream = this.#streams.get(streamId);
    this.#dataEndsStream = endStream;
    const stream = this.#dataStream;
    const fault = stream === undefined ? this.#faultOfEnded(streamId) : stream.admit(length, payload, endStream);
    if (fault !== ERROR_CODE.NO_ERROR) this.#streamError(streamId, fault);
    if (stream === undefined || stream.isClosed) {
      this.#dataStream = undefined;
      this.#streams.creditConnection(length);
    } else if (padding > 0) {
      this.#streams.creditConnection(padding);
      this.#streams.credit(stream, padding);
    }
  }

  onDataChunk(chunk: Span, isLast: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined) return;
    if (stream.isClosed) return this.#streams.creditConnection(chunk.end - chunk.start);
    if (isLast && this.#dataEndsStream) stream.endRemote();
    if (chunk.end > chunk.start || stream.isRemoteEnded) this.#streams.deliver(stream, chunk);
  }

  dataRoom(bytes: number): Uint8Array | undefined {
    const stream = this.#dataStream;
    return stream === undefined || stream.isClosed ? undefined : this.#streams.room(stream, bytes);
  }

  onDataFilled(bytes: number, isLast: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined) return;
    if (stream.isClosed) return this.#streams.creditConnection(bytes);
    if (isLast && this.#dataEndsStream) stream.endRemote();
    this.#streams.filled(stream, bytes);
  }

  /** SETTINGS must come first, and nothing may come between the frames of a header block. */
  #checkOrder(frame: Frame): void {
    if (!this.#hasSettings && (frame.type !== FRAME.SETTINGS || frame.flags & FLAG.ACK)) {
      throw protocolError("The first frame is not SETTINGS");
    }
    if (this.#blockStreamId !== 0 && (frame.type !== FRAME.CONTINUATION || frame.streamId !== this.#blockStreamId)) {
      throw protocolError("Header block is interrupted by another frame");
    }
  }

  #onHeaders(frame: Frame): void {
    const { bytes, flags, streamId } = frame;
    if (streamId === 0) throw protocolError("HEADERS frame is on no stream");
    let { start, end } = frame;
    if (flags & FLAG.PADDED) {
      if (start === end) throw frameSizeError("HEADERS frame with padding is empty");
      end -= bytes[start++] as number;
    }
    this.#blockDependsOnItself = false;
    if (flags & FLAG.PRIORITY) {
      if (frame.end - start < 5) throw frameSizeError("HEADERS frame ends inside its priority");
      this.#blockDependsOnItself = readUint31(bytes, start) === streamId;
      start += 5;
    }
    if (end < start) throw protocolError("HEADERS frame has more padding than bytes");
    this.#blockEndsStream = (flags & FLAG.END_STREAM) !== 0;
    this.#blocksBegun++;
    const fragment = { bytes, start, end };
    if (flags & FLAG.END_HEADERS) return this.#onHeaderBlock(streamId, fragment);
    this.#blockStreamId = streamId;
    this.#blocks.begin(fragment);
  }

  #onContinuation(frame: Frame): void {
    if (this.#blockStreamId === 0) throw protocolError("CONTINUATION frame follows no HEADERS");
    this.#blocks.continue(frame);
    if ((frame.flags & FLAG.END_HEADERS) === 0) return;
    this.#blockStreamId = 0;
    this.#onHeaderBlock(frame.streamId, this.#blocks.whole());
    this.#blocks.release();
  }

  #onHeaderBlock(streamId: number, block: Span): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) return this.#onTrailers(stream, block);
    if ((streamId & 1) === 0) throw protocolError("Stream id of a client is even");
    if (streamId <= this.#streams.lastId) return this.#onLateHeaders(streamId, block);
    this.#controlFrames.earn(CONTROL_FRAMES_EARNED);
    const headers = this.#blocks.decodeRequest(block);
    if (!this.#isAccepting) return this.#streams.refuse(streamId, ERROR_CODE.REFUSED_STREAM);
    const endStream = this.#blockEndsStream;
    if (this.#blockDependsOnItself) return this.#refuse(streamId, ERROR_CODE.PROTOCOL_ERROR);
    if (this.#streams.size >= this.#limits.streamsMax) return this.#refuseExcess(streamId);
    if (headers === "malformed") return this.#refuse(streamId, ERROR_CODE.PROTOCOL_ERROR);
    if (headers === "too large") {
      const { headersTooLarge: block = HEADERS_TOO_LARGE } = this.#options;
      return this.#streams.answer(streamId, { block, isRemoteEnded: endStream });
    }
    if (endStream && headers.contentLength > 0) return this.#refuse(streamId, ERROR_CODE.PROTOCOL_ERROR);
    this.#streams.open({ id: streamId, headers, endStream });
  }

  #onTrailers(stream: Stream, block: Span): void {
    const fields = this.#blocks.decodeTrailers(block);
    if (stream.isRemoteEnded) return this.#streamError(stream.id, ERROR_CODE.STREAM_CLOSED);
    if (fields === "too large") return this.#streamError(stream.id, ERROR_CODE.ENHANCE_YOUR_CALM);
    const isMalformed = fields === "malformed" || this.#blockDependsOnItself || !this.#blockEndsStream;
    if (isMalformed || stream.lacksContent) return this.#streamError(stream.id, ERROR_CODE.PROTOCOL_ERROR);
    this.#streams.deliverTrailers(stream, fields);
  }

  /** Headers on a stream that is over: in flight when we reset it, or an error. */
  #onLateHeaders(streamId: number, block: Span): void {
    const end = this.#streams.endOf(streamId);
    if (end === "ended") throw new ConnectionError(ERROR_CODE.STREAM_CLOSED, "HEADERS frame is on a closed stream");
    if (end === "forgotten") throw protocolError("Stream id is lower than one before");
    this.#blocks.decodeTrailers(block);
    this.#spendControl();
  }

  #onReset(frame: Frame): void {
    const { streamId } = frame;
    if (streamId === 0) throw protocolError("RST_STREAM frame is on no stream");
    if (this.#streams.isIdle(streamId)) throw protocolError("RST_STREAM frame is on an idle stream");
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#spendControl();
    this.#streams.resetByPeer(stream, readUint32(frame.bytes, frame.start));
    this.#spendReset();
  }

  #onWindowUpdate(frame: Frame): void {
    const { streamId } = frame;
    const increment = readUint31(frame.bytes, frame.start);
    this.#spendControl();
    if (streamId === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE frame has the increment 0");
      if (this.#streams.sender.openWindow(increment)) return;
      throw new ConnectionError(ERROR_CODE.FLOW_CONTROL_ERROR, "Connection's window is above 2^31 - 1");
    }
    if (this.#streams.isIdle(streamId)) throw protocolError("WINDOW_UPDATE frame is on an idle stream");
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) return this.#streamError(streamId, ERROR_CODE.PROTOCOL_ERROR);
    if (!this.#streams.sender.openStreamWindow(stream, increment)) {
      this.#streamError(streamId, ERROR_CODE.FLOW_CONTROL_ERROR);
    }
  }

  #onSettings(frame: Frame): void {
    if (frame.streamId !== 0) throw protocolError("SETTINGS frame is on a stream");
    this.#spendControl();
    if (frame.flags & FLAG.ACK) {
      if (frame.length !== 0) throw frameSizeError("SETTINGS frame with ACK is not empty");
      this.#unsettledMs = 0;
      return this.#blocks.settingsAcknowledged();
    }
    const { sender } = this.#streams;
    sender.applySettings(decodeSettings(frame), () => this.#streams.values());
    sender.settingsAck();
    sender.pump();
    this.#hasSettings = true;
  }

  #onPing(frame: Frame): void {
    if (frame.streamId !== 0) throw protocolError("PING frame is on a stream");
    this.#spendControl();
    const payload = frame.bytes.subarray(frame.start, frame.end);
    if (frame.flags & FLAG.ACK) this.#options.onPong(payload);
    else this.#streams.sender.ping(payload, { isAck: true });
  }

  #onPriority(frame: Frame): void {
    const { streamId } = frame;
    if (streamId === 0) throw protocolError("PRIORITY frame is on no stream");
    this.#spendControl();
    if (frame.length !== 5) return this.#streamError(streamId, ERROR_CODE.FRAME_SIZE_ERROR);
    if (readUint31(frame.bytes, frame.start) === streamId) this.#streamError(streamId, ERROR_CODE.PROTOCOL_ERROR);
  }

  #faultOfEnded(streamId: number): number {
    if (this.#streams.endOf(streamId) !== "reset") return ERROR_CODE.STREAM_CLOSED;
    this.#spendControl();
    return ERROR_CODE.NO_ERROR;
  }

  /** Resets a stream for a fault of the peer; fails the connection if there is no stream to reset. */
  #streamError(streamId: number, code: number): void {
    if (this.#streams.isIdle(streamId)) throw new ConnectionError(code, "Frame on an idle stream is invalid");
    this.#spendReset();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) this.#streams.sender.resetStream(streamId, code);
    else this.#streams.abort(stream, code);
  }

  /** A client that does not know our limit yet may open more streams than that, and sends them again. */
  #refuseExcess(streamId: number): void {
    if (this.#unsettledMs <= 0) return this.#refuse(streamId, ERROR_CODE.REFUSED_STREAM);
    this.#streams.refuse(streamId, ERROR_CODE.REFUSED_STREAM);
  }

  #refuse(streamId: number, code: number): void {
    this.#spendReset();
    this.#streams.refuse(streamId, code);
  }

  #spendReset(): void {
    if (!this.#resets.spend()) throw calmError("Too many streams were reset");
  }

  #spendControl(): void {
    // A client that reads a long reply opens windows and sends no data.
    const { dataBytes } = this.#streams.sender;
    this.#controlFrames.earn((dataBytes - this.#paidBytes) / BYTES_PER_CONTROL_FRAME);
    this.#paidBytes = dataBytes;
    if (!this.#controlFrames.spend()) throw calmError("Too many frames do no work");
  }

  #tooLong(length: number): ConnectionError {
    return frameSizeError(`Frame has ${length} bytes, expected at most ${this.#limits.frameBytesMax}`);
  }
}
