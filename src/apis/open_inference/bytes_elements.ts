/**
 * The elements of a BYTES tensor one behind the other, each with its length in 4 bytes, little endian, before it (Triton's binary
 * tensor data extension).
 *
 * @module
 */
import type { MalformedTensor } from "../../base/signature.ts";
import type { StringTensor } from "../../base/tensor.ts";
import type { WireWriter } from "../../protobuf/wire_writer.ts";
import { malformedInput } from "./infer_request.ts";

const LENGTH_BYTES = 4;

/**
 * Decodes the elements of an input.
 *
 * @param bytes borrowed by the elements.
 * @param count how many elements its shape has.
 */
export function decodeElements(
  name: string,
  bytes: Uint8Array,
  { shape, count }: { shape: readonly number[]; count: number },
): StringTensor | MalformedTensor {
  const found = countElements(bytes);
  if (found === undefined) return malformedInput(name, "has a BYTES element that runs past the end of its data");
  // Counted before anything is allocated: a shape may claim what it likes.
  if (found !== count) {
    return malformedInput(name, `has the shape [${shape}] of ${count} elements, but ${found} of them`);
  }
  const strings: Uint8Array[] = new Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + LENGTH_BYTES;
    at = start + lengthAt(bytes, at);
    strings[i] = bytes.subarray(start, at);
  }
  return { dtype: "string", shape, strings };
}

function countElements(bytes: Uint8Array): number | undefined {
  let count = 0;
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < LENGTH_BYTES) return undefined;
    at += LENGTH_BYTES + lengthAt(bytes, at);
    count++;
  }
  return at === bytes.length ? count : undefined;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | (bytes[at + 1] as number) << 8 | (bytes[at + 2] as number) << 16 |
    (bytes[at + 3] as number) << 24) >>> 0;
}

/** How many bytes the elements take. */
export function elementsByteLength(strings: readonly Uint8Array[]): number {
  let length = strings.length * LENGTH_BYTES;
  for (const string of strings) length += string.length;
  return length;
}

/** Writes elements in front of what a writer holds. Long ones are borrowed. */
export function writeElements(writer: WireWriter, strings: readonly Uint8Array[]): void {
  for (let i = strings.length - 1; i >= 0; i--) {
    const string = strings[i] as Uint8Array;
    writer.writeBytes(string);
    const at = writer.reserve(LENGTH_BYTES) - LENGTH_BYTES;
    const { scratch } = writer;
    const { length } = string;
    scratch[at] = length;
    scratch[at + 1] = length >>> 8;
    scratch[at + 2] = length >>> 16;
    scratch[at + 3] = length >>> 24;
    writer.wrote(at);
  }
}

/** The elements in memory of their own. */
export function encodeElements(strings: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(elementsByteLength(strings));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const string of strings) {
    view.setUint32(at, string.length, true);
    bytes.set(string, at + LENGTH_BYTES);
    at += LENGTH_BYTES + string.length;
  }
  return bytes;
}
