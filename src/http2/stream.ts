/**
 * One stream: the state both directions share, and the small object the layer above answers on.
 *
 * @module
 */
import type { Http2Stream, StreamListener } from "./http2.ts";
import type { CheckedHeaders } from "./request_headers.ts";

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly peer: string;
  /** The last that is sent on the stream when its `isLocalEnded` is set; so is data. */
  sendHeaders(stream: Stream, block: Uint8Array): void;
  sendData(stream: Stream, parts: readonly Uint8Array[]): void;
  reset(stream: Stream, code: number): void;
  consumed(stream: Stream, bytes: number): void;
}

/** Something accepted for sending that has to wait: data, or the headers or trailers that come after data. */
export interface PendingRun {
  /** Owned. */
  readonly bytes: Uint8Array;
  readonly isHeaders: boolean;
  readonly endStream: boolean;
  /** How much of it has been sent. */
  offset: number;
}

/** A stream from its HEADERS until both sides have ended or one has reset it. */
export class Stream implements Http2Stream {
  readonly id: number;
  readonly #host: StreamHost;
  /** Set as soon as the layer above has been told of the request. */
  listener: StreamListener | undefined = undefined;
  /** The peer has sent END_STREAM. */
  isRemoteEnded: boolean;
  /** The layer above has said its last; it may not all be sent. */
  isLocalEnded = false;
  /** END_STREAM has been sent. */
  isEndSent = false;
  /** Nothing more is sent or told. */
  isClosed = false;
  /** Data the peer lets us send; below zero after it made its initial window smaller. */
  sendWindow = 0;
  /** Data we let the peer send. */
  receiveWindow = 0;
  /** Data handed to the layer above that it has not consumed. */
  unconsumedBytes = 0;
  /** Data consumed that the peer has not been told of. */
  creditBytes = 0;
  /** Data that must still come to match the content-length; -1 where none was given. */
  contentLeft: number;
  /** What waits, in order; undefined while nothing does. */
  pending: PendingRun[] | undefined = undefined;
  bytesPending = 0;
  /** When its data was first seen waiting, and how much it was, for the check on peers that never read. */
  stalledSinceMs = 0;
  stalledBytes = 0;

  /** The windows are set by whoever knows them. */
  constructor(host: StreamHost, request: { id: number; headers: CheckedHeaders; endStream: boolean }) {
    this.#host = host;
    this.id = request.id;
    this.isRemoteEnded = request.endStream;
    this.contentLeft = request.headers.contentLength;
  }

  get peer(): string {
    return this.#host.peer;
  }

  sendHeaders(block: Uint8Array, endStream: boolean): void {
    if (this.isClosed || this.isLocalEnded) return;
    this.isLocalEnded = endStream;
    this.#host.sendHeaders(this, block);
  }

  sendData(parts: readonly Uint8Array[], endStream: boolean): void {
    if (this.isClosed || this.isLocalEnded) return;
    this.isLocalEnded = endStream;
    this.#host.sendData(this, parts);
  }

  reset(code: number): void {
    if (!this.isClosed) this.#host.reset(this, code);
  }

  consumed(bytes: number): void {
    if (!this.isClosed) this.#host.consumed(this, bytes);
  }
}
