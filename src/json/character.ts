/**
 * The characters that JSON gives a meaning.
 *
 * @module
 */

/** Characters by name. */
export const CHARACTER = {
  SPACE: 0x20,
  QUOTE: 0x22,
  PLUS: 0x2b,
  COMMA: 0x2c,
  MINUS: 0x2d,
  DOT: 0x2e,
  ZERO: 0x30,
  NINE: 0x39,
  COLON: 0x3a,
  UPPER_I: 0x49,
  UPPER_N: 0x4e,
  LEFT_BRACKET: 0x5b,
  BACKSLASH: 0x5c,
  RIGHT_BRACKET: 0x5d,
  LOWER_E: 0x65,
  LOWER_F: 0x66,
  LOWER_I: 0x69,
  LOWER_N: 0x6e,
  LOWER_T: 0x74,
  LOWER_U: 0x75,
  LEFT_BRACE: 0x7b,
  RIGHT_BRACE: 0x7d,
} as const;

/** Whether a character is a digit; undefined is none. */
export function isDigit(character: number | undefined): boolean {
  return (character as number) >= CHARACTER.ZERO && (character as number) <= CHARACTER.NINE;
}
