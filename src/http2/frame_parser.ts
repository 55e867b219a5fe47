/**
 * Splits the bytes of a socket into frames: the preface, frame headers, and payloads that span reads. Knows the layout of frames,
 * not their meaning.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import {
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameSizeError,
  PREFACE,
  protocolError,
  readUint24,
  readUint31,
} from "./frames.ts";

const BUFFER_BYTES_MIN = 16_384;
/** Missing payload from which on it is read directly into its place; below, one large read for many frames is faster. */
const DIRECT_BYTES_MIN = 65_536;
/** Reads in a row that leave most of the buffer empty before it shrinks. */
const SMALL_READS_MAX = 16;

/** A frame, in one object that is reused for each frame. The payload is `bytes` from `start` to `end`. */
export interface Frame extends FrameHeader, Span {}

/** Gets the frames. All arguments are borrowed until the call returns. */
export interface FrameSink {
  /** The client's preface is complete; its SETTINGS follow. */
  onPreface(): void;
  /** Returns how many bytes of payload to pass to {@link onFrame}; the others are dropped. Not called for DATA. */
  payloadNeeded(frame: Frame): number;
  /** A frame other than DATA, with the requested payload. */
  onFrame(frame: Frame): void;
  /** A DATA frame begins, with `padding` bytes that are no payload (the pad length's own byte included). */
  onDataBegin(frame: Frame, padding: number): void;
  /** The next bytes of its payload; the last ones, with `isLast`, may be none. */
  onDataChunk(chunk: Span, isLast: boolean): void;
  /** Returns room for up to `bytes` of its payload, if there is any. */
  dataRoom(bytes: number): Uint8Array | undefined;
  /** Bytes were read into that room. */
  onDataFilled(bytes: number, isLast: boolean): void;
}

/** The peer does not speak HTTP/2. */
export class PrefaceError extends Error {
  override readonly name = "PrefaceError";

  constructor(
    /** The bytes received so far. */
    readonly received: Uint8Array,
  ) {
    super("Connection does not begin with the preface of HTTP/2");
  }
}

class MutableFrame implements Frame {
  length = 0;
  type = 0;
  flags = 0;
  streamId = 0;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
}

