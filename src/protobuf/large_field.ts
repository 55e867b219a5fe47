/**
 * Finds the first long field of a message that is still arriving, so that its bytes can be placed where they need no further copy.
 *
 * @module
 */
import type { Span } from "../base/bytes.ts";
import { WIRE, WireReader } from "./wire_reader.ts";

/** Shorter fields are copied to where the engine reads them, which costs less than binding them in place. */
const LARGE_FIELD_BYTES = 64 << 10;

/** What a long field is: a message to look into, the bytes that are searched, or neither. */
export type LargeField = "message" | "found" | undefined;

/**
 * Finds a field of at least 64 kB.
 *
 * @param span what has arrived of the message.
 * @param length the whole message's, in bytes.
 * @param kindOf judges a long field by its number and by how many messages it is nested in.
 * @returns where the field's bytes begin, from the message's start; 0 if there is none, or it lies further on.
 */
export function findLargeField(
  { bytes, start, end }: Span,
  length: number,
  kindOf: (field: number, depth: number) => LargeField,
): number {
  const reader = new WireReader(bytes);
  reader.position = start;
  reader.limit = start + length;
  try {
    for (let depth = 0; reader.position < end;) {
      const tag = reader.readTag();
      if ((tag & 7) !== WIRE.LENGTH) {
        reader.skip(tag);
        continue;
      }
      const fieldLength = reader.readLength();
      if (fieldLength < LARGE_FIELD_BYTES) {
        reader.position += fieldLength;
        continue;
      }
      const kind = kindOf(tag >>> 3, depth);
      if (kind === "found") return reader.position <= end ? reader.position - start : 0;
      if (kind === undefined) return 0;
      depth++;
    }
  } catch {
    // Decoding reports what is wrong with the message.
  }
  return 0;
}
