/**
 * Header blocks: assembles them from HEADERS and CONTINUATION frames, decodes and validates them, and caches the results, because most
 * requests of a connection repeat the bytes of the one before.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import { calmError } from "./frames.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import type { HeaderField } from "./http2.ts";
import type { Http2Limits } from "./limits.ts";
import { areTrailers, type CheckedHeaders, checkRequest } from "./request_headers.ts";

/** Blocks cached per connection; a power of two. */
const CACHE_SLOTS = 8;
/** Memory kept for the next block that takes several frames. */
const IDLE_BYTES_MAX = 16_384;
/** Longer blocks are not cached. */
const CACHED_BLOCK_BYTES_MAX = 1024;

/** A block and its meaning. The block that replaces it reuses the memory. */
interface CachedBlock {
  bytes: Uint8Array;
  length: number;
  generation: number;
  headers: CheckedHeaders;
}

/** Decodes the header blocks of one connection, in their order. */
export class HeaderBlocks {
  readonly #limits: Http2Limits;
  readonly #decoder: HpackDecoder;
  readonly #cache: CachedBlock[] = [];
  #cacheNext = 0;
  #fragments: Uint8Array = new Uint8Array(0);
  #length = 0;
  #continuations = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
    this.#decoder = new HpackDecoder({
      tableBytesMax: limits.headerTableBytesMax,
      listBytesMax: limits.headerListBytesMax,
      fieldsMax: limits.headerFieldsMax,
    });
  }

  /** The peer has acknowledged our SETTINGS. */
  settingsAcknowledged(): void {
    this.#decoder.settingsAcknowledged();
  }

  /** Begins a block that continues in CONTINUATION frames. */
  begin(fragment: Span): void {
    this.#length = 0;
    this.#continuations = 0;
    this.#append(fragment);
  }

  /**
   * Adds a CONTINUATION frame's fragment.
   *
   * @throws {ConnectionError} ENHANCE_YOUR_CALM for too many frames or bytes.
   */
  continue(fragment: Span): void {
    if (++this.#continuations > this.#limits.continuationsMax) {
      throw calmError(`Header block has more than ${this.#limits.continuationsMax} CONTINUATION frames`);
    }
    this.#append(fragment);
  }

  /** The assembled block; borrowed until the next {@link begin} or {@link release}. */
  whole(): Span {
    return { bytes: this.#fragments, start: 0, end: this.#length };
  }

  /** The assembled block is not needed any more. */
  release(): void {
    if (this.#fragments.length > IDLE_BYTES_MAX) this.#fragments = new Uint8Array(0);
  }

  /**
   * Decodes and validates a request's block.
   *
   * @throws {ConnectionError} COMPRESSION_ERROR.
   */
  decodeRequest(span: Span): CheckedHeaders | "malformed" | "too large" {
    const generation = this.#decoder.generation;
    const cached = this.#find(span, generation);
    if (cached !== undefined) return cached;
    const block = span.bytes.subarray(span.start, span.end);
    const fields = this.#decoder.decode(block);
    if (fields === undefined) return "too large";
    const headers = checkRequest(fields);
    if (headers === undefined) return "malformed";
    if (this.#decoder.generation === generation && block.length <= CACHED_BLOCK_BYTES_MAX) {
      this.#remember(block, { generation, headers });
    }
    return headers;
  }

  /**
   * Decodes and validates trailers.
   *
   * @throws {ConnectionError} COMPRESSION_ERROR.
   */
  decodeTrailers(span: Span): readonly HeaderField[] | "malformed" | "too large" {
    const fields = this.#decoder.decode(span.bytes.subarray(span.start, span.end));
    if (fields === undefined) return "too large";
    return areTrailers(fields) ? fields : "malformed";
  }

  #find(span: Span, generation: number): CheckedHeaders | undefined {
    for (let i = 0; i < this.#cache.length; i++) {
      const entry = this.#cache[i] as CachedBlock;
      if (entry.generation === generation && isSame(entry, span)) return entry.headers;
    }
    return undefined;
  }

  #remember(block: Uint8Array, meaning: { generation: number; headers: CheckedHeaders }): void {
    const slot = this.#cache[this.#cacheNext];
    if (slot === undefined || slot.bytes.length < block.length) {
      this.#cache[this.#cacheNext] = { bytes: block.slice(), length: block.length, ...meaning };
    } else {
      slot.bytes.set(block);
      slot.length = block.length;
      slot.generation = meaning.generation;
      slot.headers = meaning.headers;
    }
    this.#cacheNext = (this.#cacheNext + 1) & (CACHE_SLOTS - 1);
  }

  #append(fragment: Span): void {
    const { bytes, start, end } = fragment;
    const length = this.#length + end - start;
    if (length > this.#limits.headerBlockBytesMax) {
      throw calmError(`Header block is larger than ${this.#limits.headerBlockBytesMax} bytes`);
    }
    if (length > this.#fragments.length) {
      const grown = new Uint8Array(Math.min(Math.max(length * 2, 1024), this.#limits.headerBlockBytesMax));
      grown.set(this.#fragments.subarray(0, this.#length));
      this.#fragments = grown;
    }
    this.#fragments.set(bytes.subarray(start, end), this.#length);
    this.#length = length;
  }
}

/** Compares from the end, where most differences between requests are: deadlines, ids of traces. */
function isSame(cached: CachedBlock, span: Span): boolean {
  const { bytes, start } = span;
  if (cached.length !== span.end - start) return false;
  for (let i = cached.length - 1; i >= 0; i--) if (cached.bytes[i] !== bytes[start + i]) return false;
  return true;
}
