/**
 * The error of configuration files: what is wrong, and where.
 *
 * @module
 */

/** A place in a text; lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A mistake in a configuration file. The message continues a sentence that begins with the place. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(reason: string, readonly place?: Place) {
    super(reason);
  }
}

/** Converts indices into a text to places. */
export class Lines {
  readonly #starts: readonly number[];

  constructor(text: string) {
    this.#starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  }

  /** Returns the place of an index. */
  placeAt(index: number): Place {
    const above = this.#starts.findLastIndex((start) => start <= index);
    return { line: above + 1, column: index - (this.#starts[above] ?? 0) + 1 };
  }
}
