/**
 * The second pass over a request's JSON: hands out its values one after another. The text has been scanned, so nothing is checked
 * but which kind of value comes next.
 *
 * @module
 */
import type { JsonDocument, JsonPlace } from "./json_scanner.ts";
import { stringBytes, stringEnd } from "./json_string.ts";
import { areDigits, asciiText, CHARACTER, scanNumber, scanScalar, valueOfDigits } from "./json_syntax.ts";

const { QUOTE, COMMA, MINUS, DOT, ZERO, NINE, COLON, LEFT_BRACKET, RIGHT_BRACKET, LEFT_BRACE, RIGHT_BRACE } = CHARACTER;

/** Digits a value is collected in: two heaps of nine, each of them and their sum's parts exact in a double. */
const HEAP_FULL = 1e8;
/** A heap that takes four digits more at once. */
const HEAP_FOR_FOUR = 1e5;
/** Powers of ten that are exact in a double. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const EXACT_POWER_MAX = 22;
/** Splits a double into two halves whose products are exact (Dekker, "A floating-point technique for extending …", 1971). */
const SPLITTER = 2 ** 27 + 1;
/** How far, in parts of itself, a correction may be off without changing what it rounds to. */
const CORRECTION_SLACK = 2 ** -40;

/** Digits of a whole number that are exact in a double whatever they are. */
const EXACT_DIGITS = 15;

const NOTHING = { bytes: new Uint8Array(0), arraySizes: new Uint32Array(0) };

/** Reads a scanned document from any of its places on. */
export class JsonReader {
  /** The document's text; borrowed. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Where the next value, separator or bracket is. */
  position = 0;
  #view: DataView = new DataView(this.bytes.buffer);
  #arraySizes = new Uint32Array(0);
  #arrayIndex = 0;

  /** Turns to a place of a document; itself, for the caller's convenience. */
  open({ bytes, arraySizes }: Pick<JsonDocument, "bytes" | "arraySizes">, place: JsonPlace): this {
    this.bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#arraySizes = arraySizes as Uint32Array<ArrayBuffer>;
    this.seek(place);
    return this;
  }

  /** Lets go of the document. */
  close(): void {
    this.open(NOTHING, { position: 0, arrayIndex: 0 });
  }

  /** Where the reader is, to come back to. */
  get place(): JsonPlace {
    return { position: this.position, arrayIndex: this.#arrayIndex };
  }

  /** Goes (back) to a place of the document. */
  seek(place: JsonPlace): void {
    this.position = place.position;
    this.#arrayIndex = place.arrayIndex;
  }

  /** The first character of the next value, or the bracket that ends what is open. Goes over white space and a comma. */
  peek(): number {
    const { bytes } = this;
    let at = this.position;
    let character = bytes[at] as number;
    while (character <= CHARACTER.SPACE || character === COMMA) character = bytes[++at] as number;
    this.position = at;
    return character;
  }

  /** Goes into the array that begins here; how many elements it has. */
  enterArray(): number {
    this.position++;
    return this.#arraySizes[this.#arrayIndex++] as number;
  }

  /** Goes into the object that begins here. */
  enterObject(): void {
    this.position++;
  }

  /** Goes out of the array or object whose elements have all been read. */
  leave(): void {
    this.peek();
    this.position++;
  }

  /** Goes to the next member's value; its name, undefined behind the last. */
  nextMember(): string | undefined {
    if (this.peek() === RIGHT_BRACE) return undefined;
    const name = this.readText();
    while (this.bytes[this.position] !== COLON) this.position++;
    this.position++;
    this.peek();
    return name;
  }

  /** The sizes of the array that begins here, of its first element and so on; at most `rankMax` of them. Goes nowhere. */
  nestedSizes(rankMax: number): number[] {
    const sizes: number[] = [];
    const { place } = this;
    while (this.peek() === LEFT_BRACKET && sizes.length < rankMax) {
      const size = this.enterArray();
      sizes.push(size);
      if (size === 0) break;
    }
    this.seek(place);
    return sizes;
  }

  /** The string that begins here, decoded; a view of the document where nothing is escaped. */
  readBytes(): Uint8Array {
    const start = this.position;
    this.position = stringEnd(this.bytes, start);
    return stringBytes(this.bytes, start, this.position);
  }

  /** The string that begins here as text. */
  readText(): string {
    return new TextDecoder().decode(this.readBytes());
  }

  /** What `{"b64": "…"}` holds, if that is the value that comes next; otherwise undefined, and the reader stays where it is. */
  readBase64Text(): Uint8Array | undefined {
    if (this.peek() !== LEFT_BRACE) return undefined;
    const { place } = this;
    this.enterObject();
    if (this.nextMember() === "b64" && this.peek() === QUOTE) {
      const text = this.readBytes();
      if (this.peek() === RIGHT_BRACE) {
        this.position++;
        return text;
      }
    }
    this.seek(place);
    return undefined;
  }

  /** Goes over the value that begins here. */
  skip(): void {
    let depth = 0;
    do {
      const character = this.peek();
      if (character === LEFT_BRACKET) {
        this.enterArray();
        depth++;
      } else if (character === LEFT_BRACE) {
        this.enterObject();
        depth++;
      } else if (character === RIGHT_BRACKET || character === RIGHT_BRACE) {
        this.position++;
        depth--;
      } else if (character === COLON) {
        this.position++;
      } else {
        this.position = scanScalar(this.bytes, this.position);
      }
    } while (depth > 0);
  }

  /**
   * The number that begins here, rounded to the nearest double. NaN and the infinities have their words.
   *
   * Up to 18 digits are read into two exact heaps; their sum times or over a power of ten rounds once, or its error is made good
   * (Clinger's fast path, extended). What is left goes by way of `Number`.
   */
  readNumber(): number {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    let character = bytes[at] as number;
    const isNegative = character === MINUS;
    if (isNegative) character = bytes[++at] as number;
    if (character > NINE) return this.#readNonFinite(at, isNegative);

    const view = this.#view;
    const lastWord = view.byteLength - 4;
    let high = 0;
    let dot = -1;
    while (high < HEAP_FULL) {
      if (character >= ZERO && character <= NINE) {
        high = Math.imul(high, 10) + (character - ZERO);
        at++;
      } else if (character === DOT) {
        dot = at++;
      } else {
        break;
      }
      if (high < HEAP_FOR_FOUR && dot >= 0 && at <= lastWord) {
        const word = view.getInt32(at, true);
        if (areDigits(word)) {
          high = Math.imul(high, 10_000) + valueOfDigits(word);
          at += 4;
        }
      }
      character = bytes[at] as number;
    }
    let low = 0;
    let lowDigits = 0;
    while (lowDigits < 9) {
      if (lowDigits < 6 && at <= lastWord) {
        const word = view.getInt32(at, true);
        if (areDigits(word)) {
          low = Math.imul(low, 10_000) + valueOfDigits(word);
          lowDigits += 4;
          at += 4;
          character = bytes[at] as number;
          continue;
        }
      }
      if (character >= ZERO && character <= NINE) {
        low = Math.imul(low, 10) + (character - ZERO);
        lowDigits++;
      } else if (character === DOT) {
        dot = at;
      } else {
        break;
      }
      character = bytes[++at] as number;
    }
    const scale = dot < 0 ? 0 : at - dot - 1;
    if (isInsideNumber(character) || scale > EXACT_POWER_MAX) return this.#readLong(start);
    const magnitude = divide(high * (POWERS_OF_TEN[lowDigits] as number), low, scale);
    if (magnitude !== magnitude) return this.#readLong(start);
    this.position = at;
    return isNegative ? -magnitude : magnitude;
  }

  #readNonFinite(at: number, isNegative: boolean): number {
    this.position = scanNumber(this.bytes, at);
    if (this.bytes[at] === CHARACTER.UPPER_N) return NaN;
    return isNegative ? -Infinity : Infinity;
  }

