/**
 * One stream: its receiving half, and the object that the layer above replies on. The sending half is in `sending_half.ts`.
 *
 * @module
 */
import type { Span } from "../../base/bytes.ts";
import { ERROR_CODE } from "../frames.ts";
import type { HeaderField, Http2Stream, StreamListener } from "../http2.ts";
import type { CheckedHeaders } from "../request_headers.ts";
import { SendingHalf } from "./sending_half.ts";

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

/**
 * A stream from its HEADERS until both sides have ended or one has reset it. It extends its sending half instead of holding it, so
 * that a request makes one object less.
 */
export class Stream extends SendingHalf implements Http2Stream {
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

  constructor(host: StreamHost, request: StreamRequest, sendWindow: number, receiveWindow: number) {
    super(request.id, sendWindow);
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
    if (this.#isClosed) return;
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
   * @returns the increment of the WINDOW_UPDATE to send; 0 while it would be below `leastBytes`, or if the peer has ended.
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
}
