/**
 * Writes JSON in the layout of RapidJSON's PrettyWriter: four spaces a level, and an array's elements on
 * a line each or all on one.
 *
 * @module
 */
import { CHARACTER } from "./character.ts";
import { NUMBER_BYTES_MAX, NumberWriter } from "./number_writer.ts";

const INDENT_SPACES = 4;
const CAPACITY_MIN = 256;
const NEW_LINE = 0x0a;
/** Numbers written between two checks of the buffer's room. */
const NUMBERS_AT_ONCE = 1024;
/** Bytes between two numbers, besides indentation. */
const SEPARATOR_BYTES = 2;
/** A level of nesting is one number: its count of values so far, plus this in an array. */
const IN_ARRAY = 2 ** 40;

const encoder = new TextEncoder();
/** The letters behind a backslash for the control characters that have one. */
const SHORT_ESCAPES: Readonly<Record<number, string>> = { 0x08: "b", 0x09: "t", 0x0a: "n", 0x0c: "f", 0x0d: "r" };

/** Writes the number with an index. */
export type PutNumber = (numbers: NumberWriter, index: number) => void;

/** Builds one JSON text. Values, names and brackets are written in the order of the text. */
export class JsonWriter {
  /** Whether arrays started and elements written from now on share a line: `[1, 2]`. */
  isSingleLine = false;
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #levels: number[] = [];
  readonly #numbers = new NumberWriter();

  constructor(capacity = CAPACITY_MIN) {
    this.#bytes = new Uint8Array(Math.max(capacity, CAPACITY_MIN));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Returns the text, owned by the caller. The writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  startObject(): void {
    this.#beginValue();
    this.#levels.push(0);
    this.#putByte(CHARACTER.LEFT_BRACE);
  }

  endObject(): void {
    if (this.#levels.pop() !== 0) this.#putNewLine();
    this.#putByte(CHARACTER.RIGHT_BRACE);
  }

  startArray(): void {
    this.#beginValue();
    this.#levels.push(IN_ARRAY);
    this.#putByte(CHARACTER.LEFT_BRACKET);
  }

  endArray(): void {
    if (this.#levels.pop() !== IN_ARRAY && !this.isSingleLine) this.#putNewLine();
    this.#putByte(CHARACTER.RIGHT_BRACKET);
  }

  /** Writes the name of an object's next member. */
  name(text: string): void {
    this.string(encoder.encode(text));
  }

  /** Writes a string value of any bytes; those that are not UTF-8 stay as they are. */
  string(bytes: Uint8Array): void {
    this.#beginValue();
    this.#putByte(CHARACTER.QUOTE);
    let written = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte >= CHARACTER.SPACE && byte !== CHARACTER.QUOTE && byte !== CHARACTER.BACKSLASH) continue;
      this.#putBytes(bytes.subarray(written, i));
      this.#putEscape(byte);
      written = i + 1;
    }
    this.#putBytes(bytes.subarray(written));
    this.#putByte(CHARACTER.QUOTE);
  }

  /** Writes a number or a word given as ASCII text. */
  raw(text: string): void {
    this.#beginValue();
    const room = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) room[this.#length++] = text.charCodeAt(i);
  }

  /**
   * Writes numbers: elements of the open array, or the one next value.
   *
   * @param put called for each of `count` indices from `from` on.
   */
  numbers({ from, count }: { from: number; count: number }, put: PutNumber): void {
    const end = from + count;
    for (let start = from; start < end; start += NUMBERS_AT_ONCE) {
      this.#putNumbers(start, { end: Math.min(start + NUMBERS_AT_ONCE, end), put });
    }
  }

  #putNumbers(from: number, { end, put }: { end: number; put: PutNumber }): void {
    this.#beginValue();
    const depth = this.#levels.length;
    const spaces = this.isSingleLine ? 0 : depth * INDENT_SPACES;
    const numbers = this.#numbers;
    numbers.attach(this.#reserve((end - from) * (NUMBER_BYTES_MAX + SEPARATOR_BYTES + spaces)), this.#length);
    put(numbers, from);
    for (let index = from + 1; index < end; index++) {
      numbers.byte(CHARACTER.COMMA);
      numbers.byte(this.isSingleLine ? CHARACTER.SPACE : NEW_LINE);
      for (let i = 0; i < spaces; i++) numbers.byte(CHARACTER.SPACE);
      put(numbers, index);
    }
    this.#length = numbers.position;
    if (end - from > 1) this.#levels[depth - 1] = (this.#levels[depth - 1] as number) + end - from - 1;
  }

  /** Writes the separator and the indentation before the next value. */
  #beginValue(): void {
    const depth = this.#levels.length;
    if (depth === 0) return;
    const level = this.#levels[depth - 1] as number;
    this.#levels[depth - 1] = level + 1;
    if (level >= IN_ARRAY) {
      if (level > IN_ARRAY) this.#putByte(CHARACTER.COMMA);
      if (!this.isSingleLine) this.#putNewLine();
      else if (level > IN_ARRAY) this.#putByte(CHARACTER.SPACE);
    } else if (level % 2 === 1) {
      this.#putByte(CHARACTER.COLON);
      this.#putByte(CHARACTER.SPACE);
    } else {
      if (level > 0) this.#putByte(CHARACTER.COMMA);
      this.#putNewLine();
    }
  }

  /** Returns the buffer, with room for `byteCount` more. */
  #reserve(byteCount: number): Uint8Array {
    const needed = this.#length + byteCount;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  #putByte(byte: number): void {
    this.#reserve(1)[this.#length++] = byte;
  }

  #putBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #putNewLine(): void {
    const spaces = this.#levels.length * INDENT_SPACES;
    const room = this.#reserve(1 + spaces);
    room[this.#length++] = NEW_LINE;
    room.fill(CHARACTER.SPACE, this.#length, this.#length + spaces);
    this.#length += spaces;
  }

  #putEscape(byte: number): void {
    const isPlain = byte === CHARACTER.QUOTE || byte === CHARACTER.BACKSLASH;
    const letter = isPlain ? String.fromCharCode(byte) : SHORT_ESCAPES[byte];
    const code = byte.toString(16).toUpperCase().padStart(4, "0");
    this.#putBytes(encoder.encode(`\\${letter ?? `u${code}`}`));
  }
}
