/**
 * Everything a connection sends: frames into the outgoing buffer, data as far as the peer's windows reach, and what has to
 * wait for them.
 *
 * @module
 */
import {
  FLAG,
  FRAME,
  FRAME_BYTES_DEFAULT,
  FRAME_HEADER_BYTES,
  HEADER_TABLE_BYTES_DEFAULT,
  WINDOW_BYTES_DEFAULT,
  WINDOW_BYTES_MAX,
  writeFrameHeader,
  writeUint32,
} from "./frames.ts";
import type { Http2Limits } from "./limits.ts";
import { OutgoingBuffer } from "./outgoing_buffer.ts";
import { encodeSettings } from "./settings.ts";
import type { PendingRun, Stream } from "./stream.ts";

/** What one stream whose data waited may send before the next has its turn. */
const TURN_BYTES = 65_536;
/** Empties the peer's copy of our dynamic table, which is never used (RFC 7541 section 6.3). */
const TABLE_SIZE_ZERO = Uint8Array.of(0x20);
const NOTHING = new Uint8Array(0);
const ASCII = new TextEncoder();

/** Who hears how the sending of a stream goes. */
export interface SenderEvents {
  /** END_STREAM stands in the outgoing buffer. */
  onEndSent(stream: Stream): void;
  /** Nothing of the stream waits any more. */
  onDrained(stream: Stream): void;
  /** The stream has more waiting than it may. */
  onOverflow(stream: Stream): void;
}

/** The sending half of one connection. */
export class Sender {
  readonly outgoing: OutgoingBuffer = new OutgoingBuffer();
  readonly #limits: Http2Limits;
  readonly #events: SenderEvents;
  /** Streams with something waiting; the next in turn first. */
  readonly #waiting: Set<Stream> = new Set();
  #window = WINDOW_BYTES_DEFAULT;
  #streamWindow = WINDOW_BYTES_DEFAULT;
  #frameBytesMax = FRAME_BYTES_DEFAULT;
  #bytesPending = 0;
  #tableSizeUpdate: "none" | "due" | "sent" = "none";

  constructor(limits: Http2Limits, events: SenderEvents) {
    this.#limits = limits;
    this.#events = events;
  }

  /** The window a new stream starts with (the peer's SETTINGS_INITIAL_WINDOW_SIZE). */
  get streamWindow(): number {
    return this.#streamWindow;
  }

  /** Data of all streams that waits. */
  get bytesPending(): number {
    return this.#bytesPending;
  }

  /** The streams with something waiting. */
  get waiting(): Iterable<Stream> {
    return this.#waiting;
  }

  /** Writes a frame whose payload is small. */
  control(header: { type: number; flags: number; streamId: number }, payload: Uint8Array): void {
    const { type, flags, streamId } = header;
    const { length } = payload;
    const at = this.outgoing.reserve(FRAME_HEADER_BYTES + length);
    writeFrameHeader(this.outgoing.bytes, at, { length, type, flags, streamId });
    this.outgoing.bytes.set(payload, at + FRAME_HEADER_BYTES);
  }

  /** Bytes that are no frame, for a peer that does not speak HTTP/2. */
  raw(bytes: Uint8Array): void {
    const at = this.outgoing.reserve(bytes.length);
    this.outgoing.bytes.set(bytes, at);
  }

  /** The server's preface: our SETTINGS, and the connection's window at its full size. */
  preface(): void {
    const limits = this.#limits;
    this.control({ type: FRAME.SETTINGS, flags: 0, streamId: 0 }, encodeSettings(limits));
    const increment = limits.connectionWindowBytes - WINDOW_BYTES_DEFAULT;
    if (increment > 0) this.windowUpdate(0, increment);
  }

  settingsAck(): void {
    this.control({ type: FRAME.SETTINGS, flags: FLAG.ACK, streamId: 0 }, NOTHING);
  }

  ping(payload: Uint8Array, options: { isAck: boolean }): void {
    this.control({ type: FRAME.PING, flags: options.isAck ? FLAG.ACK : 0, streamId: 0 }, payload);
  }

  goaway(lastStreamId: number, error: { code: number; sentence: string }): void {
    const debug = ASCII.encode(error.sentence);
    const payload = new Uint8Array(8 + debug.length);
    writeUint32(payload, 0, { value: lastStreamId });
    writeUint32(payload, 4, { value: error.code });
    payload.set(debug, 8);
    this.control({ type: FRAME.GOAWAY, flags: 0, streamId: 0 }, payload);
  }

