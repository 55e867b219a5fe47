/**
 * Writes numbers as TensorFlow Serving does. Floating-point numbers (tensorflow_serving/util/json_tensor.cc, `WriteDecimal`) have six
 * digits if those are exact, else nine for a float and seventeen for a double, in the layout of C's `%g`, with `.0` after an integer.
 *
 * @module
 */
import { POWERS_OF_TEN } from "./decimal.ts";

/** More bytes than any number takes. */
export const NUMBER_BYTES_MAX = 32;

const SHORT_DIGITS = 6;
const SHORT_FULL = 1e6;
const FLOAT_DIGITS = 9;
const DOUBLE_DIGITS = 17;
/** `%g` writes numbers below 10 to this power with an exponent. */
const PLAIN_EXPONENT_MIN = -4;

const EXACT_POWER_MAX = POWERS_OF_TEN.length - 1;
/** A float times a power of ten up to this one is exact in a double, so half-way cases are recognized. */
const EXACT_PRODUCT_POWER_MAX = 12;
/** How close to half-way a rounded product is still reliable. */
const HALF_WAY_SLACK = 2 ** -20;
/** A number is taken for half-way between two shorter ones if their digits are followed by a five and this many zeros. */
const HALF_WAY_ZEROS = 12;

/** The bits of a float, to read its binary exponent from. */
const floatValue = new Float32Array(1);
const floatBits = new Uint32Array(floatValue.buffer);
const MANTISSA_BITS = 23;
const BINARY_EXPONENTS = 256;
/** The decimal exponent of the smallest float with each binary exponent. */
const DECIMAL_EXPONENTS = Int8Array.from({ length: BINARY_EXPONENTS }, (_, i) => Math.floor((i - 127) * Math.log10(2)));
/** The power of ten from which on the decimal exponent is one more. */
const NEXT_POWERS = Float64Array.from(DECIMAL_EXPONENTS, (exponent) => Number(`1e${exponent + 1}`));

const INT32_MAX = 0x7fffffff;

const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const LOWER_E = 0x65;

/** Writes successive numbers into a given buffer, which must have {@link NUMBER_BYTES_MAX} bytes for each. */
export class NumberWriter {
  #bytes = new Uint8Array(0);
  /** Offset of the next byte. */
  position = 0;

  /** Continues in another buffer, which is borrowed, at a position. */
  attach(bytes: Uint8Array, position: number): void {
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.position = position;
  }

  /** Writes one ASCII character. */
  byte(character: number): void {
    this.#bytes[this.position++] = character;
  }

  /** Writes ASCII characters. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  /** Writes an integer that is exact in a double. */
  integer(value: number): void {
    let magnitude = value;
    if (value < 0) {
      this.byte(MINUS);
      magnitude = -value;
    }
    let count = 1;
    while (count < POWERS_OF_TEN.length && magnitude >= (POWERS_OF_TEN[count] as number)) count++;
    this.#digits(magnitude, count);
  }

  /** Writes an integer of any size. */
  bigInteger(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.integer(number);
    else this.text(String(value));
  }

  /** Writes a number that a float represents exactly. */
  float(value: number): void {
    const magnitude = value < 0 ? -value : value;
    if (!(magnitude > 0 && magnitude < Infinity)) return this.#special(value);
    if (value < 0) this.byte(MINUS);

    floatValue[0] = magnitude;
    const binary = (floatBits[0] as number) >>> MANTISSA_BITS;
    let exponent = DECIMAL_EXPONENTS[binary] as number;
    if (magnitude >= (NEXT_POWERS[binary] as number)) exponent++;
    const short = roundedProduct(magnitude, SHORT_DIGITS - 1 - exponent);
    if (Math.fround(product(short, exponent - SHORT_DIGITS + 1)) === magnitude) return this.#decimal(short, exponent);
    const long = roundedProduct(magnitude, FLOAT_DIGITS - 1 - exponent);
    if (short === short && long === long) return this.#decimal(long, exponent);

    const text = significantDigits(magnitude, SHORT_DIGITS);
    if (Math.fround(Number(text)) === magnitude) return this.#scientific(text, SHORT_DIGITS);
    this.#scientific(significantDigits(magnitude, FLOAT_DIGITS), FLOAT_DIGITS);
  }

  /** Writes a double. Formats strings, which is a few times slower than {@link float}. */
  double(value: number): void {
    const magnitude = Math.abs(value);
    if (!(magnitude > 0 && magnitude < Infinity)) return this.#special(value);
    if (value < 0) this.byte(MINUS);
    const text = significantDigits(magnitude, SHORT_DIGITS);
    if (Number(text) === magnitude) return this.#scientific(text, SHORT_DIGITS);
    this.#scientific(significantDigits(magnitude, DOUBLE_DIGITS), DOUBLE_DIGITS);
  }

