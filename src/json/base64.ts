/**
 * Base64 of `{"b64": …}` values (RFC 4648 section 4).
 *
 * @module
 */
import { Buffer } from "node:buffer";

/**
 * Decodes base64. Ignores white space and accepts missing padding, as Abseil's `Base64Unescape` does.
 *
 * @returns bytes owned by the caller; undefined for text that is not base64.
 */
export function decodeBase64(bytes: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  try {
    // A vertical tab is white space in C and not in JavaScript's base64.
    return Uint8Array.fromBase64(text.replaceAll("\v", ""));
  } catch {
    return undefined;
  }
}

/** Encodes bytes, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}
