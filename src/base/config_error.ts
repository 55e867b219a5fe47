/**
 * The error of configuration files: what is wrong and where, for the one who wrote the file.
 *
 * @module
 */

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something in a configuration that cannot be used. The message is a sentence that goes on after the place. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(reason: string, readonly place?: Place) {
    super(reason);
  }
}

/** Finds places in a text. */
export class Lines {
  readonly #starts: readonly number[];

  constructor(text: string) {
    this.#starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  }

  /** The place of an index into the text. */
  placeAt(index: number): Place {
    const above = this.#starts.findLastIndex((start) => start <= index);
    return { line: above + 1, column: index - (this.#starts[above] ?? 0) + 1 };
  }
}
