/**
 * Encodes header lists to HPACK blocks without state: fields of the static table by index, all others as literals that enter no table.
 * A block may be encoded once and sent on any stream of any connection.
 *
 * @module
 */
import { assert } from "../../base/status.ts";
import type { HeaderField } from "../http2.ts";
import { STATIC_TABLE } from "./static_table.ts";

const INDEXED = 0x80;
const INDEXED_PREFIX_BITS = 7;
const LITERAL_WITHOUT_INDEXING = 0x00;
const LITERAL_PREFIX_BITS = 4;
const STRING_PREFIX_BITS = 7;

const INDEX_OF_FIELD: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(({ name, value }, i) => [`${name}: ${value}`, i + 1] as const),
);
const INDEX_OF_NAME: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(({ name }, i) => [name, i + 1] as const).reverse(),
);

/**
 * Encodes a header list (RFC 7541 section 6) in its order, pseudo-header fields first. Names are in lower case; names and values have
 * characters up to U+00FF, one byte each. The caller owns the block.
 */
export function encodeHeaders(fields: readonly HeaderField[]): Uint8Array {
  const bytes: number[] = [];
  for (const { name, value } of fields) {
    const index = INDEX_OF_FIELD.get(`${name}: ${value}`);
    if (index !== undefined) {
      pushInteger(bytes, index, { first: INDEXED, prefixBits: INDEXED_PREFIX_BITS });
      continue;
    }
    const nameIndex = INDEX_OF_NAME.get(name) ?? 0;
    pushInteger(bytes, nameIndex, { first: LITERAL_WITHOUT_INDEXING, prefixBits: LITERAL_PREFIX_BITS });
    if (nameIndex === 0) pushString(bytes, name);
    pushString(bytes, value);
  }
  return Uint8Array.from(bytes);
}

function pushInteger(bytes: number[], value: number, options: { first: number; prefixBits: number }): void {
  const prefixMax = (1 << options.prefixBits) - 1;
  if (value < prefixMax) {
    bytes.push(options.first | value);
    return;
  }
  bytes.push(options.first | prefixMax);
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
}

function pushString(bytes: number[], text: string): void {
  pushInteger(bytes, text.length, { first: 0, prefixBits: STRING_PREFIX_BITS });
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    assert(code <= 0xff, `Header field text holds the character code ${code}, expected at most 255`);
    bytes.push(code);
  }
}
