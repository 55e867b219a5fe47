/**
 * One stream: the state of both directions, and the object that the layer above replies on. The sending half is changed by the sender
 * alone, the receiving half by the stream table. Halves in objects of their own, or a base class, would cost each request time.
 *
 * @module
 */
import type { Span } from "../../base/bytes.ts";
import { ChangeTimer } from "../change_timer.ts";
import { ERROR_CODE } from "../frames.ts";
import type { HeaderField, Http2Stream, StreamListener } from "../http2.ts";
import type { CheckedHeaders } from "../request_headers.ts";

/** What a stream needs from its connection. */
export interface StreamHost {
  readonly peer: string;
  sendHeaders(stream: Stream, block: Uint8Array, endStream: boolean): void;
  sendData(stream: Stream, parts: readonly Uint8Array[], endStream: boolean): void;
  reset(stream: Stream, code: number): void;
  consumed(stream: Stream, bytes: number): void;
}

/** A new stream's request. */
export interface StreamRequest {
  readonly id: number;
  readonly headers: CheckedHeaders;
  readonly endStream: boolean;
}

/** Something accepted for sending that has to wait: data, or the headers or trailers that follow data. */
export interface PendingRun {
  /** Owned. */
  readonly bytes: Uint8Array;
  readonly isHeaders: boolean;
  readonly endStream: boolean;
  /** How much of it has been sent. */
  offset: number;
}

/** The half of a stream that the sender changes. */
export type SendingHalf = Pick<
  Stream,
  | "id"
  | "window"
  | "bytesPending"
  | "next"
  | "finish"
  | "endSent"
  | "openWindow"
  | "spendWindow"
  | "queue"
  | "take"
  | "shift"
  | "dropPending"
>;

/** A stream from its HEADERS until both sides have ended or one has reset it. */
export class Stream implements Http2Stream {
  readonly id: number;
  readonly #host: StreamHost;
  /** Set as soon as the layer above has accepted the request. */
  #listener: StreamListener | undefined = undefined;
  #isRemoteEnded: boolean;
  #isClosed = false;
  /** Bytes of data we let the peer send. */
  #receiveWindow: number;
  /** Bytes of data handed to the layer above that it has not consumed. */
  #unconsumedBytes = 0;
  /** Bytes of data consumed that no WINDOW_UPDATE has given back. */
  #creditBytes = 0;
  /** Bytes of data that must still arrive to match the content-length; -1 if there is none. */
  #contentLeft: number;

  /** Bytes of data the peer lets us send beyond its initial window; below zero once that is being used. */
  #window = 0;
  #isFinished = false;
  #isEndSent = false;
  /** Undefined while nothing waits. */
  #pending: PendingRun[] | undefined = undefined;
  #bytesPending = 0;
  /** How long the data that waits has not moved; undefined until first asked for. */
  #stall: ChangeTimer | undefined = undefined;

  constructor(host: StreamHost, request: StreamRequest, receiveWindow: number) {
    this.id = request.id;
    this.#host = host;
    this.#isRemoteEnded = request.endStream;
    this.#receiveWindow = receiveWindow;
    this.#contentLeft = request.headers.contentLength;
  }

  get peer(): string {
    return this.#host.peer;
  }

  /** Whether the peer has sent END_STREAM. */
  get isRemoteEnded(): boolean {
    return this.#isRemoteEnded;
  }

  /** Whether the stream is over in both directions. Nothing more is sent or handed to the layer above. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether less data has arrived than the content-length says. */
  get lacksContent(): boolean {
    return this.#contentLeft > 0;
  }

