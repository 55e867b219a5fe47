/**
 * The grammar of JSON's scalars as RapidJSON has it: each function goes over one of them and says where it ends.
 *
 * Behind the end of the text there is `undefined`, which no comparison here takes for a character; so nothing asks how long the
 * text is. A zero byte counts as the end, as it does there.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** The characters that mean something. */
export const CHARACTER = {
  SPACE: 0x20,
  QUOTE: 0x22,
  PLUS: 0x2b,
  COMMA: 0x2c,
  MINUS: 0x2d,
  DOT: 0x2e,
  SLASH: 0x2f,
  ZERO: 0x30,
  NINE: 0x39,
  COLON: 0x3a,
  UPPER_I: 0x49,
  UPPER_N: 0x4e,
  LEFT_BRACKET: 0x5b,
  BACKSLASH: 0x5c,
  RIGHT_BRACKET: 0x5d,
  LOWER_B: 0x62,
  LOWER_E: 0x65,
  LOWER_F: 0x66,
  LOWER_I: 0x69,
  LOWER_N: 0x6e,
  LOWER_R: 0x72,
  LOWER_T: 0x74,
  LOWER_U: 0x75,
  LEFT_BRACE: 0x7b,
  RIGHT_BRACE: 0x7d,
} as const;

/** What each letter stands for behind a backslash. */
export const ESCAPES: ReadonlyMap<number, number> = new Map([
  [CHARACTER.QUOTE, CHARACTER.QUOTE],
  [CHARACTER.BACKSLASH, CHARACTER.BACKSLASH],
  [CHARACTER.SLASH, CHARACTER.SLASH],
  [CHARACTER.LOWER_B, 0x08],
  [CHARACTER.LOWER_F, 0x0c],
  [CHARACTER.LOWER_N, 0x0a],
  [CHARACTER.LOWER_R, 0x0d],
  [CHARACTER.LOWER_T, 0x09],
]);

/** What an upper-case letter and its lower-case twin differ in. */
const CASE_BIT = 0x20;
/** Digits a number needs, exponent or not, before it can be too big for a double. */
const BIG_EXPONENT_DIGITS = 3;
const BIG_NUMBER_CHARACTERS = 309;

const TRUE = bytesOf("true");
const FALSE = bytesOf("false");
const NULL = bytesOf("null");
const NAN = bytesOf("NaN");
const INF = bytesOf("Inf");
const INFINITY_REST = bytesOf("inity");

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A failure to parse, in RapidJSON's words (rapidjson/error/en.h) and TensorFlow Serving's frame. */
export function parseError(reason: string, offset: number): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `JSON Parse error: ${reason} at offset: ${offset}`);
}

/** The first position from `at` on that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  while (true) {
    const character = bytes[at];
    if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) return at;
    at++;
  }
}

/** Whether the text ends at a position. */
export function isEnd(bytes: Uint8Array, at: number): boolean {
  return at >= bytes.length || bytes[at] === 0;
}

/**
 * Goes over a string, a number or a word.
 *
 * @returns the position behind it.
 * @throws {ServingError} INVALID_ARGUMENT when there is none.
 */
export function scanScalar(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case CHARACTER.QUOTE:
      return scanString(bytes, at);
    case CHARACTER.LOWER_T:
      return scanWord(bytes, at, TRUE);
    case CHARACTER.LOWER_F:
      return scanWord(bytes, at, FALSE);
    case CHARACTER.LOWER_N:
      return scanWord(bytes, at, NULL);
    default:
      return scanNumber(bytes, at);
  }
}

function scanWord(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) {
    if (bytes[at + i] !== word[i]) throw parseError("Invalid value.", at + i);
  }
  return at + word.length;
}

/** Whether a character is a digit. */
export function isDigit(character: number | undefined): boolean {
  return (character as number) >= 0x30 && (character as number) <= 0x39;
}

/** The first position from `at` on that is no digit; looked for four at a time. */
export function skipDigits(view: DataView, at: number): number {
  const last = view.byteLength - 4;
  while (at <= last && areDigits(view.getInt32(at, true))) at += 4;
  while (at < view.byteLength && isDigit(view.getUint8(at))) at++;
  return at;
}

