/**
 * The limits of a connection: what is announced to the peer, what it may cost, and how long it may take.
 *
 * @module
 */
import { assert } from "../base/status.ts";
import { FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX } from "./frames.ts";

/** Limits of one connection. A time of 0 disables its check. */
export interface Http2Limits {
  /** Streams open at a time (SETTINGS_MAX_CONCURRENT_STREAMS); more are refused with REFUSED_STREAM. */
  readonly streamsMax: number;
  /** Payload of one frame the peer may send (SETTINGS_MAX_FRAME_SIZE), 16,384 to 16,777,215. */
  readonly frameBytesMax: number;
  /** Data that one stream may receive ahead of its consumption (SETTINGS_INITIAL_WINDOW_SIZE), at least 65,535. */
  readonly streamWindowBytes: number;
  /** Data that all streams may receive ahead of the layer above, at least 65,535. */
  readonly connectionWindowBytes: number;

  /** Size of a header list after decompression (SETTINGS_MAX_HEADER_LIST_SIZE); larger ones are refused. */
  readonly headerListBytesMax: number;
  /** Fields in a header list; longer ones are refused. */
  readonly headerFieldsMax: number;
  /** Size of HPACK's dynamic table for the peer's headers (SETTINGS_HEADER_TABLE_SIZE). */
  readonly headerTableBytesMax: number;
  /** Size of a header block on the wire; a larger one ends the connection, because it must be kept to be decoded. */
  readonly headerBlockBytesMax: number;
  /** CONTINUATION frames of one header block. */
  readonly continuationsMax: number;
  /** Entries of one SETTINGS frame. */
  readonly settingsMax: number;

  /** Streams in a row that the peer resets, or that we reset for its faults, before ENHANCE_YOUR_CALM. */
  readonly resetsMax: number;
  /** How many of those are forgiven per second. */
  readonly resetsPerSecond: number;
  /** Frames in a row that do nothing for a request: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones. */
  readonly controlFramesMax: number;
  /** How many of those are forgiven per second; each HEADERS frame and each 16 bytes of data forgive a few more. */
  readonly controlFramesPerSecond: number;

  /** Frames that one connection handles before the others get a turn. */
  readonly turnFramesMax: number;
  /** Bytes that it reads and writes before that. */
  readonly turnBytesMax: number;
  /** Milliseconds that it works before that. */
  readonly turnMs: number;

  /** Bytes waiting for the socket at which reading stops and data is held back. */
  readonly outgoingBytesMax: number;
  /** Pending data of one stream beyond which `sendData` resets the stream; one message may always wait. */
  readonly streamPendingBytesMax: number;
  /** The same for all streams of the connection. */
  readonly connectionPendingBytesMax: number;
  /** Largest read buffer. The buffer grows while reads fill it, and shrinks when they no longer do. */
  readonly readBufferBytesMax: number;

  /** For the client's preface and SETTINGS to arrive, TLS handshake included. */
  readonly prefaceTimeoutMs: number;
  /** From HEADERS to the end of its header block. */
  readonly headersTimeoutMs: number;
  /** For the socket to accept the next bytes. */
  readonly writeTimeoutMs: number;
  /** For the peer to open the window of a stream with pending data; then the stream is reset. */
  readonly stallTimeoutMs: number;
  /** Without any stream; then the connection is shut down gracefully. */
  readonly idleTimeoutMs: number;
  /** Without any byte from the peer; then a PING is sent. */
  readonly keepaliveIntervalMs: number;
  /** For any byte to follow that PING. */
  readonly keepaliveTimeoutMs: number;
  /** For the peer to close the connection after our GOAWAY, so that it can read it. */
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
  headerBlockBytesMax: 131_072,
  continuationsMax: 32,
  settingsMax: 64,

  resetsMax: 1000,
  resetsPerSecond: 200,
  controlFramesMax: 10_000,
  controlFramesPerSecond: 1000,

  turnFramesMax: 256,
  turnBytesMax: 1_048_576,
  turnMs: 1,

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
