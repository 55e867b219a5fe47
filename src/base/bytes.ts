/**
 * Runs of bytes: spans of larger arrays, and parts joined into one.
 *
 * @module
 */

/** A run of bytes inside a larger array, borrowed. Creating a view instead would cost more than most calls have bytes. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Copies the parts, one after the other, into one array. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
