/**
 * SETTINGS payloads: ours as bytes, the peer's as changes to the sender (RFC 9113 section 6.5).
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
import type { StreamTable } from "./stream_table.ts";

/** Bytes of one setting. */
export const SETTING_BYTES = 6;

/** What the peer must know of our limits, as the payload of a SETTINGS frame. */
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
 * Applies a SETTINGS frame's payload, in its order; what is unknown or of no use to a server is ignored.
 *
 * @throws {ConnectionError} for a value out of range, or one that takes a stream's window out of range.
 */
export function applySettings(payload: Span, streams: StreamTable): void {
  const { bytes, start, end } = payload;
  if ((end - start) % SETTING_BYTES !== 0) throw frameSizeError("SETTINGS frame ends inside an entry");
  for (let at = start; at < end; at += SETTING_BYTES) {
    const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    applySetting({ id, value: readUint32(bytes, at + 2) }, streams);
  }
}

function applySetting(setting: { id: number; value: number }, streams: StreamTable): void {
  const { id, value } = setting;
  const { sender } = streams;
  if (id === SETTING.HEADER_TABLE_SIZE) {
    sender.setHeaderTableBytesMax(value);
  } else if (id === SETTING.ENABLE_PUSH) {
    if (value > 1) throw protocolError("SETTINGS_ENABLE_PUSH is neither 0 nor 1");
  } else if (id === SETTING.INITIAL_WINDOW_SIZE) {
    if (value > WINDOW_BYTES_MAX || !sender.setStreamWindow(value, streams.values())) {
      throw new ConnectionError(
        ERROR_CODE.FLOW_CONTROL_ERROR,
        "SETTINGS_INITIAL_WINDOW_SIZE opens a window above 2^31 - 1",
      );
    }
  } else if (id === SETTING.MAX_FRAME_SIZE) {
    if (value < FRAME_BYTES_DEFAULT || value > FRAME_BYTES_MAX) {
      throw protocolError("SETTINGS_MAX_FRAME_SIZE is out of range");
    }
    sender.setFrameBytesMax(value);
  }
}
