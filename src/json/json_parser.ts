/**
 * Parses JSON in one pass into two flat arrays: a kind and a number for each value, in the order of the text.
 *
 * Grammar, tolerances and error sentences are RapidJSON's as TensorFlow Serving calls it (tensorflow_serving/util/json_tensor.cc,
 * `ParseJson`): `NaN`, `Inf` and `Infinity` are numbers, text after the document is ignored, a zero byte ends the text, strings may
 * hold bytes that are not UTF-8, and nesting has no bound. `JSON.parse` has none of these and needs more memory (record 0023).
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { CHARACTER, isDigit } from "./character.ts";
import { areDigits, divideByPowerOfTen, POWERS_OF_TEN, valueOfDigits } from "./decimal.ts";

/** The kinds of values. Of numbers, integers come first: a tensor of floats takes every kind up to `NUMBER`. */
export const KIND = {
  /** An integer of at most 15 digits; the number is its value. */
  INTEGER: 0,
  /** Any other number a double stands for; the number is its value. */
  NUMBER: 1,
  /** An integer of 16 to 20 digits; the number is where its text starts. */
  LONG: 2,
  /** A string without escapes; the number is where its opening quote is. */
  STRING: 3,
  /** A string with escapes; the number is where its opening quote is. */
  ESCAPED: 4,
  FALSE: 5,
  TRUE: 6,
  NULL: 7,
  /** An array without arrays and objects, followed by its elements; the number is the index behind the last of them. */
  FLAT_ARRAY: 8,
  /** Any other array, likewise. */
  ARRAY: 9,
  /** An object, followed by its members, each a string and a value; the number is the index behind the last of them. */
  OBJECT: 10,
} as const;

/** The values of one document in the order of its text. Both arrays are valid until this thread parses the next document. */
export interface ParsedValues {
  readonly kinds: Uint8Array;
  readonly numbers: Float64Array;
}

const { SPACE, QUOTE, COMMA, MINUS, PLUS, DOT, ZERO, NINE, COLON, BACKSLASH } = CHARACTER;
const { LEFT_BRACKET, RIGHT_BRACKET, LEFT_BRACE, RIGHT_BRACE } = CHARACTER;

/** Turns an upper-case letter into its lower-case twin. */
const CASE_BIT = 0x20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
const VALUES_START = 256;
/** Arrays for more values than this are freed before the next document. */
const VALUES_KEPT_MAX = 1 << 18;
/** Room added to an estimate of how many values a document has. */
const GROWTH_MARGIN = 1.1;
/** Digits are collected in two integers of nine digits each, whose sum {@link divideByPowerOfTen} rounds once. */
const HALF_FULL = 1e8;
/** Below this, a half has room for four more digits. */
const HALF_FOR_FOUR = 1e5;
const HALF_DIGITS = 9;
const SCALE_MAX = POWERS_OF_TEN.length - 1;
/** Any integer of up to 15 digits is exact in a double; 64 bits have up to 20. */
const EXACT_DIGITS = 15;
const LONG_DIGITS_MAX = 20;
const NO_OPEN = -1;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

const WORDS = Object.fromEntries(
  ["true", "false", "null", "NaN", "Inf", "inity"].map((word) => [word, new TextEncoder().encode(word)]),
) as Readonly<Record<"true" | "false" | "null" | "NaN" | "Inf" | "inity", Uint8Array>>;

/**
 * Parses a document.
 *
 * @param bytes UTF-8; borrowed only during the call.
 * @throws {ServingError} INVALID_ARGUMENT `JSON Parse error: … at offset: …`.
 */
export function parseValues(bytes: Uint8Array): ParsedValues {
  if (bytes.length === 0) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "JSON Parse error: The document is empty");
  }
  try {
    return parser.parse(bytes);
  } finally {
    parser.close();
  }
}

/**
 * Behind the end of the text, reading gives `undefined`, which no comparison here takes for a character. So no loop checks the
 * text's length.
 */
