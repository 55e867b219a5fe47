/**
 * Inflates gzip and zlib data from clients, within a bound.
 *
 * @module
 */
import { promisify } from "node:util";
import { gunzip, inflate as inflateZlib } from "node:zlib";

/** The smallest gzip file: a header of 10 bytes, 2 of data, the checksum and the length. */
const FILE_BYTES_MIN = 20;

/** How data is compressed, in HTTP's words: `deflate` is the zlib format (RFC 9110 section 8.4.1.2). */
export type Coding = "gzip" | "deflate";

type InflateWithin = (file: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const INFLATE: Readonly<Record<Coding, InflateWithin>> = { gzip: promisify(gunzip), deflate: promisify(inflateZlib) };

/** The length, modulo 2^32, that a gzip file claims to inflate to (RFC 1952 section 2.3.1, ISIZE); 0 if it is no such file. */
export function statedLength(file: Uint8Array): number {
  if (file.length < FILE_BYTES_MIN) return 0;
  return new DataView(file.buffer, file.byteOffset).getUint32(file.length - 4, true);
}

/**
 * Inflates data off the event loop.
 *
 * @throws {RangeError} if it is longer than `bytesMax`; another error if it is not compressed so.
 */
export function inflate(file: Uint8Array, bytesMax: number, coding: Coding = "gzip"): Promise<Uint8Array> {
  return INFLATE[coding](file, { maxOutputLength: Math.max(1, bytesMax) });
}
