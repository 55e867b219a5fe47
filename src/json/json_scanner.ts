/**
 * The first of two passes over a request's JSON: is it JSON at all, where are the members asked for, how long is each array.
 * What it lets through can be read without checking anything again.
 *
 * Grammar, tolerances and sentences are those of RapidJSON as TensorFlow Serving calls it (tensorflow_serving/util/json_tensor.cc,
 * `ParseJson`): `NaN`, `Inf` and `Infinity` are numbers, what follows the document is ignored, depth has no bound.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { decodeString } from "./json_string.ts";
import {
  CHARACTER,
  isDigit,
  isEnd,
  parseError,
  scanNumber,
  scanScalar,
  scanString,
  skipDigits,
  skipSpace,
} from "./json_syntax.ts";

/** A place in a document from which a value can be read. */
export interface JsonPlace {
  /** Where the value's first character is. */
  readonly position: number;
  /** How many arrays open before it. */
  readonly arrayIndex: number;
}

/** A document that is well formed. */
export interface JsonDocument {
  /** The text in UTF-8; borrowed. */
  readonly bytes: Uint8Array;
  readonly root: JsonPlace;
  /** The values of the root's members that were asked for; of equal names the first. */
  readonly members: ReadonlyMap<string, JsonPlace>;
  /** How many elements each array has, in the order in which they open; valid until the next document is scanned on this thread. */
  readonly arraySizes: Uint32Array;
}

const { SPACE, QUOTE, COMMA, MINUS, DOT, ZERO, COLON, LEFT_BRACKET, RIGHT_BRACKET, LOWER_E, LEFT_BRACE, RIGHT_BRACE } =
  CHARACTER;
/** What an upper-case letter and its lower-case twin differ in. */
const CASE_BIT = 0x20;
/** A number with fewer digits and no exponent is not too big for a double. */
const PLAIN_CHARACTERS_MAX = 300;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
/** A name longer than this, escapes and all, is none that is asked for. */
const NAME_BYTES_MAX = 256;
/** Marks an object on the stack of what is open; an array is marked by its index. */
const OBJECT = -1;
/** Longer lists than this are given back before the next document. */
const KEPT_MAX = 1 << 18;
const STACK_START = 32;
const SIZES_START = 64;

/**
 * Checks a document and notes what the second pass needs.
 *
 * @param bytes the text; borrowed by the result.
 * @param memberNames of the root's members that are wanted.
 * @throws {ServingError} INVALID_ARGUMENT `JSON Parse error: … at offset: …`.
 */
export function scanJson(bytes: Uint8Array, memberNames: readonly string[]): JsonDocument {
  if (bytes.length === 0) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "JSON Parse error: The document is empty");
  }
  try {
    return scanner.scan(bytes, memberNames);
  } finally {
    scanner.close();
  }
}

const NOTHING = new Uint8Array(0);

class Scanner {
  #bytes = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #memberNames: readonly string[] = [];
  #members = new Map<string, JsonPlace>();
  #open = new Int32Array(STACK_START);
  #depth = 0;
  #arraySizes = new Uint32Array(SIZES_START);
  #arrayCount = 0;