class Parser {
  #bytes = NO_BYTES;
  #view = NO_VIEW;
  #kinds = new Uint8Array(VALUES_START);
  #numbers = new Float64Array(VALUES_START);
  #count = 0;

  parse(bytes: Uint8Array): ParsedValues {
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#view = new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    this.#count = 0;
    if (this.#kinds.length > VALUES_KEPT_MAX) {
      this.#kinds = new Uint8Array(VALUES_START);
      this.#numbers = new Float64Array(VALUES_START);
    }
    const hasMark = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte);
    const start = skipSpace(bytes, hasMark ? BYTE_ORDER_MARK.length : 0);
    if (start >= bytes.length || bytes[start] === 0) throw parseError("The document is empty.", start);
    this.#parseDocument(start);
    return { kinds: this.#kinds, numbers: this.#numbers };
  }

  /** Releases the document. */
  close(): void {
    this.#bytes = NO_BYTES;
    this.#view = NO_VIEW;
  }

  /** A loop rather than a recursion: a document may nest as deep as it is long. */
  #parseDocument(start: number): void {
    const bytes = this.#bytes;
    let at = start;
    /** The innermost array or object that has not ended. Until it ends, its number is the one around it. */
    let open = NO_OPEN;
    do {
      const character = bytes[at];
      if (character === LEFT_BRACKET || character === LEFT_BRACE) {
        const isArray = character === LEFT_BRACKET;
        const outer = open;
        open = this.#count;
        if (outer !== NO_OPEN && this.#kinds[outer] === KIND.FLAT_ARRAY) this.#kinds[outer] = KIND.ARRAY;
        this.#push(isArray ? KIND.FLAT_ARRAY : KIND.OBJECT, outer, at);
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== (isArray ? RIGHT_BRACKET : RIGHT_BRACE)) {
          if (!isArray) at = this.#parseName(at);
          continue;
        }
      } else {
        at = this.#parseScalar(at);
      }
      // What follows a value: a separator and the next value, or the end of what is open.
      while (open !== NO_OPEN) {
        const isArray = this.#kinds[open] !== KIND.OBJECT;
        if (bytes[at] !== COMMA) at = skipSpace(bytes, at);
        if (bytes[at] === COMMA) {
          at++;
          // Most separators are a comma, or a comma and a space.
          if (bytes[at] === SPACE) at++;
          if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at);
          if (!isArray) at = this.#parseName(at);
          break;
        }
        if (bytes[at] !== (isArray ? RIGHT_BRACKET : RIGHT_BRACE)) {
          throw parseError(
            `Missing a comma or ${isArray ? "] after an array element" : "} after an object member"}.`,
            at,
          );
        }
        at++;
        const outer = this.#numbers[open] as number;
        this.#numbers[open] = this.#count;
        open = outer;
      }
    } while (open !== NO_OPEN);
  }

  #parseName(start: number): number {
    const bytes = this.#bytes;
    if (bytes[start] !== QUOTE) throw parseError("Missing a name for object member.", start);
    const colon = skipSpace(bytes, this.#parseString(start));
    if (bytes[colon] !== COLON) throw parseError("Missing a colon after a name of object member.", colon);
    return skipSpace(bytes, colon + 1);
  }

  #parseScalar(at: number): number {
    switch (this.#bytes[at]) {
      case QUOTE:
        return this.#parseString(at);
      case CHARACTER.LOWER_T:
        return this.#parseWord(at, WORDS.true, KIND.TRUE, 1);
      case CHARACTER.LOWER_F:
        return this.#parseWord(at, WORDS.false, KIND.FALSE, 0);
      case CHARACTER.LOWER_N:
        return this.#parseWord(at, WORDS.null, KIND.NULL, 0);
      default:
        return this.#parseNumber(at);
    }
  }

  #parseWord(at: number, word: Uint8Array, kind: number, number: number): number {
    const end = this.#skipWord(at, word);
    this.#push(kind, number, at);
    return end;
  }

  #skipWord(at: number, word: Uint8Array): number {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[at + i] !== word[i]) throw parseError("Invalid value.", at + i);
    }
    return at + word.length;
  }

  #parseString(start: number): number {
    const bytes = this.#bytes;
    let kind: number = KIND.STRING;
    let at = this.#skipPlain(start + 1);
    for (let character = bytes[at]; character !== QUOTE; character = bytes[at]) {
      if (character === BACKSLASH) {
        kind = KIND.ESCAPED;
        at = skipEscape(bytes, at);
      } else if (character === undefined || character === 0) {
        throw parseError("Missing a closing quotation mark in string.", at);
      } else if (character < SPACE) {
        throw parseError("Invalid encoding in string.", at);
      } else {
        at = this.#skipPlain(at + 1);
      }
    }
    this.#push(kind, start, start);
    return at + 1;
  }

  /** Goes over characters of a string that are no quotes, backslashes or control characters, four at a time. */
  #skipPlain(start: number): number {
    const view = this.#view;
    const last = view.byteLength - 4;
    let at = start;
    for (; at <= last; at += 4) {
      const word = view.getInt32(at, true);
      const quotes = word ^ 0x22222222;
      const backslashes = word ^ 0x5c5c5c5c;
      // A byte borrows from its upper bit where it is 0, or in the third term below a space.
      const found = ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) |
        ((word - 0x20202020) & ~word);
      if ((found & 0x80808080) !== 0) break;
    }
    return at;
  }

  #parseNumber(start: number): number {
    const bytes = this.#bytes;
    const isNegative = bytes[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    if (!isDigit(bytes[first])) return this.#parseNonFinite(start, first);
    const view = this.#view;
    const lastWord = view.byteLength - 4;
    let high = 0;
    let low = 0;
    let lowDigits = 0;
    let dot = -1;
    let at = first;
    let character = bytes[at] as number;
    // No digit follows a leading zero.
    if (character === ZERO && isDigit(bytes[at + 1])) at++;
    else {
      while (high < HALF_FULL) {
        if (character >= ZERO && character <= NINE) {
          high = Math.imul(high, 10) + (character - ZERO);
          at++;
        } else if (character === DOT && dot < 0) {
          dot = at++;
        } else {
          break;
        }
        if (high < HALF_FOR_FOUR && dot >= 0 && at <= lastWord) {
          const word = view.getInt32(at, true);
          if (areDigits(word)) {
            high = Math.imul(high, 10_000) + valueOfDigits(word);
            at += 4;
          }
        }
        character = bytes[at] as number;
      }
      if (high >= HALF_FULL) {
        for (; lowDigits <= HALF_DIGITS - 4 && at <= lastWord; lowDigits += 4) {
          const word = view.getInt32(at, true);
          if (!areDigits(word)) break;
          low = Math.imul(low, 10_000) + valueOfDigits(word);
          at += 4;
        }
        for (;; at++) {
          character = bytes[at] as number;
          if (character >= ZERO && character <= NINE) {
            if (lowDigits++ < HALF_DIGITS) low = Math.imul(low, 10) + (character - ZERO);
          } else if (character === DOT && dot < 0) {
            dot = at;
          } else {
            break;
          }
        }
      }
      if (dot === at - 1) throw parseError("Miss fraction part in number.", at);
    }
    const hasExponent = (character | CASE_BIT) === CHARACTER.LOWER_E;
    const digits = at - first;
    const scale = dot < 0 ? 0 : at - dot - 1;
    if (dot < 0 && digits > EXACT_DIGITS && digits <= LONG_DIGITS_MAX && !hasExponent) {
      this.#push(KIND.LONG, start, start);
      return at;
    }
    const isShort = lowDigits <= HALF_DIGITS && scale <= SCALE_MAX && !hasExponent;
    const magnitude = isShort ? divideByPowerOfTen(high * (POWERS_OF_TEN[lowDigits] as number), low, scale) : NaN;
    if (magnitude !== magnitude) return this.#parseLongNumber(start, at);
    this.#push(dot < 0 ? KIND.INTEGER : KIND.NUMBER, isNegative ? -magnitude : magnitude, start);
    return at;
  }

  /** A number of any length, whose digits end at `digitsEnd`, and perhaps an exponent. */
  #parseLongNumber(start: number, digitsEnd: number): number {
    const bytes = this.#bytes;
    let at = digitsEnd;
    if (((bytes[at] as number) | CASE_BIT) === CHARACTER.LOWER_E) {
      at++;
      if (bytes[at] === MINUS || bytes[at] === PLUS) at++;
      if (!isDigit(bytes[at])) throw parseError("Miss exponent in number.", at);
      while (isDigit(bytes[at])) at++;
    }
    const value = Number(asciiText(bytes, start, at));
    if (!Number.isFinite(value)) throw parseError("Number too big to be stored in double.", start);
    this.#push(KIND.NUMBER, value, start);
    return at;
  }

  #parseNonFinite(start: number, first: number): number {
    const bytes = this.#bytes;
    if (bytes[first] === CHARACTER.UPPER_N) {
      this.#push(KIND.NUMBER, NaN, start);
      return this.#skipWord(first, WORDS.NaN);
    }
    if (bytes[first] !== CHARACTER.UPPER_I) throw parseError("Invalid value.", first);
    const end = this.#skipWord(first, WORDS.Inf);
    this.#push(KIND.NUMBER, first === start ? Infinity : -Infinity, start);
    return bytes[end] === CHARACTER.LOWER_I ? this.#skipWord(end, WORDS.inity) : end;
  }

  /** @param at where the value starts, to estimate how many follow. */
  #push(kind: number, number: number, at: number): void {
    const index = this.#count++;
    if (index === this.#kinds.length) this.#grow(at);
    this.#kinds[index] = kind;
    this.#numbers[index] = number;
  }

  #grow(at: number): void {
    const { length } = this.#kinds;
    // A value and what separates it from the next take two characters, in a document that ends.
    const estimate = Math.min(
      length * (this.#bytes.length / at) * GROWTH_MARGIN,
      length + (this.#bytes.length - at) / 2,
    );
    const capacity = Math.ceil(Math.max(estimate, length * GROWTH_MARGIN));
    this.#kinds = new Uint8Array(this.#kinds.buffer.transfer(capacity));
    this.#numbers = new Float64Array(this.#numbers.buffer.transfer(capacity * Float64Array.BYTES_PER_ELEMENT));
  }
}

