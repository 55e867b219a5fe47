/**
 * Reads protobuf messages that lie in files (SavedModels, recorded requests): small ones, a field at a time. Knows no message.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** Wire types (protobuf's encoding). */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** A varint of 64 bits takes at most this many bytes. */
const VARINT_BYTES_MAX = 10;

const utf8 = new TextDecoder();

/**
 * A field's head: its number and how many bytes follow. A value without a length of its own (a varint, a fixed number) is left
 * out of account: `bytes` says how long it is too.
 */
export interface FieldHead {
  readonly field: number;
  readonly isDelimited: boolean;
  /** Where the value begins. */
  readonly start: number;
  /** How long the value is. */
  readonly bytes: number;
}

/**
 * Reads the head of the field that begins at an offset.
 *
 * @param view at least the whole head, and the whole value where that is a varint.
 * @throws {ServingError} DATA_LOSS when it is cut short or of a kind that proto3 does not write.
 */
export function readFieldHead(view: Uint8Array, offset: number): FieldHead {
  const tag = readVarint(view, offset);
  const field = Math.floor(tag.value / 8);
  switch (tag.value % 8) {
    case VARINT:
      return { field, isDelimited: false, start: tag.end, bytes: readVarint(view, tag.end).end - tag.end };
    case FIXED64:
      return { field, isDelimited: false, start: tag.end, bytes: 8 };
    case FIXED32:
      return { field, isDelimited: false, start: tag.end, bytes: 4 };
    case LENGTH: {
      const length = readVarint(view, tag.end);
      return { field, isDelimited: true, start: length.end, bytes: length.value };
    }
    default:
      throw malformed();
  }
}

function readVarint(view: Uint8Array, offset: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = view[offset + i];
    if (byte === undefined) throw malformed();
    // Numbers beyond 2^53 are inexact; nothing read here has any.
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: offset + i + 1 };
  }
  throw malformed();
}

/** The delimited fields of one message: strings and sub-messages, as views of its bytes. */
export class ProtobufMessage {
  readonly #views = new Map<number, Uint8Array[]>();

  /**
   * @param bytes borrowed by the views handed out.
   * @throws {ServingError} DATA_LOSS when they are no message.
   */
  constructor(bytes: Uint8Array) {
    for (let offset = 0; offset < bytes.length;) {
      const head = readFieldHead(bytes, offset);
      offset = head.start + head.bytes;
      if (offset > bytes.length) throw malformed();
      if (!head.isDelimited) continue;
      const views = this.#views.get(head.field);
      const view = bytes.subarray(head.start, offset);
      if (views === undefined) this.#views.set(head.field, [view]);
      else views.push(view);
    }
  }

  /** The bytes of a field, the last where there are several; undefined where there is none. */
  view(field: number): Uint8Array | undefined {
    return this.#views.get(field)?.at(-1);
  }

  /** A string; empty when absent. */
  text(field: number): string {
    return utf8.decode(this.view(field));
  }

  /** All strings of a field. */
  texts(field: number): string[] {
    return (this.#views.get(field) ?? []).map((view) => utf8.decode(view));
  }

  /** A map from strings to messages. */
  map(field: number): Map<string, ProtobufMessage> {
    const entries = (this.#views.get(field) ?? []).map((view) => new ProtobufMessage(view));
    return new Map(entries.map((entry) => [entry.text(1), new ProtobufMessage(entry.view(2) ?? new Uint8Array(0))]));
  }
}

function malformed(): ServingError {
  return new ServingError(CODE.DATA_LOSS, "The bytes are no protobuf message");
}
