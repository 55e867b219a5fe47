/**
 * Reads protobuf's wire format in place: a cursor over a message's bytes. Knows field types, not messages.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** The last three bits of a tag: the wire type of the value that follows. */
export const WIRE = { VARINT: 0, FIXED64: 1, LENGTH: 2, GROUP_START: 3, GROUP_END: 4, FIXED32: 5 } as const;

/** Nesting depth of groups, as in protobuf's own parsers. */
const GROUP_DEPTH_MAX = 100;
/** Longest name, in bytes, that is looked up before it is decoded. */
const CACHED_NAME_BYTES_MAX = 64;
const NAME_CACHE_SLOTS = 512;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface CachedName {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Recent names, by their hash. Requests repeat a handful of names, and decoding costs ten times a look-up. */
const nameCache: (CachedName | undefined)[] = new Array(NAME_CACHE_SLOTS).fill(undefined);

/** The error for bytes that are not protobuf. */
export function malformedMessage(reason: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot parse message: ${reason}`);
}

/**
 * A cursor over one message. Its methods throw a {@link ServingError} INVALID_ARGUMENT if the bytes are not protobuf, and never read
 * past {@link limit}. Returned views borrow the message's bytes.
 *
 * To loop over a message's fields: `while (reader.position < reader.limit)` read a tag, read the known fields with the expected wire
 * type, and {@link skip} the rest.
 */
export class WireReader {
  /** Offset of the next byte. */
  position: number;
  /** End of the message, or of the entered part of it. */
  limit: number;
  /** The upper 32 bits of the last {@link readVarint64}, unsigned. */
  high = 0;

  constructor(readonly bytes: Uint8Array) {
    this.position = 0;
    this.limit = bytes.length;
  }

  /** A field's number and wire type: `number << 3 | wire type`. */
  readTag(): number {
    const tag = this.readUint32("a tag");
    if (tag < 8) throw malformedMessage("a field has the number 0");
    return tag;
  }

  /** The length of a delimited value. Checks that the value is complete. */
  readLength(): number {
    const length = this.readUint32("a length");
    if (length > this.limit - this.position) throw malformedMessage("a field runs past the end");
    return length;
  }

  /** A varint of at most 32 bits; `what` names it in errors. */
  readUint32(what: string): number {
    if (this.position < this.limit) {
      const byte = this.bytes[this.position] as number;
      if (byte < 0x80) {
        this.position++;
        return byte;
      }
    }
    const low = this.readVarint64();
    if (this.high !== 0) throw malformedMessage(`${what} has more than 32 bits`);
    return low;
  }

  /** Any varint: returns its lower 32 bits, unsigned, and stores the upper ones in {@link high}. */
  readVarint64(): number {
    const bytes = this.bytes;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.limit) throw malformedMessage("a number runs past the end");
      const byte = bytes[this.position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw malformedMessage("a number has more than ten bytes");
  }

  /** An int32 or an enum, signed; higher bits are dropped, as protobuf's parsers do. */
  readInt32(): number {
    return this.readVarint64() | 0;
  }

  /** A bool: whether any bit is set. */
  readBool(): boolean {
    return this.readVarint64() !== 0 || this.high !== 0;
  }

  /** An int64: a number if that is a safe integer, else a bigint. */
  readInt64(): number | bigint {
    const low = this.readVarint64();
    const number = (this.high | 0) * 0x1_0000_0000 + low;
    if (Number.isSafeInteger(number)) return number;
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(low));
  }

  /** An int64 as the nearest number; not a safe integer if inexact. */
  readInt64AsNumber(): number {
    const low = this.readVarint64();
    return (this.high | 0) * 0x1_0000_0000 + low;
  }

  /** A bytes field, as a view. */
  readView(): Uint8Array {
    const length = this.readLength();
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** A string field. Recent short strings are not decoded again. */
  readString(): string {
    return this.readText(this.readLength());
  }

  /** UTF-8 text of a length from {@link readLength}. */
  readText(length: number): string {
    const start = this.position;
    this.position = start + length;
    if (length === 0) return "";
    if (length > CACHED_NAME_BYTES_MAX) return decodeUtf8(this.bytes.subarray(start, start + length));
    const bytes = this.bytes;
    let hash = length;
    for (let i = start; i < start + length; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (NAME_CACHE_SLOTS - 1);
    const cached = nameCache[slot];
    if (cached !== undefined && equalsAt(cached.bytes, bytes, start, length)) return cached.text;
    const copy = bytes.slice(start, start + length);
    const text = decodeUtf8(copy);
    nameCache[slot] = { bytes: copy, text };
    return text;
  }

  /** Narrows {@link limit} to the sub-message that follows. Pass the result to {@link leave} when it has been read. */
  enter(): number {
    const length = this.readLength();
    const outer = this.limit;
    this.limit = this.position + length;
    return outer;
  }

  /** Restores the limit after {@link enter}. */
  leave(outer: number): void {
    this.limit = outer;
  }

  /** Skips the value that follows a tag; a group with its contents. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case WIRE.VARINT:
        this.readVarint64();
        return;
      case WIRE.FIXED64:
        this.#advance(8);
        return;
      case WIRE.LENGTH: {
        const length = this.readLength();
        this.position += length;
        return;
      }
      case WIRE.FIXED32:
        this.#advance(4);
        return;
      case WIRE.GROUP_START:
        this.#skipGroup(tag, depth + 1);
        return;
      default:
        throw malformedMessage(`a tag has the wire type ${tag & 7}`);
    }
  }

  #skipGroup(start: number, depth: number): void {
    if (depth > GROUP_DEPTH_MAX) throw malformedMessage("groups nest too deep");
    for (;;) {
      const tag = this.readTag();
      if ((tag & 7) === WIRE.GROUP_END) {
        if (tag >>> 3 === start >>> 3) return;
        throw malformedMessage("a group ends that did not begin");
      }
      this.skip(tag, depth);
    }
  }

  #advance(length: number): void {
    if (length > this.limit - this.position) throw malformedMessage("a number runs past the end");
    this.position += length;
  }
}

/** Where a field's value is, for messages too large to be read whole. */
export interface FieldHead {
  readonly field: number;
  /** Whether the value has a length of its own: a string, bytes or a sub-message. */
  readonly isDelimited: boolean;
  /** Offset of the value. */
  readonly start: number;
  /** Length of the value; it may reach past the bytes given. */
  readonly bytes: number;
}

/**
 * Reads the head of the field that `bytes` begin with.
 *
 * @param bytes at least the whole head, and the whole value unless that is delimited.
 * @throws {ServingError} INVALID_ARGUMENT if they are not protobuf.
 */
export function readFieldHead(bytes: Uint8Array): FieldHead {
  const reader = new WireReader(bytes);
  const tag = reader.readTag();
  const isDelimited = (tag & 7) === WIRE.LENGTH;
  const length = isDelimited ? reader.readUint32("a length") : 0;
  const start = reader.position;
  if (!isDelimited) reader.skip(tag);
  return { field: tag >>> 3, isDelimited, start, bytes: isDelimited ? length : reader.position - start };
}

function equalsAt(name: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (name[i] !== bytes[start + i]) return false;
  }
  return true;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "Cannot parse message: a string is not UTF-8", { cause: error });
  }
}
