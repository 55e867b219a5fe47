/**
 * Turns decimal digits into the nearest double without a string in between.
 *
 * @module
 */

/** Powers of ten that are exact in a double. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** Splits a double into two halves whose products are exact (Dekker, "A floating-point technique for extending …", 1971). */
const SPLITTER = 2 ** 27 + 1;
/** The relative error that a correction may have without changing what it rounds to. */
const CORRECTION_SLACK = 2 ** -40;

/**
 * `(high + low) / 10 ** scale`, rounded once, for integers below 10^18 and 10^9 and a scale up to 22 (Clinger's fast path, extended).
 * `NaN` where the rounding is uncertain: about once in 10^12 numbers.
 */
export function divideByPowerOfTen(high: number, low: number, scale: number): number {
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

/** Whether four bytes are all digits: 0x30 to 0x39. */
export function areDigits(word: number): boolean {
  return ((word & 0xf0f0f0f0) | ((word + 0x06060606) & 0xf0f0f0f0) >>> 4) === 0x33333333;
}

/** The number that four digits stand for, the first of them in the lowest byte. */
export function valueOfDigits(word: number): number {
  const pairs = (Math.imul(word & 0x000f000f, 10) + (word >>> 8 & 0x000f000f)) | 0;
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16);
}
