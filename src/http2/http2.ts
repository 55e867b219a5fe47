/**
 * The interface between HTTP/2 and the protocol above it: what a connection hands up, and what that protocol may do with a stream.
 * Types only.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";

/** A field of a header list; the name is in lower case. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/**
 * A request's header list, checked against RFC 9113 section 8. Immutable. Blocks of the same bytes on one connection give the same
 * object, so that results derived from it can be cached in it.
 */
export interface RequestHeaders {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** The regular fields in the order of the request. */
  readonly fields: readonly HeaderField[];
  /** A cache for the layer above. */
  derived: unknown;
}

/**
 * A stream as the layer above replies on it. Calls after the stream's end are ignored, because a peer may reset at any time. If a
 * reply is complete before its request, the connection resets the stream with NO_ERROR once everything has been sent.
 */
export interface Http2Stream {
  readonly id: number;
  /** The client, for the log: `127.0.0.1:51234`, or the path of a socket. */
  readonly peer: string;
  /** Bytes of data accepted by {@link sendData} that flow control or the socket holds back. */
  readonly bytesPending: number;
  /**
   * Sends headers or trailers as a block encoded by `encodeHeaders`. The block may have to wait for data before it and must not
   * change.
   */
  sendHeaders(block: Uint8Array, endStream: boolean): void;
  /**
   * Sends the parts as one run of data. They are borrowed until this returns: what flow control allows is written to the outgoing
   * buffer at once (the one copy), the rest is copied and kept.
   */
  sendData(parts: readonly Uint8Array[], endStream: boolean): void;
  /** Ends the stream at once with RST_STREAM. Drops data that was not sent. */
  reset(code: number): void;
  /**
   * Lets the peer send `bytes` more on this stream. Data counts against the stream's window until the layer above calls this: that is
   * the back-pressure. The connection's window opens by itself, so that a stream held back does not hold back others.
   */
  consumed(bytes: number): void;
}

/** Gets the events of one stream. None follow `onReset`, or the end of both sides. */
export interface StreamListener {
  /** Payload of DATA frames, without padding; borrowed until this returns. May be empty if it only ends the stream. */
  onData(chunk: Span, endStream: boolean): void;
  /** Trailers, which end the peer's side. */
  onTrailers(fields: readonly HeaderField[]): void;
  /**
   * The stream ended early: the peer reset it, it was reset for a fault of the peer or a limit, or its connection is gone (CANCEL).
   * Not called for the listener's own reset.
   */
  onReset(code: number): void;
  /** All data accepted by `sendData` has left for the socket. Called only if `bytesPending` was above zero. */
  onDrained?(): void;
  /**
   * Offers room for payload to be read from the socket directly: a view of 1 to `bytes` bytes, or undefined for none. What was read is
   * reported by {@link filled} instead of `onData`. The view is lent until the next `filled` or `onData`. If the stream ends before, a
   * read may still write to it, so it must not be reused.
   */
  room?(bytes: number): Uint8Array | undefined;
  /** `bytes` of payload were written to the front of the view last offered by {@link room}. */
  filled?(bytes: number, endStream: boolean): void;
}

/** Called for each new stream; the returned listener gets the rest. With `endStream` nothing follows. */
export type OnRequest = (stream: Http2Stream, headers: RequestHeaders, endStream: boolean) => StreamListener;