  resetStream(streamId: number, code: number): void {
    this.#uint32Frame({ type: FRAME.RST_STREAM, streamId, value: code });
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#uint32Frame({ type: FRAME.WINDOW_UPDATE, streamId, value: increment });
  }

  /** The peer lowered or raised SETTINGS_MAX_FRAME_SIZE. */
  setFrameBytesMax(bytes: number): void {
    this.#frameBytesMax = bytes;
  }

  /**
   * The peer set SETTINGS_HEADER_TABLE_SIZE. Below the default its decoder waits for the encoder to agree, which one update
   * to zero does for good (RFC 7541 section 4.2).
   */
  setHeaderTableBytesMax(bytes: number): void {
    if (bytes < HEADER_TABLE_BYTES_DEFAULT && this.#tableSizeUpdate === "none") this.#tableSizeUpdate = "due";
  }

  /**
   * The peer set SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of all its streams; {@link pump} is the caller's. False
   * when one overflows.
   */
  setStreamWindow(bytes: number, streams: Iterable<Stream>): boolean {
    const change = bytes - this.#streamWindow;
    this.#streamWindow = bytes;
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > WINDOW_BYTES_MAX) return false;
    }
    return true;
  }

  /** The peer opened the connection's window. False when it overflows. */
  openWindow(increment: number): boolean {
    this.#window += increment;
    if (this.#window > WINDOW_BYTES_MAX) return false;
    this.pump();
    return true;
  }

  /** The peer opened a stream's window. False when it overflows. */
  openStreamWindow(stream: Stream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > WINDOW_BYTES_MAX) return false;
    while (this.#waiting.has(stream) && this.#hasRoom() && this.#takeTurn(stream));
    return true;
  }

  /** Sends headers or trailers, after what waits. They are the last once the stream's `isLocalEnded` is set; so is {@link data}. */
  headers(stream: Stream, block: Uint8Array): void {
    const endStream = stream.isLocalEnded;
    if (stream.pending !== undefined) {
      stream.pending.push({ bytes: block, isHeaders: true, endStream, offset: 0 });
      return;
    }
    this.headerBlock(stream.id, block, { endStream });
    if (endStream) this.#events.onEndSent(stream);
  }

  /** Writes a header block in as many frames as the peer's frame size makes of it. */
  headerBlock(streamId: number, block: Uint8Array, { endStream }: { endStream: boolean }): void {
    const flags = endStream ? FLAG.END_STREAM : 0;
    if (this.#tableSizeUpdate === "due" || block.length > this.#frameBytesMax) {
      return this.#longHeaderBlock(streamId, block, { flags });
    }
    this.control({ type: FRAME.HEADERS, flags: flags | FLAG.END_HEADERS, streamId }, block);
  }

  /** Writes a header block behind a table size update that is due, or in several frames. */
  #longHeaderBlock(streamId: number, block: Uint8Array, options: { flags: number }): void {
    let left = block;
    if (this.#tableSizeUpdate === "due") {
      this.#tableSizeUpdate = "sent";
      left = concat([TABLE_SIZE_ZERO, block], 0);
    }
    let type: number = FRAME.HEADERS;
    let { flags } = options;
    while (left.length > this.#frameBytesMax) {
      this.control({ type, flags, streamId }, left.subarray(0, this.#frameBytesMax));
      left = left.subarray(this.#frameBytesMax);
      type = FRAME.CONTINUATION;
      flags = 0;
    }
    this.control({ type, flags: flags | FLAG.END_HEADERS, streamId }, left);
  }

  /** Sends data: what the windows and the outgoing buffer let through at once, a copy of the rest later. */
  data(stream: Stream, parts: readonly Uint8Array[]): void {
    const endStream = stream.isLocalEnded;
    let length = 0;
    for (const part of parts) length += part.length;
    if (length === 0 && !endStream) return;
    let sent = 0;
    if (stream.pending === undefined) {
      if (this.#hasRoom()) sent = Math.min(length, Math.max(0, stream.sendWindow), Math.max(0, this.#window));
      const isWhole = sent === length;
      if (sent > 0 || isWhole) this.#frameData(stream, { parts, length: sent, endStream: endStream && isWhole });
      if (isWhole) {
        if (endStream) this.#events.onEndSent(stream);
        return;
      }
    }
    this.#wait(stream, { bytes: concat(parts, sent), isHeaders: false, endStream, offset: 0 });
  }

  /** Sends what waits as far as it can go now, the streams in turn. */
  pump(): void {
    for (let isMoving = true; isMoving && this.#waiting.size > 0;) {
      isMoving = false;
      for (const stream of [...this.#waiting]) {
        if (!this.#hasRoom()) return;
        if (this.#waiting.has(stream) && this.#takeTurn(stream)) isMoving = true;
      }
    }
  }

  /** Forgets what waits of a stream that is over. */
  drop(stream: Stream): void {
    if (stream.pending === undefined) return;
    this.#waiting.delete(stream);
    this.#bytesPending -= stream.bytesPending;
    stream.pending = undefined;
    stream.bytesPending = 0;
  }

  #hasRoom(): boolean {
    return this.outgoing.length < this.#limits.outgoingBytesMax;
  }

  #wait(stream: Stream, run: PendingRun): void {
    const { streamPendingBytesMax, connectionPendingBytesMax } = this.#limits;
    const isFull = stream.bytesPending > streamPendingBytesMax || this.#bytesPending > connectionPendingBytesMax;
    if (stream.pending === undefined) stream.pending = [run];
    else stream.pending.push(run);
    stream.bytesPending += run.bytes.length;
    this.#bytesPending += run.bytes.length;
    this.#waiting.add(stream);
    if (isFull) this.#events.onOverflow(stream);
  }

  /** Sends one turn's worth of what waits. False when the windows let nothing through. */
  #takeTurn(stream: Stream): boolean {
    const run = stream.pending?.[0];
    if (run === undefined) return false;
    if (run.isHeaders) {
      this.headerBlock(stream.id, run.bytes, { endStream: run.endStream });
    } else {
      const left = run.bytes.length - run.offset;
      const length = Math.min(left, stream.sendWindow, this.#window, TURN_BYTES);
      if (length <= 0 && left > 0) return false;
      const parts = [run.bytes.subarray(run.offset, run.offset + length)];
      run.offset += length;
      stream.bytesPending -= length;
      this.#bytesPending -= length;
      this.#frameData(stream, { parts, length, endStream: run.endStream && length === left });
      // The others come first now.
      this.#waiting.delete(stream);
      this.#waiting.add(stream);
      if (length < left) return true;
    }
    stream.pending?.shift();
    if (stream.pending?.length === 0) {
      stream.pending = undefined;
      this.#waiting.delete(stream);
      if (!run.endStream) this.#events.onDrained(stream);
    }
    if (run.endStream) this.#events.onEndSent(stream);
    return true;
  }

  /** Writes the first `length` bytes of the parts as DATA frames. */
  #frameData(stream: Stream, data: { parts: readonly Uint8Array[]; length: number; endStream: boolean }): void {
    const { parts, length, endStream } = data;
    const frames = Math.max(1, Math.ceil(length / this.#frameBytesMax));
    let at = this.outgoing.reserve(length + frames * FRAME_HEADER_BYTES);
    const bytes = this.outgoing.bytes;
    let index = 0;
    let offset = 0;
    let left = length;
    for (let i = 0; i < frames; i++) {
      let room = Math.min(left, this.#frameBytesMax);
      left -= room;
      const flags = left === 0 && endStream ? FLAG.END_STREAM : 0;
      writeFrameHeader(bytes, at, { length: room, type: FRAME.DATA, flags, streamId: stream.id });
      at += FRAME_HEADER_BYTES;
      while (room > 0) {
        const part = parts[index] as Uint8Array;
        const count = Math.min(room, part.length - offset);
        bytes.set(count === part.length ? part : part.subarray(offset, offset + count), at);
        at += count;
        room -= count;
        offset += count;
        if (offset === part.length) {
          index++;
          offset = 0;
        }
      }
    }
    stream.sendWindow -= length;
    this.#window -= length;
  }

  #uint32Frame(frame: { type: number; streamId: number; value: number }): void {
    const at = this.outgoing.reserve(FRAME_HEADER_BYTES + 4);
    const bytes = this.outgoing.bytes;
    writeFrameHeader(bytes, at, { length: 4, type: frame.type, flags: 0, streamId: frame.streamId });
    writeUint32(bytes, at + FRAME_HEADER_BYTES, { value: frame.value });
  }
}

/** The parts after the first `skipped` bytes, copied into one. */
function concat(parts: readonly Uint8Array[], skipped: number): Uint8Array {
  let length = -skipped;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = -skipped;
  for (const part of parts) {
    if (at + part.length > 0) bytes.set(at < 0 ? part.subarray(-at) : part, Math.max(at, 0));
    at += part.length;
  }
  return bytes;
}
