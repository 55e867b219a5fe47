/**
 * Strings of JSON texts that have been scanned: their bytes with escapes undone. Nothing is checked again.
 *
 * @module
 */
import { CHARACTER, ESCAPES, isSurrogate, readHex4 } from "./json_syntax.ts";

const decoder = new TextDecoder();

/** The position behind a string that begins at `start`. */
export function stringEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (bytes[at] !== CHARACTER.QUOTE) at += bytes[at] === CHARACTER.BACKSLASH ? 2 : 1;
  return at + 1;
}

/** The text of the string that begins at `start`; bytes that are not UTF-8 become U+FFFD. */
export function decodeString(bytes: Uint8Array, start: number): string {
  return decoder.decode(stringBytes(bytes, start, stringEnd(bytes, start)));
}

/** The bytes of the string from `start` to `end`, quotes included in both. A copy only where something was escaped. */
export function stringBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const raw = bytes.subarray(start + 1, end - 1);
  const firstEscape = raw.indexOf(CHARACTER.BACKSLASH);
  if (firstEscape < 0) return raw;
  const out = new Uint8Array(raw.length);
  out.set(raw.subarray(0, firstEscape));
  let length = firstEscape;
  let at = firstEscape;
  while (at < raw.length) {
    const character = raw[at] as number;
    if (character !== CHARACTER.BACKSLASH) {
      out[length++] = character;
      at++;
      continue;
    }
    const letter = raw[at + 1] as number;
    if (letter !== CHARACTER.LOWER_U) {
      out[length++] = ESCAPES.get(letter) as number;
      at += 2;
      continue;
    }
    let codePoint = readHex4(raw, at + 2) as number;
    at += 6;
    if (isSurrogate(codePoint)) {
      codePoint = 0x10000 + ((codePoint - 0xd800) << 10) + ((readHex4(raw, at + 2) as number) - 0xdc00);
      at += 6;
    }
    length = putCodePoint(out, length, codePoint);
  }
  return out.subarray(0, length);
}

function putCodePoint(out: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    out[at++] = codePoint;
  } else if (codePoint < 0x800) {
    out[at++] = 0xc0 | codePoint >> 6;
    out[at++] = 0x80 | codePoint & 0x3f;
  } else if (codePoint < 0x10000) {
    out[at++] = 0xe0 | codePoint >> 12;
    out[at++] = 0x80 | codePoint >> 6 & 0x3f;
    out[at++] = 0x80 | codePoint & 0x3f;
  } else {
    out[at++] = 0xf0 | codePoint >> 18;
    out[at++] = 0x80 | codePoint >> 12 & 0x3f;
    out[at++] = 0x80 | codePoint >> 6 & 0x3f;
    out[at++] = 0x80 | codePoint & 0x3f;
  }
  return at;
}
