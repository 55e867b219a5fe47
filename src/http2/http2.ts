/**
 * The words HTTP/2 is spoken in here: what a connection hands to the protocol above it and what that protocol may do with a
 * stream. Types only; the machinery is in `connection.ts`. Knows no gRPC.
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
 * A request's header list, checked against RFC 9113 section 8. Immutable, and the same object again for a block of the same
 * bytes on the same connection, so that what is derived from it can be kept beside it.
 */
export interface RequestHeaders {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** The regular fields in the order they came. */
  readonly fields: readonly HeaderField[];
  /** A place for the layer above to keep what it worked out from these headers. */
  derived: unknown;
}

/**
 * A stream as the layer above answers on it. Every call after the stream's end is ignored: a peer may reset at any time. An
 * answer that is complete before its request is makes the connection reset the stream with NO_ERROR by itself, after all that
 * waits has been sent.
 */
export interface Http2Stream {
  readonly id: number;
  /** Who is at the other end, for the log: `127.0.0.1:51234`, or a socket's path. */
  readonly peer: string;
  /** Bytes of data accepted by {@link sendData} that flow control or the socket still hold back. */
  readonly bytesPending: number;
  /**
   * Sends a header block already encoded by `encodeHeaders`; used for headers and for trailers alike. The block may have to
   * wait for data before it and must not change any more.
   */
  sendHeaders(block: Uint8Array, endStream: boolean): void;
  /**
   * Sends the parts one after the other as one run of data. They are borrowed until the call returns: what flow control lets
   * through is written to the outgoing buffer at once (the one copy), the rest is copied and kept.
   */
  sendData(parts: readonly Uint8Array[], endStream: boolean): void;
  /** Ends the stream at once with RST_STREAM; data not yet sent is dropped. */
  reset(code: number): void;
  /**
   * Gives the peer back the right to send `bytes` more on this stream. What has arrived counts against the stream's window until the
   * layer above says so: that is the back-pressure. The connection's window opens by itself, so that a stream which is
   * held back holds back no other.
   */
  consumed(bytes: number): void;
}

/** What the layer above wants to hear of one stream. After `onReset`, or once both sides have ended, nothing more is said. */
export interface StreamListener {
  /** Payload of DATA frames, without padding; borrowed until the call returns. May be empty when only the end is news. */
  onData(chunk: Span, endStream: boolean): void;
  /** Trailers, which end the peer's side. */
  onTrailers(fields: readonly HeaderField[]): void;
  /**
   * The stream is over before its time: reset by the peer, reset here for the peer's fault or for a limit, or its connection is
   * gone (CANCEL). Not called for the listener's own reset.
   */
  onReset(code: number): void;
  /** What was accepted by `sendData` has all left for the socket; called only after `bytesPending` was above zero. */
  onDrained?(): void;
  /**
   * Offers room for payload to be read into straight from the socket, at most `bytes` of it: a view with at least one byte, or
   * undefined when there is none. What was read is told by {@link filled}, in place of `onData`. The view is lent until the
   * next `filled` or `onData`: when the stream ends before, a read may still be writing to it, so it must not be used again.
   */
  room?(bytes: number): Uint8Array | undefined;
  /** `bytes` of payload were put at the front of the view last offered by {@link room}. */
  filled?(bytes: number, endStream: boolean): void;
}

/** Called for each new stream; what it returns hears the rest. With `endStream` there is no more to come. */
export type OnRequest = (stream: Http2Stream, headers: RequestHeaders, endStream: boolean) => StreamListener;
