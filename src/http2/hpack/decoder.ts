/**
 * Decodes HPACK blocks to header lists, with the dynamic table of one direction of a connection (RFC 7541). Validates the compression,
 * not the fields.
 *
 * @module
 */
import { ConnectionError, ERROR_CODE, HEADER_TABLE_BYTES_DEFAULT } from "../frames.ts";
import type { HeaderField } from "../http2.ts";
import { decodedBytesMax, decodeHuffman } from "./huffman.ts";
import { STATIC_TABLE } from "./static_table.ts";

/** The size of a field beyond its name and value (RFC 7541 section 4.1). */
const FIELD_OVERHEAD_BYTES = 32;
/** The largest length or index in a block; keeps shifts within 32 bits. */
const INTEGER_MAX = 2 ** 24;
/** The longest run of bytes for one call of `String.fromCharCode`. */
const CHUNK_BYTES = 4096;

/** Bounds of {@link HpackDecoder}. */
export interface HpackDecoderOptions {
  /** SETTINGS_HEADER_TABLE_SIZE as announced to the peer. */
  readonly tableBytesMax: number;
  /** Size of a list as in RFC 9113 section 6.5.2. A larger one is decoded to keep the table in sync, but not returned. */
  readonly listBytesMax: number;
  /** Fields of a list; the same holds for a longer one. */
  readonly fieldsMax: number;
}

/** Decodes the header blocks of one connection in their order. */
export class HpackDecoder {
  readonly #options: HpackDecoderOptions;
  /** The dynamic table as a ring: the next entry goes to `#next`, and `#count` entries precede it. */
  readonly #ring: HeaderField[] = [];
  readonly #ringSize: number;
  #next = 0;
  #count = 0;
  #tableBytes = 0;
  #tableBytesLimit = HEADER_TABLE_BYTES_DEFAULT;
  #tableBytesAllowed: number;
  #expectsSizeUpdate = false;
  #generation = 0;
  #scratch = new Uint8Array(256);
  #bytes: Uint8Array = this.#scratch;
  #at = 0;

  constructor(options: HpackDecoderOptions) {
    this.#options = options;
    this.#tableBytesAllowed = Math.max(options.tableBytesMax, HEADER_TABLE_BYTES_DEFAULT);
    this.#ringSize = Math.floor(this.#tableBytesAllowed / FIELD_OVERHEAD_BYTES) + 1;
  }

  /** Changes with the dynamic table: equal blocks of one generation decode to equal lists. */
  get generation(): number {
    return this.#generation;
  }

  /** Bytes in the dynamic table, as RFC 7541 counts them. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  /** The peer has acknowledged SETTINGS_HEADER_TABLE_SIZE: it holds from now on, and the peer must announce a shrunk table. */
  settingsAcknowledged(): void {
    this.#tableBytesAllowed = this.#options.tableBytesMax;
    if (this.#tableBytesLimit > this.#tableBytesAllowed) this.#expectsSizeUpdate = true;
  }

  /**
   * Decodes one block. Returns undefined if the list exceeds the bounds; the table stays in sync.
   *
   * @throws {ConnectionError} COMPRESSION_ERROR: no later block of this connection can be decoded.
   */
  decode(block: Uint8Array): readonly HeaderField[] | undefined {
    this.#bytes = block;
    this.#at = 0;
    this.#takeSizeUpdates();
    const { listBytesMax, fieldsMax } = this.#options;
    const fields: HeaderField[] = [];
    let listBytes = 0;
    let count = 0;
    while (this.#at < block.length) {
      const field = this.#takeField();
      listBytes += fieldBytes(field);
      if (++count <= fieldsMax && listBytes <= listBytesMax) fields.push(field);
    }
    return count <= fieldsMax && listBytes <= listBytesMax ? fields : undefined;
  }

  #takeSizeUpdates(): void {
    while (this.#at < this.#bytes.length && ((this.#bytes[this.#at] as number) & 0xe0) === 0x20) {
      const limit = this.#takeInteger(5);
      if (limit > this.#tableBytesAllowed) {
        throw compressionError(`Dynamic table size ${limit} is above the allowed ${this.#tableBytesAllowed}`);
      }
      this.#tableBytesLimit = limit;
      this.#expectsSizeUpdate = false;
      this.#generation++;
      this.#evictTo(limit);
    }
    if (this.#expectsSizeUpdate) throw compressionError("Header block lacks the dynamic table size update");
  }

  #takeField(): HeaderField {
    const first = this.#bytes[this.#at] as number;
    if (first & 0x80) return this.#fieldAt(this.#takeInteger(7));
    if (first & 0x40) {
      const field = this.#takeLiteral(6);
      this.#insert(field);
      return field;
    }
    if (first & 0x20) throw compressionError("Dynamic table size update stands after a field");
    return this.#takeLiteral(4);
  }

