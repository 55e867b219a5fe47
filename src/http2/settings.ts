/**
 * The payloads of SETTINGS frames: encodes ours, decodes and checks the peer's (RFC 9113 section 6.5).
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import {
  ConnectionError,
  ERROR_CODE,
  FRAME_BYTES_DEFAULT,
  FRAME_BYTES_MAX,
  frameSizeError,
  protocolError,
  readUint32,
  SETTING,
  WINDOW_BYTES_MAX,
  writeUint32,
} from "./frames.ts";
import type { Http2Limits } from "./limits.ts";

/** Bytes of one setting on the wire. */
export const SETTING_BYTES = 6;

/** One entry of a SETTINGS frame. */
export interface Setting {
  readonly id: number;
  readonly value: number;
}

/** Encodes the limits that the peer must know as the payload of a SETTINGS frame. */
export function encodeSettings(limits: Http2Limits): Uint8Array {
  const settings = [
    [SETTING.HEADER_TABLE_SIZE, limits.headerTableBytesMax],
    [SETTING.MAX_CONCURRENT_STREAMS, limits.streamsMax],
    [SETTING.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
    [SETTING.MAX_FRAME_SIZE, limits.frameBytesMax],
    [SETTING.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
  ] as const;
  const payload = new Uint8Array(settings.length * SETTING_BYTES);
  settings.forEach(([id, value], i) => {
    payload[i * SETTING_BYTES + 1] = id;
    writeUint32(payload, i * SETTING_BYTES + 2, { value });
  });
  return payload;
}

/**
 * Decodes a SETTINGS frame's payload, in its order; unknown settings are included.
 *
 * @throws {ConnectionError} for a payload or a value that RFC 9113 does not allow.
 */
export function decodeSettings({ bytes, start, end }: Span): readonly Setting[] {
  if ((end - start) % SETTING_BYTES !== 0) throw frameSizeError("SETTINGS frame ends inside an entry");
  const settings: Setting[] = [];
  for (let at = start; at < end; at += SETTING_BYTES) {
    const setting = { id: ((bytes[at] as number) << 8) | (bytes[at + 1] as number), value: readUint32(bytes, at + 2) };
    check(setting);
    settings.push(setting);
  }
  return settings;
}

/** The error for an initial window that takes a stream's window out of its range. */
export function windowRangeError(): ConnectionError {
  return new ConnectionError(
    ERROR_CODE.FLOW_CONTROL_ERROR,
    "SETTINGS_INITIAL_WINDOW_SIZE opens a window above 2^31 - 1",
  );
}

function check({ id, value }: Setting): void {
  if (id === SETTING.ENABLE_PUSH) {
    if (value > 1) throw protocolError("SETTINGS_ENABLE_PUSH is neither 0 nor 1");
  } else if (id === SETTING.INITIAL_WINDOW_SIZE) {
    if (value > WINDOW_BYTES_MAX) throw windowRangeError();
  } else if (id === SETTING.MAX_FRAME_SIZE) {
    if (value < FRAME_BYTES_DEFAULT || value > FRAME_BYTES_MAX) {
      throw protocolError("SETTINGS_MAX_FRAME_SIZE is out of range");
    }
  }
}
