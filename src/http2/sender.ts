/**
 * Everything a connection sends: frames go into the outgoing buffer, data as far as the peer's windows allow, and the rest waits
 * for them.
 *
 * @module
 */
import { joinParts } from "../base/bytes.ts";
import {
  FLAG,
  FRAME,
  FRAME_BYTES_DEFAULT,
  FRAME_HEADER_BYTES,
  HEADER_TABLE_BYTES_DEFAULT,
  SETTING,
  WINDOW_BYTES_DEFAULT,
  WINDOW_BYTES_MAX,
  writeFrameHeader,
  writeUint32,
} from "./frames.ts";
import type { Http2Limits } from "./limits.ts";
import { OutgoingBuffer } from "./outgoing_buffer.ts";
import { encodeSettings, type Setting, windowRangeError } from "./settings.ts";
import type { PendingRun, SendingHalf } from "./streams/stream.ts";

/** Bytes of waiting data one stream may send before the next one gets its turn. */
const TURN_BYTES = 65_536;
/** Empties the peer's copy of our dynamic table, which we never use (RFC 7541 section 6.3). */
const TABLE_SIZE_ZERO = Uint8Array.of(0x20);
const NOTHING = new Uint8Array(0);
const ASCII = new TextEncoder();

/** What a sender reports about its streams. */
export interface SenderEvents<Sending extends SendingHalf> {
  /** END_STREAM is in the outgoing buffer. */
  onEndSent(stream: Sending): void;
  /** Nothing of the stream waits any more. */
  onDrained(stream: Sending): void;
  /** More of the stream waits than may. */
  onOverflow(stream: Sending): void;
}

/** The sending half of one connection. */
export class Sender<Sending extends SendingHalf = SendingHalf> {
  readonly outgoing: OutgoingBuffer = new OutgoingBuffer();
  readonly #limits: Http2Limits;
  readonly #events: SenderEvents<Sending>;
  /** Streams with something waiting, in the order of their turns. */
  readonly #waiting: Set<Sending> = new Set();
  #window = WINDOW_BYTES_DEFAULT;
  #streamWindow = WINDOW_BYTES_DEFAULT;
  /** No open stream's window is further above the initial one. */
  #streamWindowExcess = 0;
  #dataBytes = 0;
  #frameBytesMax = FRAME_BYTES_DEFAULT;
  #bytesPending = 0;
  #tableSizeUpdate: "none" | "due" | "sent" = "none";

  constructor(limits: Http2Limits, events: SenderEvents<Sending>) {
    this.#limits = limits;
    this.#events = events;
  }

  /** Bytes of data sent so far. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** Bytes of data that wait, of all streams. */
  get bytesPending(): number {
    return this.#bytesPending;
  }

  /** Streams with something waiting. */
  get waiting(): Iterable<Sending> {
    return this.#waiting;
  }

  /** Writes a frame with a small payload. */
  control(header: { type: number; flags: number; streamId: number }, payload: Uint8Array): void {
    const { type, flags, streamId } = header;
    const { length } = payload;
    const at = this.outgoing.reserve(FRAME_HEADER_BYTES + length);
    writeFrameHeader(this.outgoing.bytes, at, { length, type, flags, streamId });
    this.outgoing.bytes.set(payload, at + FRAME_HEADER_BYTES);
  }

  /** Writes bytes that are no frame, for a peer that does not speak HTTP/2. */
  raw(bytes: Uint8Array): void {
    const at = this.outgoing.reserve(bytes.length);
    this.outgoing.bytes.set(bytes, at);
  }

  /** Writes the server's preface: our SETTINGS, and the WINDOW_UPDATE that opens the connection's window to its full size. */
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