  #takeLiteral(prefixBits: number): HeaderField {
    const index = this.#takeInteger(prefixBits);
    const name = index === 0 ? this.#takeString() : this.#fieldAt(index).name;
    return { name, value: this.#takeString() };
  }

  #fieldAt(index: number): HeaderField {
    if (index >= 1 && index <= STATIC_TABLE.length) return STATIC_TABLE[index - 1] as HeaderField;
    const age = index - STATIC_TABLE.length;
    if (age < 1 || age > this.#count) throw compressionError(`Header table index ${index} points at nothing`);
    return this.#ring[(this.#next - age + this.#ringSize) % this.#ringSize] as HeaderField;
  }

  #insert(field: HeaderField): void {
    const bytes = fieldBytes(field);
    this.#generation++;
    this.#evictTo(this.#tableBytesLimit - bytes);
    if (bytes > this.#tableBytesLimit) return;
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) % this.#ringSize;
    this.#count++;
    this.#tableBytes += bytes;
  }

  #evictTo(limit: number): void {
    while (this.#tableBytes > limit && this.#count > 0) {
      const oldest = (this.#next - this.#count + this.#ringSize) % this.#ringSize;
      this.#tableBytes -= fieldBytes(this.#ring[oldest] as HeaderField);
      this.#ring[oldest] = NOTHING;
      this.#count--;
    }
  }

  #takeInteger(prefixBits: number): number {
    const bytes = this.#bytes;
    const prefixMax = (1 << prefixBits) - 1;
    let value = (bytes[this.#at++] as number) & prefixMax;
    if (value < prefixMax) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= bytes.length) throw compressionError("Header block ends inside an integer");
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (value <= INTEGER_MAX) return value;
      break;
    }
    throw compressionError(`Header block holds an integer above ${INTEGER_MAX}`);
  }

  #takeString(): string {
    const isHuffman = this.#at < this.#bytes.length && (this.#bytes[this.#at] as number) >= 0x80;
    if (this.#at >= this.#bytes.length) throw compressionError("Header block ends before a string");
    const length = this.#takeInteger(7);
    const start = this.#at;
    if (length > this.#bytes.length - start) throw compressionError("Header block ends inside a string");
    this.#at += length;
    const encoded = this.#bytes.subarray(start, this.#at);
    if (!isHuffman) return decodeLatin1(encoded);
    if (this.#scratch.length < decodedBytesMax(length)) this.#scratch = new Uint8Array(decodedBytesMax(length));
    const decoded = decodeHuffman(encoded, this.#scratch);
    if (decoded < 0) throw compressionError("Header block holds a string that is not Huffman code");
    return decodeLatin1(this.#scratch.subarray(0, decoded));
  }
}

const NOTHING: HeaderField = Object.freeze({ name: "", value: "" });

function fieldBytes(field: HeaderField): number {
  return field.name.length + field.value.length + FIELD_OVERHEAD_BYTES;
}

/** Decodes Latin-1: header fields define no encoding beyond ASCII (RFC 9110 section 5.5). */
function decodeLatin1(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK_BYTES) return fromCharCodes(bytes);
  let text = "";
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES) text += fromCharCodes(bytes.subarray(i, i + CHUNK_BYTES));
  return text;
}

function fromCharCodes(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, null, bytes);
}

function compressionError(sentence: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.COMPRESSION_ERROR, sentence);
}
