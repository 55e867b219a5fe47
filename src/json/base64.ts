/**
 * Base64 as `{"b64": …}` values have it (RFC 4648 section 4).
 *
 * @module
 */
import { Buffer } from "node:buffer";

const BASE64_REGEXP = /^[A-Za-z0-9+/]*(={0,2})$/;

/**
 * Decodes base64. White space counts for nothing and padding may be left out, as with Abseil's `Base64Unescape`.
 *
 * @returns bytes of the caller's; undefined for what is no base64.
 */
export function decodeBase64(bytes: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1").replace(/\s+/g, "");
  const padding = BASE64_REGEXP.exec(text)?.[1];
  if (padding === undefined) return undefined;
  const isWhole = padding === "" ? text.length % 4 !== 1 : text.length % 4 === 0;
  return isWhole ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

/** Encodes bytes, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