  /**
   * Applies the peer's settings in their order; those without meaning for a server are ignored. The caller calls {@link pump}.
   *
   * @param streams returns all open ones.
   * @throws {ConnectionError} if the window of a stream leaves its range.
   */
  applySettings(settings: readonly Setting[], streams: () => Iterable<Sending>): void {
    for (const { id, value } of settings) {
      if (id === SETTING.INITIAL_WINDOW_SIZE) this.#setStreamWindow(value, streams);
      else if (id === SETTING.MAX_FRAME_SIZE) this.#frameBytesMax = value;
      else if (id === SETTING.HEADER_TABLE_SIZE && value < HEADER_TABLE_BYTES_DEFAULT) this.#emptyTable();
    }
  }

  /** The peer opened the connection's window. Returns false if it overflows. */
  openWindow(increment: number): boolean {
    this.#window += increment;
    if (this.#window > WINDOW_BYTES_MAX) return false;
    this.pump();
    return true;
  }

  /** The peer opened a stream's window. Returns false if it overflows. */
  openStreamWindow(stream: Sending, increment: number): boolean {
    stream.openWindow(increment);
    if (stream.window + this.#streamWindow > WINDOW_BYTES_MAX) return false;
    this.#streamWindowExcess = Math.max(this.#streamWindowExcess, stream.window);
    while (this.#waiting.has(stream) && this.#hasRoom() && this.#takeTurn(stream));
    return true;
  }

  /** Sends headers or trailers, behind what waits. */
  headers(stream: Sending, block: Uint8Array, endStream: boolean): void {
    if (endStream) stream.finish();
    if (stream.next !== undefined) return stream.queue({ bytes: block, isHeaders: true, endStream, offset: 0 });
    this.headerBlock(stream.id, block, { endStream });
    if (endStream) this.#endSent(stream);
  }

  /** Writes a header block, in several frames if the peer's frame size requires it. */
  headerBlock(streamId: number, block: Uint8Array, { endStream }: { endStream: boolean }): void {
    const flags = endStream ? FLAG.END_STREAM : 0;
    if (this.#tableSizeUpdate === "due" || block.length > this.#frameBytesMax) {
      return this.#longHeaderBlock(streamId, block, { flags });
    }
    this.control({ type: FRAME.HEADERS, flags: flags | FLAG.END_HEADERS, streamId }, block);
  }

  /** Writes a header block in several frames, or behind a table size update that is due. */
  #longHeaderBlock(streamId: number, block: Uint8Array, options: { flags: number }): void {
    let left = block;
    if (this.#tableSizeUpdate === "due") {
      this.#tableSizeUpdate = "sent";
      left = joinParts([TABLE_SIZE_ZERO, block]);
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

  /** Sends data: as much as the windows and the outgoing buffer allow at once, the rest, copied, later. */
  data(stream: Sending, parts: readonly Uint8Array[], endStream: boolean): void {
    let length = 0;
    for (const part of parts) length += part.length;
    if (length === 0 && !endStream) return;
    if (endStream) stream.finish();
    let sent = 0;
    if (stream.next === undefined) {
      if (this.#hasRoom()) {
        sent = Math.min(length, Math.max(0, stream.window + this.#streamWindow), Math.max(0, this.#window));
      }
      const isWhole = sent === length;
      if (sent > 0 || isWhole) this.#frameData(stream, { parts, length: sent, endStream: endStream && isWhole });
      if (isWhole) {
        if (endStream) this.#endSent(stream);
        return;
      }
    }
    this.#wait(stream, { bytes: joinFrom(parts, sent), isHeaders: false, endStream, offset: 0 });
  }

  /** Sends as much of what waits as is possible now, the streams in turn. */
  pump(): void {
    for (let isMoving = true; isMoving && this.#waiting.size > 0;) {
      isMoving = false;
      for (const stream of [...this.#waiting]) {
        // Every stream that waits has data to send next: see takeTurn().
        if (this.#window <= 0 || !this.#hasRoom()) return;
        if (this.#waiting.has(stream) && this.#takeTurn(stream)) isMoving = true;
      }
    }
  }

  /** Drops what waits of a stream that is over. */
  drop(stream: Sending): void {
    if (stream.next === undefined) return;
    this.#waiting.delete(stream);
    this.#bytesPending -= stream.dropPending();
  }

  /**
   * The peer set SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of all its streams. They are visited only if one may leave its
   * range, which takes a WINDOW_UPDATE between any two visits.
   */
  #setStreamWindow(bytes: number, streams: () => Iterable<Sending>): void {
    this.#streamWindow = bytes;
    if (bytes + this.#streamWindowExcess <= WINDOW_BYTES_MAX) return;
    this.#streamWindowExcess = 0;
    for (const { window } of streams()) this.#streamWindowExcess = Math.max(this.#streamWindowExcess, window);
    if (bytes + this.#streamWindowExcess > WINDOW_BYTES_MAX) throw windowRangeError();
  }

  /**
   * The peer set SETTINGS_HEADER_TABLE_SIZE below the default. Its decoder waits until the encoder agrees, which one update to zero
   * does for good (RFC 7541 section 4.2).
   */
  #emptyTable(): void {
    if (this.#tableSizeUpdate === "none") this.#tableSizeUpdate = "due";
  }

  #endSent(stream: Sending): void {
    stream.endSent();
    this.#events.onEndSent(stream);
  }

  #hasRoom(): boolean {
    return this.outgoing.length < this.#limits.outgoingBytesMax;
  }

  #wait(stream: Sending, run: PendingRun): void {
    const { streamPendingBytesMax, connectionPendingBytesMax } = this.#limits;
    const isFull = stream.bytesPending > streamPendingBytesMax || this.#bytesPending > connectionPendingBytesMax;
    stream.queue(run);
    this.#bytesPending += run.bytes.length;
    this.#waiting.add(stream);
    if (isFull) this.#events.onOverflow(stream);
  }

  /** Sends one turn's worth of what waits. Returns false if the windows allow nothing. */
  #takeTurn(stream: Sending): boolean {
    const run = stream.next;
    if (run === undefined) return false;
    if (run.isHeaders) {
      this.headerBlock(stream.id, run.bytes, { endStream: run.endStream });
    } else {
      const left = run.bytes.length - run.offset;
      const length = Math.min(left, stream.window + this.#streamWindow, this.#window, TURN_BYTES);
      if (length <= 0 && left > 0) return false;
      const parts = [stream.take(run, length)];
      this.#bytesPending -= length;
      this.#frameData(stream, { parts, length, endStream: run.endStream && length === left });
      // The other streams come first now.
      this.#waiting.delete(stream);
      this.#waiting.add(stream);
      if (length < left) return true;
    }
    if (stream.shift()) {
      this.#waiting.delete(stream);
      if (!run.endStream) this.#events.onDrained(stream);
    }
    if (run.endStream) this.#endSent(stream);
    // Headers and an empty end need no window.
    const next = stream.next;
    return next === undefined || (!next.isHeaders && next.bytes.length > 0) || this.#takeTurn(stream);
  }

  /** Writes the first `length` bytes of the parts as DATA frames. */
  #frameData(stream: Sending, data: { parts: readonly Uint8Array[]; length: number; endStream: boolean }): void {
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
    stream.spendWindow(length);
    this.#window -= length;
    this.#dataBytes += length;
  }

  #uint32Frame(frame: { type: number; streamId: number; value: number }): void {
    const at = this.outgoing.reserve(FRAME_HEADER_BYTES + 4);
    const bytes = this.outgoing.bytes;
    writeFrameHeader(bytes, at, { length: 4, type: frame.type, flags: 0, streamId: frame.streamId });
    writeUint32(bytes, at + FRAME_HEADER_BYTES, { value: frame.value });
  }
}

/** Copies the parts into one array, without the first `skipped` bytes. */
function joinFrom(parts: readonly Uint8Array[], skipped: number): Uint8Array {
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