  sendHeaders(block: Uint8Array, endStream: boolean): void {
    if (!this.#isClosed && !this.isFinished) this.#host.sendHeaders(this, block, endStream);
  }

  sendData(parts: readonly Uint8Array[], endStream: boolean): void {
    if (!this.#isClosed && !this.isFinished) this.#host.sendData(this, parts, endStream);
  }

  reset(code: number): void {
    if (!this.#isClosed) this.#host.reset(this, code);
  }

  consumed(bytes: number): void {
    // A peer that has ended its side needs no credit.
    if (this.#isClosed || this.#isRemoteEnded) return;
    const given = Math.min(bytes, this.#unconsumedBytes);
    this.#unconsumedBytes -= given;
    this.#host.consumed(this, given);
  }

  /** From now on the listener gets what arrives. */
  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  /** Removes the listener: it gets nothing more. */
  takeListener(): StreamListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    return listener;
  }

  /** The stream is over in both directions. */
  close(): void {
    this.#isClosed = true;
  }

  /** The peer has sent END_STREAM. */
  endRemote(): void {
    this.#isRemoteEnded = true;
  }

  /**
   * Counts a DATA frame against the window and the content-length.
   *
   * @param length of the frame, padding included.
   * @param payloadBytes without padding.
   * @returns the error code to reset the stream with; NO_ERROR if the frame may be handed on.
   */
  admit(length: number, payloadBytes: number, endStream: boolean): number {
    if (this.#isRemoteEnded) return ERROR_CODE.STREAM_CLOSED;
    if (length > this.#receiveWindow) return ERROR_CODE.FLOW_CONTROL_ERROR;
    this.#receiveWindow -= length;
    if (this.#contentLeft < 0) return ERROR_CODE.NO_ERROR;
    this.#contentLeft -= payloadBytes;
    const isWrong = this.#contentLeft < 0 || (endStream && this.#contentLeft > 0);
    return isWrong ? ERROR_CODE.PROTOCOL_ERROR : ERROR_CODE.NO_ERROR;
  }

  /**
   * Adds consumed bytes to what the peer may send again.
   *
   * @returns the increment of the WINDOW_UPDATE to send; 0 while it would be below `leastBytes`, or if the peer has ended its side.
   */
  credit(bytes: number, leastBytes: number): number {
    this.#creditBytes += bytes;
    if (this.#isRemoteEnded || this.#creditBytes < leastBytes) return 0;
    const increment = this.#creditBytes;
    this.#receiveWindow += increment;
    this.#creditBytes = 0;
    return increment;
  }

  /** Hands data to the layer above. */
  deliver(chunk: Span): void {
    this.#unconsumedBytes += chunk.end - chunk.start;
    this.#listener?.onData(chunk, this.#isRemoteEnded);
  }

  /** Asks the layer above for room to read data into. */
  room(bytes: number): Uint8Array | undefined {
    return this.#listener?.filled && this.#listener.room?.(bytes);
  }

  /** Reports to the layer above that its room was filled. */
  filled(bytes: number): void {
    this.#unconsumedBytes += bytes;
    this.#listener?.filled?.(bytes, this.#isRemoteEnded);
  }

  /** Hands trailers to the layer above. */
  deliverTrailers(fields: readonly HeaderField[]): void {
    this.#listener?.onTrailers(fields);
  }

  /** Reports to the layer above that nothing waits any more. */
  drained(): void {
    this.#listener?.onDrained?.();
  }

  /**
   * Bytes of data the peer lets us send, less its initial window, which is the connection's to add: a peer that changes that one
   * changes all streams at once.
   */
  get window(): number {
    return this.#window;
  }

  /** Bytes of data that wait. */
  get bytesPending(): number {
    return this.#bytesPending;
  }

  /** Whether the layer above has sent its last; not all of it may have left. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Whether END_STREAM has been sent. */
  get isEndSent(): boolean {
    return this.#isEndSent;
  }

  /** What is sent next; undefined while nothing waits. */
  get next(): PendingRun | undefined {
    return this.#pending?.[0];
  }

  /** The layer above sends nothing more. */
  finish(): void {
    this.#isFinished = true;
  }

  /** END_STREAM has been sent. */
  endSent(): void {
    this.#isEndSent = true;
  }

  /** The peer opened the window. */
  openWindow(increment: number): void {
    this.#window += increment;
  }

  /** Data of this length has been sent. */
  spendWindow(bytes: number): void {
    this.#window -= bytes;
  }

  /** Queues a run behind those that wait. */
  queue(run: PendingRun): void {
    if (this.#pending === undefined) this.#pending = [run];
    else this.#pending.push(run);
    if (!run.isHeaders) this.#bytesPending += run.bytes.length;
  }

  /** The first `bytes` of what is left of the next run go out; returns them. */
  take(run: PendingRun, bytes: number): Uint8Array {
    const start = run.offset;
    run.offset += bytes;
    this.#bytesPending -= bytes;
    return run.bytes.subarray(start, run.offset);
  }

  /** The next run has been sent. Returns whether it was the last that waited. */
  shift(): boolean {
    this.#pending?.shift();
    if (this.#pending === undefined || this.#pending.length > 0) return false;
    this.#pending = undefined;
    return true;
  }

  /** Drops what waits. Returns how many bytes of data that was. */
  dropPending(): number {
    const dropped = this.#bytesPending;
    this.#pending = undefined;
    this.#bytesPending = 0;
    return dropped;
  }

  /** Milliseconds since the amount of waiting data last changed, as of the calls of this method. */
  stalledMs(nowMs: number): number {
    return (this.#stall ??= new ChangeTimer()).of(this.#bytesPending, nowMs);
  }
}
