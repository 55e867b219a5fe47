/**
 * Locates each value of a JSON text by line and column, which `JSON.parse` does not report.
 *
 * @module
 */
import { ConfigError, Lines, type Place } from "../base/config_error.ts";

/** The path to a value: names of members and indices of elements. */
export type JsonPath = readonly PropertyKey[];

/** A parsed JSON text with the place of each value. */
export class JsonPlaces {
  readonly value: unknown;
  readonly #lines: Lines;
  readonly #indices = new Map<string, number>();

  /**
   * Parses a text.
   *
   * @throws {ConfigError} with the place of a syntax error, or of a name that an object has twice.
   */
  constructor(text: string) {
    this.#lines = new Lines(text);
    try {
      this.value = JSON.parse(text);
    } catch (error) {
      throw this.#syntaxError(text, error as SyntaxError);
    }
    this.#walk(text);
  }

  /** The place of a value; for a missing member, the place of its object. */
  placeOf(path: JsonPath): Place {
    for (let length = path.length; length >= 0; length--) {
      const index = this.#indices.get(JSON.stringify(path.slice(0, length)));
      if (index !== undefined) return this.#lines.placeAt(index);
    }
    return this.#lines.placeAt(0);
  }

  #syntaxError(text: string, error: SyntaxError): ConfigError {
    const position = /at position (\d+)/.exec(error.message)?.[1];
    const index = position === undefined ? text.trimEnd().length : Number(position);
    const found = index < text.trimEnd().length ? JSON.stringify(text.slice(index, index + 10)) : "the end";
    return new ConfigError(`this is not JSON, at ${found}`, this.#lines.placeAt(index));
  }

  /** The text is valid JSON by now, so following brackets and commas is enough. */
  #walk(text: string): void {
    const open: { path: JsonPath; key: PropertyKey; names: Set<string> | undefined }[] = [];
    let isName = false;
    for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
      const container = open.at(-1);
      if (token === "}" || token === "]") {
        open.pop();
        isName = false;
      } else if (token === ",") {
        if (typeof container?.key === "number") container.key++;
        isName = container?.names !== undefined;
      } else if (token === ":") {
        isName = false;
      } else if (isName && container?.names !== undefined) {
        const name = JSON.parse(token) as string;
        if (container.names.has(name)) throw new ConfigError(`${token} comes twice`, this.#lines.placeAt(index));
        container.names.add(name);
        container.key = name;
      } else {
        const path = container === undefined ? [] : [...container.path, container.key];
        this.#indices.set(JSON.stringify(path), index);
        if (token === "{") open.push({ path, key: "", names: new Set() });
        if (token === "[") open.push({ path, key: 0, names: undefined });
        isName = token === "{";
      }
    }
  }
}

/** A path as people write it: `model_config_list[2].config.nireq`. */
export function formatPath(path: JsonPath): string {
  return path.map((step, i) => typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${String(step)}`).join(
    "",
  );
}
