/**
 * What a flag is: a name, a topic, a help text, a default, and how its text is read. Commander only splits the arguments; texts are
 * read here, so that every mistake is reported in the same way, and unknown flags before missing ones.
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
  /** Placeholder for the value in --help, which is its unit if it has one; left out for a switch: `--a`, `--a=true`, `--a=false`. */
  readonly value?: string;
  readonly help: string;
  /** Reads the text; a switch without a value has the text `true`. An error says what was expected and found. */
  readonly parse: (text: string) => T;
  /** The text to read if none is given; a flag without a default is required. */
  readonly default?: string;
  /** The default in words, for --help, if its text is not enough. */
  readonly defaultWords?: string;
  /** Environment variable to read if the flag is not given; ignored while it is empty. */
  readonly env?: string;
  /** Whether --help lists it first, among the few that most people need. */
  readonly isBasic?: boolean;
}

/** A spec whose flag may be left out. */
export type OptionalSpec<T> = Omit<FlagSpec<T>, "parse" | "default">;

/** Topic of the flags that most people need. */
const BASIC_TOPIC = "Most used";

/** How --help abbreviates units. */
const UNITS: Readonly<Record<string, string>> = { seconds: "s", milliseconds: "ms", microseconds: "µs" };

/** Texts by flag name, as commander found them. */
export type Texts = Readonly<Record<string, unknown>>;

/** Default texts by flag name, for a command whose users expect others. */
export type Defaults = Readonly<Record<string, string>>;

/** A flag whose value is a `T`. */
export class Flag<T> {
  readonly name: string;
  readonly topic: string;
  readonly #spec: FlagSpec<T>;

  constructor(topic: string, name: string, spec: FlagSpec<T>) {
    this.name = name;
    this.topic = spec.isBasic === true ? BASIC_TOPIC : topic;
    this.#spec = spec;
  }

  /** The text to read if none is given; empty if the flag is required. */
  get default(): string {
    return this.#spec.default ?? "";
  }

  /** The help text, with the default in its unit. */
  help(defaults: Defaults = {}): string {
    const { help, env } = this.#spec;
    const words = this.#defaultWords(defaults[this.name]);
    const remarks = [
      words === undefined ? [] : `default: ${words}`,
      env === undefined || env === this.name ? [] : `env: ${env}`,
    ].flat();
    return remarks.length === 0 ? help : `${help} (${remarks.join(", ")})`;
  }

  /** Lets commander accept the flag, without reading its text. */
  addTo(command: Command, defaults: Defaults): void {
    const { value } = this.#spec;
    const syntax = value === undefined ? `--${this.name} [true|false]` : `--${this.name} <${value}>`;
    command.addOption(new Option(syntax, this.help(defaults)).preset("true").helpGroup(`${this.topic}:`));
  }

  /**
   * Returns the value that is given, or else that of the environment variable, or else the default.
   *
   * @throws {UsageError} for a text that cannot be read, and for a required flag that is missing.
   */
  read(texts: Texts, defaults: Defaults = {}): T {
    const { env } = this.#spec;
    const text = texts[this.name];
    if (typeof text === "string") return this.#parse(text, `--${this.name}`);
    const envText = env === undefined ? undefined : Deno.env.get(env);
    if (env !== undefined && envText) return this.#parse(envText, `The environment variable ${env}`);
    const defaultText = defaults[this.name] ?? this.#spec.default;
    if (defaultText === undefined) throw new UsageError(`--${this.name} is missing: the ${this.#spec.help}`);
    return this.#parse(defaultText, `The default of --${this.name}`);
  }

  /** Whether it is among the arguments. */
  isGiven(texts: Texts): boolean {
    return typeof texts[this.name] === "string";
  }

  #defaultWords(text: string | undefined): string | undefined {
    const { value = "", defaultWords, default: ownText } = this.#spec;
    if (text === undefined && defaultWords !== undefined) return defaultWords;
    const words = text ?? ownText;
    if (words === undefined) return undefined;
    if (value === "bytes") return bytesWords(Number(words));
    return UNITS[value] === undefined ? words : `${words} ${UNITS[value]}`;
  }

  #parse(text: string, origin: string): T {
    try {
      return this.#spec.parse(text);
    } catch (error) {
      throw new UsageError(`${origin}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Makes flags of one topic, which is their heading in --help. */
export function topic(heading: string): <T>(name: string, spec: FlagSpec<T>) => Flag<T> {
  return (name, spec) => new Flag(heading, name, spec);
}

/** Makes the spec of a flag that is undefined unless it is given; scripts may also pass an empty text. */
export function optional(spec: OptionalSpec<string>): FlagSpec<string | undefined>;
export function optional<T>(spec: OptionalSpec<T>, parse: (text: string) => T): FlagSpec<T | undefined>;
export function optional<T>(spec: OptionalSpec<T>, parse?: (text: string) => T): FlagSpec<T | string | undefined> {
  const read = parse ?? ((text: string) => text);
  return { defaultWords: "none", ...spec, default: "", parse: (text) => text === "" ? undefined : read(text) };
}

/** Makes the spec of a switch. */
export function toggle(help: string, isOn: boolean): FlagSpec<boolean> {
  return { help, parse: switched, default: String(isOn) };
}

/** Flags by the names their values have in the program. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values of flags. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** Lets commander accept flags, grouped by topic: what most people need first, then topics in order of appearance. */
export function addFlags(command: Command, sections: readonly Flags[], defaults: Defaults = {}): void {
  const flags = sections.flatMap((section) => Object.values(section));
  const isBasic = (flag: Flag<unknown>) => flag.topic === BASIC_TOPIC;
  for (const flag of [...flags.filter(isBasic), ...flags.filter((flag) => !isBasic(flag))]) {
    flag.addTo(command, defaults);
  }
  // The help texts contain the defaults; commander would add what a bare switch means.
  command.configureHelp({ optionDescription: ({ description }) => description });
}

/** Reads some flags into a section of the configuration; see {@link Flag.read}. */
export function readFlags<F extends Flags>(flags: F, texts: Texts, defaults: Defaults = {}): FlagValues<F> {
  const values = Object.entries(flags).map(([name, flag]) => [name, flag.read(texts, defaults)]);
  return Object.freeze(Object.fromEntries(values)) as FlagValues<F>;
}

function bytesWords(bytes: number): string {
  const [unit, size] = ([["GiB", 2 ** 30], ["MiB", 2 ** 20]] as const).find(([, size]) => bytes % size === 0) ??
    ["bytes", 1];
  return `${bytes / size} ${unit}`;
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

/** Reads a number of seconds in a range, as milliseconds. */
export function secondsAsMs(min: number, max: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (text.trim() === "" || !(seconds >= min && seconds <= max)) {
      throw new Error(`expected a number of seconds from ${min} to ${max}, found "${text}"`);
    }
    return Math.round(seconds * 1000);
  };
}

/** Reads one of several words, ignoring case; `synonyms` maps other words to them. */
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

/** Reads a comma-separated list of names or addresses, at least one. */
export function addresses(text: string): readonly string[] {
  const all = text.split(",").map((part) => part.trim().replace(/^\[(.*)\]$/, "$1"));
  const isAddress = (part: string): boolean => part !== "" && (!part.includes(":") || URL.canParse(`http://[${part}]`));
  if (!all.every(isAddress)) throw new Error(`expected addresses without a port, separated by commas, found "${text}"`);
  return all;
}

/** Reads a text that must not be empty. */
export function notEmpty(text: string): string {
  if (text === "") throw new Error("expected a text that is not empty");
  return text;
}
