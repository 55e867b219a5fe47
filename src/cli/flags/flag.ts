/**
 * What a flag is: a name, a meaning, a default, and the reading of its text. Commander only takes arguments apart; texts are read
 * here, so that what is wrong is told in one way, the unknown before the missing.
 *
 * @module
 */
import { type Command, Option } from "commander";

/** Arguments that cannot be used. The message is one sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a flag is made of. */
export interface FlagSpec<T> {
  /** What stands for the value in --help; left out for a switch, which is on, or `=true`, or `=false`. */
  readonly value?: string;
  readonly description: string;
  /** Reads the text; a switch that is just there has the text `true`. An error says what was expected and found. */
  readonly parse: (text: string) => T;
  /** The text that is read when there is no other, and its words for --help where they differ. */
  readonly default?: string;
  readonly defaultWords?: string;
  /** An environment variable to look into when the flag is not there; an empty one is not looked at. */
  readonly env?: string;
}

/** A flag whose value is a `T`. */
export class Flag<T> {
  readonly name: string;
  readonly #spec: FlagSpec<T>;

  constructor(name: string, spec: FlagSpec<T>) {
    this.name = name;
    this.#spec = spec;
  }

  /** What it means, for --help. */
  get description(): string {
    return this.#spec.description;
  }

  /** The same flag with another default, for a command whose users expect it. */
  withDefault(text: string): Flag<T> {
    return new Flag(this.name, { ...this.#spec, default: text });
  }

  /** Makes commander take it, without reading its text. */
  addTo(command: Command): void {
    const { value, description, env } = this.#spec;
    const words = this.#spec.defaultWords ?? this.#spec.default;
    const remarks = [words === undefined ? "" : `default: ${words}`, env === undefined ? "" : `env: ${env}`];
    const remark = remarks.filter((part) => part !== "").join(", ");
    const syntax = value === undefined ? `--${this.name} [true|false]` : `--${this.name} <${value}>`;
    command.addOption(
      new Option(syntax, remark === "" ? description : `${description} (${remark})`).preset("true"),
    );
  }

  /**
   * The value among the texts that commander found, or from the environment, or the default.
   *
   * @throws {UsageError} for a text that cannot be read, and where there is none and no default.
   */
  read(texts: Readonly<Record<string, unknown>>): T {
    const { env, default: defaultText } = this.#spec;
    const text = texts[this.name];
    if (typeof text === "string") return this.#parse(text, `--${this.name}`);
    const envText = env === undefined ? undefined : Deno.env.get(env);
    if (env !== undefined && envText) return this.#parse(envText, `The environment variable ${env}`);
    if (defaultText === undefined) throw new UsageError(`--${this.name} is missing: the ${this.#spec.description}`);
    return this.#parse(defaultText, `The default of --${this.name}`);
  }

  /** Whether it is among the arguments. */
  isGiven(texts: Readonly<Record<string, unknown>>): boolean {
    return typeof texts[this.name] === "string";
  }

  #parse(text: string, origin: string): T {
    try {
      return this.#spec.parse(text);
    } catch (error) {
      throw new UsageError(`${origin}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Flags by the names the program has for them. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values of flags. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** Makes commander take flags, in their order. */
export function addFlags(command: Command, ...groups: readonly Flags[]): void {
  for (const group of groups) {
    for (const flag of Object.values(group)) flag.addTo(command);
  }
}

/** Reads all of some flags; see {@link Flag.read}. */
export function readFlags<F extends Flags>(flags: F, texts: Readonly<Record<string, unknown>>): FlagValues<F> {
  const values = Object.entries(flags).map(([name, flag]) => [name, flag.read(texts)]);
  return Object.fromEntries(values) as FlagValues<F>;
}

/** Reads a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new Error(`expected a whole number from ${min} to ${max}, found "${text}"`);
    }
    return number;
  };
}

/** Reads a number of seconds in a range, to milliseconds. */
export function secondsAsMs(min: number, max: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (text.trim() === "" || !(seconds >= min && seconds <= max)) {
      throw new Error(`expected a number of seconds from ${min} to ${max}, found "${text}"`);
    }
    return Math.round(seconds * 1000);
  };
}

/** Reads one of several words, in either case; some words may stand for others. */
export function oneOf<T extends string>(
  words: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): (text: string) => T {
  return (text) => {
    const lower = text.toLowerCase();
    const word = words.find((candidate) => candidate === lower) ??
      (Object.hasOwn(synonyms, lower) ? synonyms[lower] : undefined);
    if (word === undefined) throw new Error(`expected one of ${words.join(", ")}, found "${text}"`);
    return word;
  };
}

/** Reads a switch, in the words of TensorFlow's flags. */
export function switched(text: string): boolean {
  if (/^(?:true|1)$/i.test(text)) return true;
  if (/^(?:false|0)$/i.test(text)) return false;
  throw new Error(`expected true or false, found "${text}"`);
}

/** Reads what `parse` reads, and nothing, as undefined, from an empty text, as scripts write it for nothing. */
export function orNothing<T>(parse: (text: string) => T): (text: string) => T | undefined {
  return (text) => text === "" ? undefined : parse(text);
}

/** Reads names or addresses with commas between them, at least one. */
export function addresses(text: string): readonly string[] {
  const all = text.split(",").map((part) => part.trim().replace(/^\[(.*)\]$/, "$1"));
  const isAddress = (part: string): boolean => part !== "" && (!part.includes(":") || URL.canParse(`http://[${part}]`));
  if (!all.every(isAddress)) throw new Error(`expected addresses without a port, commas between, found "${text}"`);
  return all;
}

/** Reads a text that must not be empty. */
export function notEmpty(text: string): string {
  if (text === "") throw new Error("expected a text that is not empty");
  return text;
}
