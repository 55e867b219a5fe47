/**
 * The fields of a message in text format, by name and checked: errors have the place of the mistake.
 *
 * @module
 */
import { ConfigError } from "../base/config_error.ts";
import type { TextField, TextValue } from "./text_proto.ts";

/** The fields of one message, with known names only. */
export class Fields {
  readonly fields: readonly TextField[];

  /** @throws {ConfigError} for a field with a name that is not `known`. */
  constructor(type: string, fields: readonly TextField[], known: readonly string[]) {
    this.fields = fields;
    const unknown = fields.find(({ name }) => !known.includes(name));
    if (unknown === undefined) return;
    const remedy = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
    throw new ConfigError(`${type} has no field "${unknown.name}", ${remedy}`, unknown.place);
  }

  /** @throws {ConfigError} if the field is no message, or has a field with a name that is not `known`. */
  static of(type: string, { name, value }: TextField, known: readonly string[]): Fields {
    if (value.kind === "message") return new Fields(type, value.fields, known);
    throw new ConfigError(`expected { … } behind ${name}, found ${show(value)}`, value.place);
  }

  all(name: string): readonly TextField[] {
    return this.fields.filter((field) => field.name === name);
  }

  /** @throws {ConfigError} if there are two. */
  one(name: string): TextField | undefined {
    const [first, second] = this.all(name);
    if (second !== undefined) throw new ConfigError(`${name} comes twice`, second.place);
    return first;
  }

  /** @throws {ConfigError} as {@link Fields.one} and {@link Fields.of}. */
  message(name: string, known: readonly string[]): Fields | undefined {
    const field = this.one(name);
    return field && Fields.of(name, field, known);
  }
}

/**
 * A field's text; empty if the field is absent.
 *
 * @throws {ConfigError} if it is no string, or not UTF-8.
 */
export function stringOf(field: TextField | undefined): string {
  if (field === undefined) return "";
  const { name, value } = field;
  if (value.kind !== "string") {
    throw new ConfigError(`expected a text in quotes for ${name}, found ${show(value)}`, value.place);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.bytes);
  } catch {
    throw new ConfigError(`the text of ${name} is not UTF-8`, value.place);
  }
}

/**
 * A field's whole number.
 *
 * @throws {ConfigError} if it is no whole number, or out of range.
 */
export function integerOf({ name, value }: TextField, { min, max }: { min: number; max: number }): number {
  const [, sign, digits] = (value.kind === "word" && /^(-?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(value.text)) || [];
  const magnitude = digits === undefined ? NaN : Number(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const number = sign === "-" ? 0 - magnitude : magnitude;
  if (number >= min && number <= max) return number;
  throw new ConfigError(`expected a whole number from ${min} to ${max} for ${name}, found ${show(value)}`, value.place);
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, True: true, t: true, "1": true },
  ...{ false: false, False: false, f: false, "0": false },
};

/**
 * A field's boolean; false if the field, or its message, is absent.
 *
 * @throws {ConfigError} if it is no boolean.
 */
export function booleanOf(fields: Fields | undefined, name: string): boolean {
  const field = fields?.one(name);
  if (field === undefined) return false;
  const value = field.value.kind === "word" ? BOOLEANS[field.value.text] : undefined;
  if (value !== undefined) return value;
  throw new ConfigError(`expected true or false for ${name}`, field.value.place);
}

/** A value as shown in errors. */
export function show(value: TextValue): string {
  switch (value.kind) {
    case "message":
      return "{ … }";
    case "string":
      return JSON.stringify(new TextDecoder().decode(value.bytes));
    case "word":
      return value.text;
  }
}