/** Whether four bytes are digits, each of them: 0x30 to 0x39. */
export function areDigits(word: number): boolean {
  return ((word & 0xf0f0f0f0) | ((word + 0x06060606) & 0xf0f0f0f0) >>> 4) === 0x33333333;
}

/** The number that four digits stand for, the first of them in the lowest byte. */
export function valueOfDigits(word: number): number {
  const pairs = (Math.imul(word & 0x000f000f, 10) + (word >>> 8 & 0x000f000f)) | 0;
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16);
}

/** Goes over a number; `NaN`, `Inf` and `Infinity` are numbers too. */
export function scanNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === CHARACTER.MINUS) at++;
  if (bytes[at] === CHARACTER.ZERO) {
    at++;
  } else if (isDigit(bytes[at])) {
    do at++; while (isDigit(bytes[at]));
  } else {
    return scanNonFinite(bytes, at);
  }
  if (bytes[at] === CHARACTER.DOT) {
    at++;
    if (!isDigit(bytes[at])) throw parseError("Miss fraction part in number.", at);
    do at++; while (isDigit(bytes[at]));
  }
  let isMaybeBig = at - start >= BIG_NUMBER_CHARACTERS;
  if (((bytes[at] as number) | CASE_BIT) === CHARACTER.LOWER_E) {
    at++;
    const isNegative = bytes[at] === CHARACTER.MINUS;
    if (isNegative || bytes[at] === CHARACTER.PLUS) at++;
    if (!isDigit(bytes[at])) throw parseError("Miss exponent in number.", at);
    const digits = at;
    do at++; while (isDigit(bytes[at]));
    isMaybeBig ||= !isNegative && at - digits >= BIG_EXPONENT_DIGITS;
  }
  if (isMaybeBig && !Number.isFinite(Number(asciiText(bytes, start, at)))) {
    throw parseError("Number too big to be stored in double.", start);
  }
  return at;
}

function scanNonFinite(bytes: Uint8Array, at: number): number {
  if (bytes[at] === CHARACTER.UPPER_N) return scanWord(bytes, at, NAN);
  if (bytes[at] !== CHARACTER.UPPER_I) throw parseError("Invalid value.", at);
  const end = scanWord(bytes, at, INF);
  return bytes[end] === CHARACTER.LOWER_I ? scanWord(bytes, end, INFINITY_REST) : end;
}

/** The text of bytes that are all ASCII. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** Goes over a string, quotes and all. Bytes that are not UTF-8 are let through, as they are there. */
export function scanString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (true) {
    const character = bytes[at];
    if (character === CHARACTER.QUOTE) return at + 1;
    if (character === CHARACTER.BACKSLASH) {
      at = scanEscape(bytes, at);
    } else if (character === undefined || character === 0) {
      throw parseError("Missing a closing quotation mark in string.", at);
    } else if (character < CHARACTER.SPACE) {
      throw parseError("Invalid encoding in string.", at);
    } else {
      at++;
    }
  }
}

function scanEscape(bytes: Uint8Array, at: number): number {
  const letter = bytes[at + 1] as number;
  if (ESCAPES.has(letter)) return at + 2;
  if (letter !== CHARACTER.LOWER_U) throw parseError("Invalid escape character in string.", at);
  const unit = readHex4(bytes, at + 2);
  if (unit === undefined) throw parseError("Incorrect hex digit after \\u escape in string.", at);
  if (!isSurrogate(unit)) return at + 6;
  if (unit >= 0xdc00 || bytes[at + 6] !== CHARACTER.BACKSLASH || bytes[at + 7] !== CHARACTER.LOWER_U) {
    throw parseError("The surrogate pair in string is invalid.", at);
  }
  const second = readHex4(bytes, at + 8);
  if (second === undefined) throw parseError("Incorrect hex digit after \\u escape in string.", at);
  if (second < 0xdc00 || second > 0xdfff) throw parseError("The surrogate pair in string is invalid.", at);
  return at + 12;
}

/** Whether a code unit of UTF-16 is half of a pair. */
export function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** The number four hexadecimal digits stand for; undefined where there are none. */
export function readHex4(bytes: Uint8Array, at: number): number | undefined {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const digit = hexDigit(bytes[at + i] as number);
    if (digit === undefined) return undefined;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(character: number): number | undefined {
  if (isDigit(character)) return character - CHARACTER.ZERO;
  const lower = character | CASE_BIT;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
