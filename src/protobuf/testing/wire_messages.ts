/**
 * Builds messages by hand, for tests of what no encoder writes.
 *
 * @module
 */
import type { Span } from "../../base/bytes.ts";
import { WIRE } from "../wire_reader.ts";

/** A varint of 64 bits, two's complement. */
export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

/** A field with a varint. */
export function numberField(field: number, value: number | bigint): number[] {
  return [...varint(field << 3 | WIRE.VARINT), ...varint(value)];
}

/** A length-delimited field: a string, bytes, a packed run, or a sub-message of the fields given. */
export function lengthField(field: number, ...contents: (string | readonly number[] | Uint8Array)[]): number[] {
  const bytes = contents.flatMap((content) =>
    typeof content === "string" ? [...new TextEncoder().encode(content)] : [...content]
  );
  return [...varint(field << 3 | WIRE.LENGTH), ...varint(bytes.length), ...bytes];
}

/** A message of the fields given. */
export function message(...fields: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(fields.flat());
}

/** The bytes within a larger array, like a stream's data. */
export function span(bytes: Uint8Array): Span {
  const around = new Uint8Array(bytes.length + 7).fill(254);
  around.set(bytes, 3);
  return { bytes: around, start: 3, end: 3 + bytes.length };
}
