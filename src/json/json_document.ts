/**
 * A parsed JSON text whose values are addressed by their indices. Nothing is decoded before it is asked for: numbers of any size,
 * strings of any bytes.
 *
 * @module
 */
import { CHARACTER, isDigit } from "./character.ts";
import { asciiText, KIND, parseValues } from "./json_parser.ts";

/** A value's index among the values of its document; the root is 0. */
export type JsonNode = number;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The control characters that `\b`, `\f`, `\n`, `\r` and `\t` stand for, by letter. */
const CONTROL_CHARACTERS: Readonly<Record<number, number>> = {
  0x62: 0x08,
  0x66: 0x0c,
  0x6e: 0x0a,
  0x72: 0x0d,
  0x74: 0x09,
};

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * One document. Its values are valid until this thread parses the next one.
 *
 * Iterate over an array with `for (let node = array + 1; node < document.next(array); node = document.next(node))`, over an object
 * likewise: a member is its name's node, and its value is the node that follows.
 */
export class JsonDocument {
  /** The text. Strings without escapes are views of it. */
  readonly bytes: Uint8Array;
  /** The {@link KIND} of each value. */
  readonly kinds: Uint8Array;
  /** What {@link KIND} says of each value. */
  readonly numbers: Float64Array;

  /**
   * Parses a text.
   *
   * @param bytes UTF-8; borrowed.
   * @throws {ServingError} INVALID_ARGUMENT `JSON Parse error: … at offset: …`.
   */
  constructor(bytes: Uint8Array) {
    const { kinds, numbers } = parseValues(bytes);
    this.bytes = bytes;
    this.kinds = kinds;
    this.numbers = numbers;
  }

  /** The node behind a value and all it holds. */
  next(node: JsonNode): JsonNode {
    return (this.kinds[node] as number) >= KIND.FLAT_ARRAY ? this.numbers[node] as number : node + 1;
  }

  isArray(node: JsonNode): boolean {
    return this.kinds[node] === KIND.FLAT_ARRAY || this.kinds[node] === KIND.ARRAY;
  }

  isObject(node: JsonNode): boolean {
    return this.kinds[node] === KIND.OBJECT;
  }

  isString(node: JsonNode): boolean {
    return this.kinds[node] === KIND.STRING || this.kinds[node] === KIND.ESCAPED;
  }

  /** How many elements an array has. */
  size(array: JsonNode): number {
    const end = this.next(array);
    if (this.kinds[array] === KIND.FLAT_ARRAY) return end - array - 1;
    let size = 0;
    for (let node = array + 1; node < end; node = this.next(node)) size++;
    return size;
  }

  /** The value of an object's first member with a name. */
  member(object: JsonNode, name: string): JsonNode | undefined {
    const end = this.next(object);
    for (let node = object + 1; node < end; node = this.next(node + 1)) {
      if (this.isText(node, name)) return node + 1;
    }
    return undefined;
  }

  /** Whether a string is this text. Decodes nothing where both are plain ASCII. */
  isText(node: JsonNode, text: string): boolean {
    if (this.kinds[node] !== KIND.STRING) return this.text(node) === text;
    const { bytes } = this;
    const start = this.numbers[node] as number + 1;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return this.text(node) === text;
      if (bytes[start + i] !== code) return false;
    }
    return bytes[start + text.length] === CHARACTER.QUOTE;
  }

  /** True or false; undefined for any other value. */
  boolean(node: JsonNode): boolean | undefined {
    const kind = this.kinds[node];
    return kind === KIND.TRUE || kind === KIND.FALSE ? kind === KIND.TRUE : undefined;
  }

  /** A number rounded to the nearest double; undefined for any other value. `-0` keeps its sign. */
  number(node: JsonNode): number | undefined {
    const kind = this.kinds[node] as number;
    if (kind <= KIND.NUMBER) return this.numbers[node];
    return kind === KIND.LONG ? Number(this.#longText(node)) : undefined;
  }

  /** A number in the range of int64 and uint64 that is written without a point or an exponent; undefined for any other value. */
  integer(node: JsonNode): bigint | undefined {
    if (this.kinds[node] === KIND.INTEGER) return BigInt(this.numbers[node] as number);
    if (this.kinds[node] !== KIND.LONG) return undefined;
    const value = BigInt(this.#longText(node));
    return value >= INT64_MIN && value <= UINT64_MAX ? value : undefined;
  }

  #longText(node: JsonNode): string {
    const start = this.numbers[node] as number;
    let end = start + 1;
    while (isDigit(this.bytes[end])) end++;
    return asciiText(this.bytes, start, end);
  }

  /** A string's bytes: a view of the text where nothing is escaped, otherwise owned by the caller. */
  stringBytes(node: JsonNode): Uint8Array {
    const { bytes } = this;
    const start = this.numbers[node] as number;
    if (this.kinds[node] === KIND.STRING) return bytes.subarray(start + 1, bytes.indexOf(CHARACTER.QUOTE, start + 1));
    let end = start + 1;
    while (bytes[end] !== CHARACTER.QUOTE) end += bytes[end] === CHARACTER.BACKSLASH ? 2 : 1;
    const decoded = new Uint8Array(end - start);
    let length = 0;
    for (let at = start + 1; at < end;) {
      if (bytes[at] !== CHARACTER.BACKSLASH) {
        decoded[length++] = bytes[at++] as number;
      } else if (bytes[at + 1] !== CHARACTER.LOWER_U) {
        const letter = bytes[at + 1] as number;
        decoded[length++] = CONTROL_CHARACTERS[letter] ?? letter;
        at += 2;
      } else {
        // Escapes in succession may be pairs of surrogates.
        const first = at;
        while (bytes[at] === CHARACTER.BACKSLASH && bytes[at + 1] === CHARACTER.LOWER_U) at += 6;
        const text: string = JSON.parse(`"${asciiText(bytes, first, at)}"`);
        length += encoder.encodeInto(text, decoded.subarray(length)).written;
      }
    }
    return decoded.subarray(0, length);
  }

  /** A string as text; bytes that are not UTF-8 become U+FFFD. */
  text(node: JsonNode): string {
    return decoder.decode(this.stringBytes(node));
  }

  /** The string of `{"b64": "…"}`; undefined for any other value. */
  base64(node: JsonNode): Uint8Array | undefined {
    // One member: its name and its value.
    if (!this.isObject(node) || this.numbers[node] !== node + 3 || !this.isString(node + 2)) return undefined;
    return this.isText(node + 1, "b64") ? this.stringBytes(node + 2) : undefined;
  }
}
