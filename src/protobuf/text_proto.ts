/**
 * Parses protocol buffers' text format into a tree of fields. Knows no messages: `text_fields.ts` checks names and types.
 *
 * @module
 */
import { ConfigError, Lines, type Place } from "../base/config_error.ts";

/** Nesting depth of messages. */
const DEPTH_MAX = 100;

/** A field of a text. */
export interface TextField {
  readonly name: string;
  readonly value: TextValue;
  /** The place of the name. */
  readonly place: Place;
}

/** A field's value. A list becomes one field per element. */
export type TextValue =
  | { readonly kind: "message"; readonly fields: readonly TextField[]; readonly place: Place }
  | { readonly kind: "string"; readonly bytes: Uint8Array; readonly place: Place }
  /** A number or a word, with its sign: `-1`, `0x10`, `1.5`, `TENSORFLOW`, `true`. */
  | { readonly kind: "word"; readonly text: string; readonly place: Place };

/**
 * Parses a text.
 *
 * @throws {ConfigError} with the place of the first error.
 */
export function parseTextProto(text: string): readonly TextField[] {
  return new Parser(text).parse();
}

/** Blanks and comments. */
const BLANK_REGEXP = /(?:\s|#[^\n]*)*/y;
const WORD_REGEXP = /[A-Za-z_][A-Za-z0-9_]*|(?:\d|\.\d)(?:[eE][+-]|[A-Za-z0-9_.])*/y;
const NAME_REGEXP = /[A-Za-z_][A-Za-z0-9_]*/y;
/** The name of an extension, or of the message in an Any: `[type.googleapis.com/some.Message]`. */
const EXTENSION_REGEXP = /\[\s*[A-Za-z0-9_.\-/]+\s*\]/y;
const INTEGER = String.raw`0[0-7]*|[1-9]\d*|0[xX][0-9a-fA-F]+`;
const FLOAT = String.raw`(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|\d+(?:[eE][+-]?\d+[fF]?|[fF])`;
const NUMBER_REGEXP = new RegExp(`^(?:${INTEGER}|${FLOAT})$`);
const STRING_REGEXP = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'/y;

const CLOSING: Readonly<Record<string, string>> = { "{": "}", "<": ">" };

class Parser {
  readonly #text: string;
  readonly #lines: Lines;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lines = new Lines(text);
  }

  parse(): readonly TextField[] {
    return this.#parseFields(undefined);
  }

  /** The fields up to `closing`, or to the end of the text. */
  #parseFields(closing: string | undefined): readonly TextField[] {
    const fields: TextField[] = [];
    while (true) {
      this.#skipBlanks();
      if (this.#at === this.#text.length) {
        if (closing !== undefined) throw this.#error(`expected "${closing}" before the end`);
        return fields;
      }
      if (closing !== undefined && this.#take(closing)) return fields;
      this.#parseField(fields);
    }
  }

  #parseField(fields: TextField[]): void {
    const place = this.#lines.placeAt(this.#at);
    const name = this.#match(NAME_REGEXP) ?? this.#match(EXTENSION_REGEXP);
    if (name === undefined) throw this.#error("expected the name of a field");
    const hasColon = this.#take(":");
    if (!hasColon && !"{<[".includes(this.#peek() || " ")) throw this.#error(`expected ":" or "{" behind "${name}"`);
    const values = this.#peek() === "[" ? this.#parseList() : [this.#parseValue()];
    const scalar = values.find(({ kind }) => kind !== "message");
    if (!hasColon && scalar !== undefined) throw new ConfigError(`expected ":" behind "${name}"`, scalar.place);
    for (const value of values) fields.push({ name, value, place });
    if (!this.#take(",")) this.#take(";");
  }

  #parseList(): TextValue[] {
    this.#take("[");
    const values: TextValue[] = [];
    if (this.#take("]")) return values;
    do values.push(this.#parseValue()); while (this.#take(","));
    if (!this.#take("]")) throw this.#error('expected "," or "]" in a list');
    return values;
  }

  #parseValue(): TextValue {
    this.#skipBlanks();
    const place = this.#lines.placeAt(this.#at);
    const next = this.#peek();
    const closing = CLOSING[next];
    if (closing !== undefined) {
      this.#at++;
      if (++this.#depth > DEPTH_MAX) throw this.#error(`messages are nested more than ${DEPTH_MAX} deep`);
      const fields = this.#parseFields(closing);
      this.#depth--;
      return { kind: "message", fields, place };
    }
    if (next === '"' || next === "'") return { kind: "string", bytes: this.#parseStrings(), place };
    const sign = this.#take("-") ? "-" : "";
    const word = this.#match(WORD_REGEXP);
    if (word === undefined) throw this.#error("expected a value");
    if (/^[\d.]/.test(word) && !NUMBER_REGEXP.test(word)) throw new ConfigError(`"${word}" is not a number`, place);
    return { kind: "word", text: sign + word, place };
  }

  /** Adjacent strings are concatenated. */
  #parseStrings(): Uint8Array {
    const bytes: number[] = [];
    while (this.#peek() === '"' || this.#peek() === "'") {
      const start = this.#at;
      const literal = this.#match(STRING_REGEXP);
      if (literal === undefined) throw this.#error("expected the string to end on its line");
      unescape(literal, bytes, (reason, index) => new ConfigError(reason, this.#lines.placeAt(start + index)));
    }
    return Uint8Array.from(bytes);
  }

  #skipBlanks(): void {
    BLANK_REGEXP.lastIndex = this.#at;
    BLANK_REGEXP.test(this.#text);
    this.#at = BLANK_REGEXP.lastIndex;
  }

  #peek(): string {
    this.#skipBlanks();
    return this.#text.charAt(this.#at);
  }

  #take(sign: string): boolean {
    if (this.#peek() !== sign) return false;
    this.#at++;
    return true;
  }

  #match(regexp: RegExp): string | undefined {
    this.#skipBlanks();
    regexp.lastIndex = this.#at;
    const match = regexp.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #error(reason: string): ConfigError {
    const found = this.#at < this.#text.length ? `, found ${JSON.stringify(this.#text.charAt(this.#at))}` : "";
    return new ConfigError(`${reason}${reason.endsWith("the end") ? "" : found}`, this.#lines.placeAt(this.#at));
  }
}

const encoder = new TextEncoder();

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "?": 63,
  "\\": 92,
  "'": 39,
  '"': 34,
};

/** A run of plain characters, or an escape, in a string literal. */
const PIECE_REGEXP = /[^\\]+|\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/gu;

/** Appends the bytes of a literal with its quotes. `\u` and `\U` are characters, other escapes are bytes. */
function unescape(literal: string, bytes: number[], error: (reason: string, index: number) => ConfigError): void {
  for (const match of literal.slice(1, -1).matchAll(PIECE_REGEXP)) {
    const [piece, octal, hex, short, long, simple] = match;
    const number = octal ?? hex ?? short ?? long;
    if (number !== undefined) {
      const code = parseInt(number, octal === undefined ? 16 : 8);
      const isCharacter = short !== undefined || long !== undefined;
      const isSurrogate = code >= 0xd800 && code <= 0xdfff;
      if (isCharacter ? code > 0x10ffff || isSurrogate : code > 0xff) {
        throw error(`${piece} stands for nothing`, match.index + 1);
      }
      bytes.push(...(isCharacter ? encoder.encode(String.fromCodePoint(code)) : [code]));
    } else if (simple !== undefined) {
      const byte = SIMPLE_ESCAPES[simple];
      if (byte === undefined) throw error(`\\${simple} is not an escape`, match.index + 1);
      bytes.push(byte);
    } else {
      for (const byte of encoder.encode(piece)) bytes.push(byte);
    }
  }
}