  #readLong(start: number): number {
    this.position = scanNumber(this.bytes, start);
    return Number(asciiText(this.bytes, start, this.position));
  }

  /**
   * The whole number that begins here. `NaN`, and the reader stays where it is, for one that is written with a fraction or an
   * exponent, has more than 15 digits, or is no number at all.
   */
  readInteger(): number {
    const { bytes } = this;
    let at = this.position;
    let character = bytes[at] as number;
    const isNegative = character === MINUS;
    if (isNegative) character = bytes[++at] as number;
    const digits = at;
    let magnitude = 0;
    for (; character >= ZERO && character <= NINE; character = bytes[++at] as number) {
      magnitude = magnitude * 10 + (character - ZERO);
    }
    if (at === digits || at - digits > EXACT_DIGITS || isInsideNumber(character)) return NaN;
    this.position = at;
    return isNegative ? -magnitude : magnitude;
  }

  /** The whole number that begins here, however long; undefined where {@link readInteger} would see none. */
  readBigInteger(): bigint | undefined {
    const { bytes, position } = this;
    const end = isNumberStart(bytes[position] as number) ? scanNumber(bytes, position) : position;
    const text = asciiText(bytes, position, end);
    if (!/^-?[0-9]{1,20}$/.test(text)) return undefined;
    this.position = end;
    return BigInt(text);
  }
}

/** Whether a number may begin with a character. */
export function isNumberStart(character: number): boolean {
  return (character >= ZERO && character <= NINE) || character === MINUS || character === CHARACTER.UPPER_N ||
    character === CHARACTER.UPPER_I;
}

/** Whether a number goes on with a character after its first digits. */
function isInsideNumber(character: number): boolean {
  return (character >= ZERO && character <= NINE) || character === DOT || (character | 0x20) === CHARACTER.LOWER_E;
}

/**
 * `(high + low) / 10 ** scale`, rounded once, for whole numbers below 10^18 and 10^9 and a scale up to 22. `NaN` when that cannot be
 * told from here: about once in 10^12 numbers.
 */
function divide(high: number, low: number, scale: number): number {
  const sum = high + low;
  const divisor = POWERS_OF_TEN[scale] as number;
  const quotient = sum / divisor;
  const lost = low - (sum - high);
  if (lost === 0 || scale === 0) return quotient;

  const product = quotient * divisor;
  const quotientHigh = upperHalf(quotient);
  const quotientLow = quotient - quotientHigh;
  const divisorHigh = upperHalf(divisor);
  const divisorLow = divisor - divisorHigh;
  const productLost = ((quotientHigh * divisorHigh - product) + quotientHigh * divisorLow + quotientLow * divisorHigh) +
    quotientLow * divisorLow;
  const correction = ((sum - product - productLost) + lost) / divisor;
  const result = quotient + correction * (1 + CORRECTION_SLACK);
  return result === quotient + correction * (1 - CORRECTION_SLACK) ? result : NaN;
}

function upperHalf(value: number): number {
  const spread = value * SPLITTER;
  return spread - (spread - value);
}