  /** Writes a zero, an infinity or NaN. */
  #special(value: number): void {
    if (value < 0 || Object.is(value, -0)) this.byte(MINUS);
    this.text(value === 0 ? "0.0" : value !== value ? "NaN" : "Infinity");
  }

  /** Writes six or nine digits without their trailing zeros; the first digit counts `10 ** exponent`. */
  #decimal(digits: number, exponent: number): void {
    const precision = digits > SHORT_FULL ? FLOAT_DIGITS : SHORT_DIGITS;
    let count = precision;
    let rest = digits;
    if (rest === POWERS_OF_TEN[precision]) {
      rest = 1;
      count = 1;
      exponent++;
    }
    while (rest % 10 === 0) {
      rest = (rest / 10) | 0;
      count--;
    }
    if (exponent < PLAIN_EXPONENT_MIN || exponent >= precision) {
      this.#digits(rest, count);
      if (count > 1) this.#point(count - 1);
      this.#exponent(exponent);
    } else if (exponent < 0) {
      this.byte(ZERO);
      this.byte(DOT);
      for (let i = exponent + 1; i < 0; i++) this.byte(ZERO);
      this.#digits(rest, count);
    } else if (exponent < count - 1) {
      this.#digits(rest, count);
      this.#point(count - exponent - 1);
    } else {
      this.#digits(rest * (POWERS_OF_TEN[exponent + 1 - count] as number), exponent + 1);
      this.byte(DOT);
      this.byte(ZERO);
    }
  }

  /** Inserts a point before the last `count` digits written. */
  #point(count: number): void {
    const bytes = this.#bytes;
    const place = this.position - count;
    for (let at = this.position; at > place; at--) bytes[at] = bytes[at - 1] as number;
    bytes[place] = DOT;
    this.position++;
  }

  /** Writes the last `count` digits of an integer. */
  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    const start = this.position;
    let at = start + count;
    this.position = at;
    let rest = value;
    while (rest > INT32_MAX) {
      const quotient = Math.floor(rest / 10);
      bytes[--at] = ZERO + (rest - quotient * 10);
      rest = quotient;
    }
    // Arithmetic in 32 bits is faster.
    let small = rest | 0;
    while (at > start) {
      const quotient = (small / 10) | 0;
      bytes[--at] = ZERO + (small - Math.imul(quotient, 10));
      small = quotient;
    }
  }

  #exponent(exponent: number): void {
    const magnitude = Math.abs(exponent);
    this.byte(LOWER_E);
    this.byte(exponent < 0 ? MINUS : PLUS);
    this.#digits(magnitude, magnitude < 100 ? 2 : 3);
  }

  /** Writes a result of {@link significantDigits}. */
  #scientific(text: string, precision: number): void {
    const [mantissa = "", exponentText] = text.split("e");
    const exponent = Number(exponentText);
    const digits = mantissa.replace(".", "").replace(/0+$/, "");
    if (exponent < PLAIN_EXPONENT_MIN || exponent >= precision) {
      this.text(digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`);
      return this.#exponent(exponent);
    }
    if (exponent < 0) return this.text(`0.${"0".repeat(-exponent - 1)}${digits}`);
    const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
    this.text(`${whole}.${digits.slice(exponent + 1) || "0"}`);
  }
}

/** `magnitude * 10 ** power` rounded to an integer, half to even as in C; NaN if the rounding is uncertain. */
function roundedProduct(magnitude: number, power: number): number {
  if (power > EXACT_POWER_MAX || power < -EXACT_POWER_MAX) return NaN;
  const exact = product(magnitude, power);
  const floor = Math.floor(exact);
  const rest = exact - floor;
  const isExact = power >= 0 && power <= EXACT_PRODUCT_POWER_MAX;
  if (!isExact && rest > 0.5 - HALF_WAY_SLACK && rest < 0.5 + HALF_WAY_SLACK) return NaN;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function product(value: number, power: number): number {
  return power < 0 ? value / (POWERS_OF_TEN[-power] as number) : value * (POWERS_OF_TEN[power] as number);
}

/** A number with `precision` digits, rounded half to even, as `1.2345e-7`. */
function significantDigits(magnitude: number, precision: number): string {
  const rounded = magnitude.toExponential(precision - 1);
  const longer = magnitude.toExponential(precision + HALF_WAY_ZEROS);
  const isHalfWay = longer.slice(precision + 1).startsWith(`5${"0".repeat(HALF_WAY_ZEROS)}e`);
  if (!isHalfWay) return rounded;
  // JavaScript rounds half up, which is right only if that makes the last digit even.
  const below = longer.slice(0, precision + 1);
  return Number(below.at(-1)) % 2 === 0 ? `${below}e${longer.split("e")[1]}` : rounded;
}