// One document is parsed at a time, and to its end. A single object also keeps the machine code compiled for it.
const parser = new Parser();

/** A syntax error in RapidJSON's words (rapidjson/error/en.h) and TensorFlow Serving's frame. */
function parseError(reason: string, offset: number): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `JSON Parse error: ${reason} at offset: ${offset}`);
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

function skipEscape(bytes: Uint8Array, at: number): number {
  const letter = bytes[at + 1];
  if (letter !== CHARACTER.LOWER_U) {
    if (letter !== undefined && '"\\/bfnrt'.includes(String.fromCharCode(letter))) return at + 2;
    throw parseError("Invalid escape character in string.", at);
  }
  const unit = readHex(bytes, at);
  if (unit < 0xd800 || unit > 0xdfff) return at + 6;
  if (unit < 0xdc00 && bytes[at + 6] === BACKSLASH && bytes[at + 7] === CHARACTER.LOWER_U) {
    const second = readHex(bytes, at + 6, at);
    if (second >= 0xdc00 && second <= 0xdfff) return at + 12;
  }
  throw parseError("The surrogate pair in string is invalid.", at);
}

/** The code unit of the escape at a position; `offset` is what an error reports. */
function readHex(bytes: Uint8Array, at: number, offset = at): number {
  const digits = asciiText(bytes, at + 2, at + 6);
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw parseError("Incorrect hex digit after \\u escape in string.", offset);
  return parseInt(digits, 16);
}

/** The text of ASCII bytes. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
