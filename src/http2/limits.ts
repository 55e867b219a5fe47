/**
 * Every bound of a connection with its name and default: what the peer is told, what it may cost, how long it may take.
 *
 * @module
 */
import { assert } from "../base/status.ts";
import { FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX } from "./frames.ts";

/** Bounds of one connection. A time of 0 switches its check off. */
export interface Http2Limits {
  /** Streams open at a time (SETTINGS_MAX_CONCURRENT_STREAMS); one more is refused with REFUSED_STREAM. */
  readonly streamsMax: number;
  /** Payload of one frame the peer may send (SETTINGS_MAX_FRAME_SIZE), 16,384 to 16,777,215. */
  readonly frameBytesMax: number;
  /** Data a stream may receive ahead of what was consumed (SETTINGS_INITIAL_WINDOW_SIZE), at least 65,535. */
  readonly streamWindowBytes: number;
  /** Data all streams of a connection may receive ahead of what was handed to the layer above, at least 65,535. */
  readonly connectionWindowBytes: number;

  /** A header list after decompression (SETTINGS_MAX_HEADER_LIST_SIZE); a larger one is answered with status 431. */
  readonly headerListBytesMax: number;
  /** Fields in a header list; more are answered with status 431. */
  readonly headerFieldsMax: number;
  /** HPACK's dynamic table for what the peer sends (SETTINGS_HEADER_TABLE_SIZE). */
  readonly headerTableBytesMax: number;
  /** A header block as it is on the wire; a larger one ends the connection, for decoding it would cost too much. */
  readonly headerBlockBytesMax: number;
  /** CONTINUATION frames of one header block. */
  readonly continuationsMax: number;
  /** Entries of one SETTINGS frame. */
  readonly settingsMax: number;

  /** Streams in a row that the peer may open and abandon, or we must reset for its faults, before ENHANCE_YOUR_CALM. */
  readonly resetsMax: number;
  /** How many of those are forgiven a second. */
  readonly resetsPerSecond: number;
  /** Frames without use for a request (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown) in a row. */
  readonly controlFramesMax: number;
  /** How many of those are forgiven a second; each HEADERS and each DATA, either way, forgives a few more. */
  readonly controlFramesPerSecond: number;

  /** Bytes waiting for the socket from which on no more frames are read and data is held back. */
  readonly outgoingBytesMax: number;
  /** Data of one stream held back beyond which `sendData` resets the stream; one message may always wait. */
  readonly streamPendingBytesMax: number;
  /** The same for all streams together. */
  readonly connectionPendingBytesMax: number;
  /** The read buffer at its largest; it grows while reads fill it and shrinks when they no longer do. */
  readonly readBufferBytesMax: number;

  /** From the start to the end of the client's preface and SETTINGS, a TLS handshake included. */
  readonly prefaceTimeoutMs: number;
  /** From HEADERS to the end of its header block. */
  readonly headersTimeoutMs: number;
  /** For the socket to take the next bytes. */
  readonly writeTimeoutMs: number;
  /** For the peer to open the window of a stream whose data waits; the stream is reset. */
  readonly stallTimeoutMs: number;
  /** Without any stream; ends the connection in peace. */
  readonly idleTimeoutMs: number;
  /** Without any byte from the peer, until a PING asks for life. */
  readonly keepaliveIntervalMs: number;
  /** For anything to come after that PING. */
  readonly keepaliveTimeoutMs: number;
  /** For the peer to hang up after our GOAWAY, so that it can still read it. */
  readonly lingerTimeoutMs: number;
}

/** The limits that an operator sets. */
export type ConfiguredLimits = Pick<
  Http2Limits,
  "streamsMax" | "idleTimeoutMs" | "keepaliveIntervalMs" | "keepaliveTimeoutMs"
>;

/** The limits that are the same for every server. */
const FIXED_LIMITS: Omit<Http2Limits, keyof ConfiguredLimits> = {
  frameBytesMax: 1_048_576,
  streamWindowBytes: 524_288,
  connectionWindowBytes: 8_388_608,

  headerListBytesMax: 16_384,
  headerFieldsMax: 128,
  headerTableBytesMax: 4096,
  headerBlockBytesMax: 32_768,
  continuationsMax: 32,
  settingsMax: 64,

  resetsMax: 1000,
  resetsPerSecond: 200,
  controlFramesMax: 10_000,
  controlFramesPerSecond: 1000,

  outgoingBytesMax: 1_048_576,
  streamPendingBytesMax: 67_108_864,
  connectionPendingBytesMax: 536_870_912,
  readBufferBytesMax: 262_144,

  prefaceTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  writeTimeoutMs: 30_000,
  stallTimeoutMs: 60_000,
  lingerTimeoutMs: 1000,
};

/** Returns the limits of a connection; `replaced` is for tests. */
export function http2Limits(
  { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs }: ConfiguredLimits,
  replaced: Partial<Http2Limits> = {},
): Http2Limits {
  const configured = { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs };
  const limits = { ...FIXED_LIMITS, ...configured, ...replaced };
  assertWithin(limits.frameBytesMax, "frameBytesMax", { min: FRAME_BYTES_DEFAULT, max: FRAME_BYTES_MAX });
  assertWithin(limits.streamWindowBytes, "streamWindowBytes", { min: WINDOW_BYTES_DEFAULT, max: WINDOW_BYTES_MAX });
  assertWithin(limits.connectionWindowBytes, "connectionWindowBytes", {
    min: WINDOW_BYTES_DEFAULT,
    max: WINDOW_BYTES_MAX,
  });
  return Object.freeze(limits);
}

function assertWithin(value: number, name: string, range: { min: number; max: number }): void {
  const { min, max } = range;
  assert(Number.isInteger(value) && value >= min && value <= max, `${name} is ${value}, expected ${min} to ${max}`);
}