  scan(bytes: Uint8Array, memberNames: readonly string[]): JsonDocument {
    this.#begin(bytes as Uint8Array<ArrayBuffer>, memberNames);
    const hasMark = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte);
    const start = skipSpace(bytes, hasMark ? BYTE_ORDER_MARK.length : 0);
    if (isEnd(bytes, start)) throw parseError("The document is empty.", start);
    this.#scanValue(start);
    return {
      bytes,
      root: { position: start, arrayIndex: 0 },
      members: this.#members,
      arraySizes: this.#arraySizes.subarray(0, this.#arrayCount),
    };
  }

  /** Lets go of the document. */
  close(): void {
    this.#begin(NOTHING, []);
  }

  #begin(bytes: Uint8Array<ArrayBuffer>, memberNames: readonly string[]): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#memberNames = memberNames;
    this.#members = new Map();
    this.#depth = 0;
    this.#arrayCount = 0;
    if (this.#open.length > KEPT_MAX) this.#open = new Int32Array(STACK_START);
    if (this.#arraySizes.length > KEPT_MAX) this.#arraySizes = new Uint32Array(SIZES_START);
  }

  /** Goes over one value and all it holds: a loop with a stack of its own, since a document may be as deep as it is long. */
  #scanValue(start: number): void {
    const bytes = this.#bytes;
    let at = start;
    do {
      const character = bytes[at];
      if (character === LEFT_BRACKET) {
        const array = this.#newArray();
        this.#enter(array);
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== RIGHT_BRACKET) {
          this.#arraySizes[array] = 1;
          continue;
        }
      } else if (character === LEFT_BRACE) {
        this.#enter(OBJECT);
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== RIGHT_BRACE) {
          at = this.#scanName(at);
          continue;
        }
      } else {
        at = isDigit(character) || character === MINUS ? this.#scanNumbers(at) : scanScalar(bytes, at);
      }
      at = this.#scanAfterValue(at);
    } while (this.#depth > 0);
  }

  /** Goes over a number, and in an array over those behind it: most of a request is made of them. */
  #scanNumbers(start: number): number {
    const bytes = this.#bytes;
    const open = this.#depth > 0 ? this.#open[this.#depth - 1] as number : OBJECT;
    let at = this.#scanNumber(start);
    if (open === OBJECT) return at;
    let count = 0;
    while (bytes[at] === COMMA) {
      const next = bytes[at + 1] === SPACE ? at + 2 : at + 1;
      if (!isDigit(bytes[next]) && bytes[next] !== MINUS) break;
      at = this.#scanNumber(next);
      count++;
    }
    this.#arraySizes[open] = (this.#arraySizes[open] as number) + count;
    return at;
  }

  /** Goes over a number of digits and perhaps a point among them; what looks otherwise is looked at in full. */
  #scanNumber(start: number): number {
    const bytes = this.#bytes;
    const first = bytes[start] === MINUS ? start + 1 : start;
    let at = skipDigits(this.#view, first);
    const whole = at - first;
    if (bytes[at] === DOT) at = skipDigits(this.#view, at + 1);
    const isPlain = whole > 0 && (whole === 1 || bytes[first] !== ZERO) && isDigit(bytes[at - 1]) &&
      at - first < PLAIN_CHARACTERS_MAX && ((bytes[at] as number) | CASE_BIT) !== LOWER_E;
    return isPlain ? at : scanNumber(bytes, start);
  }

  /** Goes on to where the next value begins, or to the end: over commas, names and the ends of what is open. */
  #scanAfterValue(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (this.#depth > 0) {
      const open = this.#open[this.#depth - 1] as number;
      at = skipSpace(bytes, at);
      const character = bytes[at];
      if (open === OBJECT) {
        if (character === COMMA) return this.#scanName(skipSpace(bytes, at + 1));
        if (character !== RIGHT_BRACE) throw parseError("Missing a comma or } after an object member.", at);
      } else if (character === COMMA) {
        this.#arraySizes[open] = (this.#arraySizes[open] as number) + 1;
        return skipSpace(bytes, at + 1);
      } else if (character !== RIGHT_BRACKET) {
        throw parseError("Missing a comma or ] after an array element.", at);
      }
      this.#depth--;
      at++;
    }
    return at;
  }

  #scanName(start: number): number {
    const bytes = this.#bytes;
    if (bytes[start] !== QUOTE) throw parseError("Missing a name for object member.", start);
    const end = scanString(bytes, start);
    const colon = skipSpace(bytes, end);
    if (bytes[colon] !== COLON) throw parseError("Missing a colon after a name of object member.", colon);
    const position = skipSpace(bytes, colon + 1);
    if (this.#depth === 1 && end - start <= NAME_BYTES_MAX) {
      const name = decodeString(bytes, start);
      if (this.#memberNames.includes(name) && !this.#members.has(name)) {
        this.#members.set(name, { position, arrayIndex: this.#arrayCount });
      }
    }
    return position;
  }

  #newArray(): number {
    if (this.#arrayCount === this.#arraySizes.length) {
      const grown = new Uint32Array(this.#arrayCount * 2);
      grown.set(this.#arraySizes);
      this.#arraySizes = grown;
    }
    this.#arraySizes[this.#arrayCount] = 0;
    return this.#arrayCount++;
  }

  #enter(container: number): void {
    if (this.#depth === this.#open.length) {
      const grown = new Int32Array(this.#depth * 2);
      grown.set(this.#open);
      this.#open = grown;
    }
    this.#open[this.#depth++] = container;
  }
}

// One document is scanned at a time, and to its end. That it is always the same object also keeps the machine code made for it.
const scanner = new Scanner();