/** Splits the bytes read into {@link space} into frames. */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #bufferBytesMax: number;
  readonly #frame = new MutableFrame();
  #buffer = new Uint8Array(BUFFER_BYTES_MIN);
  /** The free part of the buffer when it was last requested; mostly all of it, and the same next time. */
  #space = this.#buffer;
  #start = 0;
  #end = 0;
  #hasPreface = false;
  /** Bytes of the current frame still missing: of payload, and then of padding or payload to skip. */
  #dataLeft = 0;
  #skipLeft = 0;
  #direct: Uint8Array | undefined;
  #smallReads = 0;
  /** What the last read brought, for the size of the buffer. */
  #readBytes = 0;
  #wasFilled = false;
  #isPaused = false;
  #isStopped = false;
  readonly #onTaken: () => boolean;

  /** @param options.onTaken called after each frame or part of one; returns whether to pause. */
  constructor(sink: FrameSink, options: { bufferBytesMax: number; onTaken?: () => boolean }) {
    this.#sink = sink;
    this.#bufferBytesMax = options.bufferBytesMax;
    this.#onTaken = options.onTaken ?? neverPause;
  }

  /** Whether frames have been read that were not taken: call {@link resume} before the next read. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Where to read the next bytes to; valid until {@link received}. Never empty. */
  space(): Uint8Array {
    this.#direct = undefined;
    if (this.#dataLeft >= DIRECT_BYTES_MIN) {
      const room = this.#sink.dataRoom(this.#dataLeft);
      if (room !== undefined && room.length >= DIRECT_BYTES_MIN) {
        return this.#direct = room.length > this.#dataLeft ? room.subarray(0, this.#dataLeft) : room;
      }
    }
    const isSame = this.#space.byteOffset === this.#end && this.#space.buffer === this.#buffer.buffer;
    return isSame ? this.#space : this.#space = this.#buffer.subarray(this.#end);
  }

  /**
   * Parses the `count` bytes read to the front of the last {@link space}, and hands each frame to the sink.
   *
   * @throws {PrefaceError} before the first frame; {@link ConnectionError} for an invalid layout; what the sink throws.
   */
  received(count: number): void {
    if (this.#isStopped) return;
    if (this.#direct !== undefined) {
      this.#direct = undefined;
      this.#dataLeft -= count;
      this.#sink.onDataFilled(count, this.#dataLeft === 0);
      return;
    }
    this.#readBytes = count;
    this.#wasFilled = count === this.#buffer.length - this.#end;
    this.#end += count;
    if (!this.#hasPreface && !this.#takePreface()) return;
    this.#takeFrames();
  }

  /** Parses what was left when the parser paused; throws what {@link received} throws. */
  resume(): void {
    if (!this.#isStopped) this.#takeFrames();
  }

  #takeFrames(): void {
    let needed = 0;
    let pauses = false;
    do {
      needed = this.#takeFrame();
      if (needed === 0) pauses = this.#onTaken();
    } while (needed === 0 && !pauses && !this.#isStopped);
    this.#isPaused = needed === 0;
    if (!this.#isPaused) this.#makeRoom(needed);
  }

  /** Hands nothing more to the sink, not even what was received already. */
  stop(): void {
    this.#isStopped = true;
  }

  #takePreface(): boolean {
    const received = Math.min(this.#end, PREFACE.length);
    for (let i = 0; i < received; i++) {
      if (this.#buffer[i] !== PREFACE[i]) throw new PrefaceError(this.#buffer.slice(0, this.#end));
    }
    if (received < PREFACE.length) return false;
    this.#hasPreface = true;
    this.#start = PREFACE.length;
    this.#sink.onPreface();
    return true;
  }

  /** Takes one frame or a part of one. Returns 0, or how many bytes the buffer must hold before more can be taken. */
  #takeFrame(): number {
    const available = this.#end - this.#start;
    if (this.#dataLeft > 0) return this.#takeData(available);
    if (this.#skipLeft > 0) {
      if (available === 0) return 1;
      const skipped = Math.min(available, this.#skipLeft);
      this.#start += skipped;
      this.#skipLeft -= skipped;
      return 0;
    }
    if (available < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
    const frame = this.#readHeader();
    if (frame.type === FRAME.DATA) return this.#beginData(frame, available);
    const needed = this.#sink.payloadNeeded(frame);
    if (available < FRAME_HEADER_BYTES + needed) return FRAME_HEADER_BYTES + needed;
    frame.end = frame.start + needed;
    this.#start = frame.end;
    this.#skipLeft = frame.length - needed;
    this.#sink.onFrame(frame);
    return 0;
  }

  #readHeader(): MutableFrame {
    const frame = this.#frame;
    const bytes = this.#buffer;
    const at = this.#start;
    frame.length = readUint24(bytes, at);
    frame.type = bytes[at + 3] as number;
    frame.flags = bytes[at + 4] as number;
    frame.streamId = readUint31(bytes, at + 5);
    frame.bytes = bytes;
    frame.start = frame.end = at + FRAME_HEADER_BYTES;
    return frame;
  }

  #beginData(frame: MutableFrame, available: number): number {
    let padding = 0;
    if (frame.flags & FLAG.PADDED) {
      if (frame.length === 0) throw frameSizeError("DATA frame with padding is empty");
      if (available < FRAME_HEADER_BYTES + 1) return FRAME_HEADER_BYTES + 1;
      padding = (frame.bytes[frame.start++] as number) + 1;
      if (padding > frame.length) throw protocolError("DATA frame has more padding than bytes");
    }
    this.#sink.onDataBegin(frame, padding);
    this.#start = frame.end = frame.start;
    this.#dataLeft = frame.length - padding;
    this.#skipLeft = Math.max(0, padding - 1);
    if (this.#dataLeft === 0) this.#sink.onDataChunk(frame, true);
    return 0;
  }

  #takeData(available: number): number {
    if (available === 0) return 1;
    const chunk = this.#frame;
    const taken = Math.min(available, this.#dataLeft);
    chunk.bytes = this.#buffer;
    chunk.start = this.#start;
    chunk.end = this.#start += taken;
    this.#dataLeft -= taken;
    this.#sink.onDataChunk(chunk, this.#dataLeft === 0);
    return 0;
  }

  /** Moves the remaining bytes to the front, and adapts the size of the buffer to the reads. */
  #makeRoom(needed: number): void {
    const size = this.#buffer.length;
    let fitting = size;
    if (this.#wasFilled && size < this.#bufferBytesMax) fitting = Math.min(size * 4, this.#bufferBytesMax);
    this.#smallReads = this.#readBytes <= size >> 3 ? this.#smallReads + 1 : 0;
    if (this.#smallReads >= SMALL_READS_MAX && size > BUFFER_BYTES_MIN) fitting = Math.max(size >> 2, BUFFER_BYTES_MIN);
    fitting = Math.max(fitting, needed);
    if (fitting !== size) {
      const left = this.#buffer.subarray(this.#start, this.#end);
      this.#buffer = new Uint8Array(Math.max(fitting, left.length + 1));
      this.#buffer.set(left);
      this.#smallReads = 0;
    } else if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#end -= this.#start;
    this.#start = 0;
  }
}

function neverPause(): boolean {
  return false;
}
