/**
 * The constants of RFC 9113, and the encoding of integers and frame headers.
 *
 * @module
 */

/** Frame types (RFC 9113 section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Frame flags (RFC 9113 section 6). */
export const FLAG = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** Error codes (RFC 9113 section 7). */
export const ERROR_CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

/** Settings (RFC 9113 section 6.5.2). */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** The client's connection preface (RFC 9113 section 3.4). */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 9;

/** The initial and smallest value of SETTINGS_MAX_FRAME_SIZE. */
export const FRAME_BYTES_DEFAULT = 16_384;

/** The largest value of SETTINGS_MAX_FRAME_SIZE. */
export const FRAME_BYTES_MAX = 2 ** 24 - 1;

/** The initial flow-control window. */
export const WINDOW_BYTES_DEFAULT = 65_535;

/** The largest flow-control window. */
export const WINDOW_BYTES_MAX = 2 ** 31 - 1;

/** The largest stream id, which the first GOAWAY of a graceful shutdown names. */
export const STREAM_ID_MAX = 2 ** 31 - 1;

/** The initial size of HPACK's dynamic table (RFC 9113 section 6.5.2). */
export const HEADER_TABLE_BYTES_DEFAULT = 4096;

/** The fields of a frame's header. */
export interface FrameHeader {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** A fault of the peer that ends the connection with GOAWAY (RFC 9113 section 5.4.1); the message is its debug data. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(readonly code: number, sentence: string) {
    super(sentence);
  }
}

/** The error that ends the connection with PROTOCOL_ERROR. */
export function protocolError(sentence: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.PROTOCOL_ERROR, sentence);
}

/** The error that ends the connection with FRAME_SIZE_ERROR. */
export function frameSizeError(sentence: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.FRAME_SIZE_ERROR, sentence);
}

/** The error that ends the connection with ENHANCE_YOUR_CALM: the peer exceeded a limit against abuse. */
export function calmError(sentence: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.ENHANCE_YOUR_CALM, sentence);
}

/** Reads a 24-bit integer in network order. */
export function readUint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** Reads an unsigned 32-bit integer in network order. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | readUint24(bytes, at + 1)) >>> 0;
}

/** Reads a 31-bit integer in network order behind a reserved bit: stream ids, window increments. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff;
}

/** Writes a 32-bit integer in network order. */
export function writeUint32(bytes: Uint8Array, at: number, options: { value: number }): void {
  const { value } = options;
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a frame's header. */
export function writeFrameHeader(bytes: Uint8Array, at: number, header: FrameHeader): void {
  const { length, streamId } = header;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = header.type;
  bytes[at + 4] = header.flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}
