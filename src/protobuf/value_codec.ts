/**
 * Converts the elements of a tensor between protobuf's repeated fields and bytes in memory. Knows the fields' wire types, not messages.
 * Both sides are little-endian, and so must the machine be.
 *
 * @module
 */
import { assert } from "../base/status.ts";
import { DTYPE_BYTES, type NumericDType } from "../base/tensor.ts";
import { malformedMessage, WIRE, WireReader } from "./wire_reader.ts";
import type { WireWriter } from "./wire_writer.ts";

/** Elements encoded per reservation of room. */
const CHUNK_ELEMENTS = 1024;
const VARINT_BYTES_MAX = 10;

assert(new Uint8Array(Uint16Array.of(1).buffer)[0] === 1, "The machine is not little endian");

/** A range of a message with values of one repeated field: a packed run, or single values with their tags. */
export interface Run {
  readonly field: number;
  readonly isPacked: boolean;
  readonly start: number;
  /** Grows while single values of the same field follow. */
  end: number;
}

/** Where values are, and how to decode them. */
export interface ValueSource {
  /** The message; {@link Run}s are offsets into it. */
  readonly message: Uint8Array;
  /** In the order of the message; those of other fields are skipped. */
  readonly runs: readonly Run[];
  readonly field: number;
}

/** A tensor's dtype and number of elements. */
export interface Elements {
  readonly dtype: NumericDType;
  readonly count: number;
}

/** An array as wide as a dtype's elements; 64-bit elements take two places, the lower half first. */
type Words = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Whether values of a dtype have the same bytes in their field and in memory, so that they can be views of the message. */
export function isVerbatim(dtype: NumericDType): boolean {
  return dtype === "f32" || dtype === "f64";
}

/** The values of a field as a view, if they are one packed run of the needed length; else undefined. */
export function viewValues(source: ValueSource, elements: Elements): Uint8Array | undefined {
  const run = source.runs[0];
  if (run === undefined || source.runs.length > 1 || run.field !== source.field || !run.isPacked) return undefined;
  const bytes = elements.count * DTYPE_BYTES[elements.dtype];
  return bytes <= run.end - run.start ? source.message.subarray(run.start, run.start + bytes) : undefined;
}

/**
 * Decodes one value per element like TensorFlow's `FromProtoField` (tensorflow/core/framework/tensor.cc): ignores surplus values,
 * repeats the last value if there are too few, uses zeros if there are none, and truncates integers to the dtype's bits.
 *
 * @returns bytes that belong to the caller.
 * @throws {ServingError} INVALID_ARGUMENT for a varint of more than ten bytes.
 */
export function decodeValues(source: ValueSource, elements: Elements): Uint8Array {
  const elementBytes = DTYPE_BYTES[elements.dtype];
  const bytes = new Uint8Array(elements.count * elementBytes);
  const filled = isVerbatim(elements.dtype) ? copyFixed(source, bytes, elementBytes) : unpack(source, bytes, elements);
  if (filled > 0) repeatLast(bytes, filled * elementBytes, elementBytes);
  return bytes;
}

function copyFixed(source: ValueSource, bytes: Uint8Array, elementBytes: number): number {
  const { message } = source;
  let at = 0;
  for (const run of source.runs) {
    if (run.field !== source.field) continue;
    if (run.isPacked) {
      const length = Math.min(run.end - run.start, bytes.length - at);
      bytes.set(message.subarray(run.start, run.start + length), at);
      at += length;
    } else {
      const reader = readRun(message, run);
      while (reader.position < run.end && at < bytes.length) {
        reader.skip(reader.readTag());
        bytes.set(message.subarray(reader.position - elementBytes, reader.position), at);
        at += elementBytes;
      }
    }
  }
  return at / elementBytes;
}

function unpack(source: ValueSource, bytes: Uint8Array<ArrayBuffer>, elements: Elements): number {
  const words = wordsOf(bytes, DTYPE_BYTES[elements.dtype]);
  const wordsEach = words.length / elements.count;
  let at = 0;
  for (const run of source.runs) {
    if (run.field !== source.field) continue;
    if (!run.isPacked) at = unpackSingles(source.message, run, { words, at, elements });
    else if (elements.dtype === "bool") at = unpackBools(source.message, run, { words, at });
    else if (wordsEach === 2) at = unpack64(source.message, run, { words, at });
    else at = unpack32(source.message, run, { words, at });
  }
  return at / wordsEach;
}

/** Target of unpacked values, from the place `at` on. Functions that fill it return the place after the last value. */
interface Target {
  readonly words: Words;
  readonly at: number;
}

function unpackSingles(message: Uint8Array, run: Run, target: Target & { elements: Elements }): number {
  const { words } = target;
  const { dtype } = target.elements;
  const reader = readRun(message, run);
  let at = target.at;
  while (reader.position < run.end && at < words.length) {
    reader.readTag();
    const low = reader.readVarint64();
    words[at++] = dtype === "bool" ? Number(low !== 0 || reader.high !== 0) : low;
    if (DTYPE_BYTES[dtype] === 8) words[at++] = reader.high;
  }
  return at;
}

function unpackBools(message: Uint8Array, run: Run, target: Target): number {
  const { words } = target;
  const reader = readRun(message, run);
  let at = target.at;
  while (reader.position < run.end && at < words.length) words[at++] = Number(reader.readBool());
  return at;
}

function unpack32(message: Uint8Array, run: Run, target: Target): number {
  const { words } = target;
  const { end } = run;
  let { at } = target;
  let position = run.start;
  while (position < end && at < words.length) {
    let byte = message[position++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw malformedMessage("a number has more than ten bytes");
      byte = message[position++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    words[at++] = value;
  }
  return at;
}

function unpack64(message: Uint8Array, run: Run, target: Target): number {
  const { words } = target;
  const { end } = run;
  let { at } = target;
  let position = run.start;
  while (position < end && at < words.length) {
    let byte = message[position++] as number;
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw malformedMessage("a number has more than ten bytes");
      byte = message[position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
    }
    words[at++] = low;
    words[at++] = high;
  }
  return at;
}

function readRun(message: Uint8Array, run: Run): WireReader {
  const reader = new WireReader(message);
  reader.position = run.start;
  reader.limit = run.end;
  return reader;
}

/** Fills the rest of `bytes` with the element before `filled`, in copies of doubling length. */
function repeatLast(bytes: Uint8Array, filled: number, elementBytes: number): void {
  const start = filled - elementBytes;
  let length = elementBytes;
  while (start + length < bytes.length) {
    bytes.copyWithin(start + length, start, start + length);
    length *= 2;
  }
}

/** Checks the last value of a packed run, which with its length means that every value is complete. */
export function checkPackedRun(message: Uint8Array, run: Run, wireType: number): void {
  const length = run.end - run.start;
  const isWhole = wireType === WIRE.FIXED32
    ? length % 4 === 0
    : wireType === WIRE.FIXED64
    ? length % 8 === 0
    : length === 0 || (message[run.end - 1] as number) < 0x80;
  if (!isWhole) throw malformedMessage("a packed field ends inside a value");
}

/** Writes the elements of a tensor as the contents of a packed field, without length and tag. */
export function encodeValues(writer: WireWriter, dtype: NumericDType, bytes: Uint8Array): void {
  switch (dtype) {
    case "f32":
    case "f64":
      return writer.writeBytes(bytes);
    case "bool":
      return writer.writeBytes(areBools(bytes) ? bytes : bytes.map((byte) => Number(byte !== 0)));
    case "i64":
    case "u64":
      return pack64(writer, wordsOf(bytes, 8));
    case "i8":
      return pack32(writer, bytes, { signShift: 24 });
    case "i16":
      return pack32(writer, wordsOf(bytes, 2), { signShift: 16 });
    case "i32":
      return pack32(writer, wordsOf(bytes, 4), { signShift: 0 });
    default:
      return pack32(writer, wordsOf(bytes, DTYPE_BYTES[dtype]));
  }
}

function areBools(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] as number) > 1) return false;
  }
  return true;
}

/** With `signShift` the words are signed and that many bits narrower than 32. */
function pack32(
  writer: WireWriter,
  words: Uint8Array | Uint16Array | Uint32Array,
  { signShift }: { signShift?: number } = {},
): void {
  const signMask = signShift === undefined ? 0 : 0x8000_0000 >>> signShift;
  const signBits = signShift === undefined ? 0 : signShift;
  for (let end = words.length; end > 0; end -= CHUNK_ELEMENTS) {
    const start = Math.max(0, end - CHUNK_ELEMENTS);
    let at = writer.reserve(CHUNK_ELEMENTS * VARINT_BYTES_MAX);
    const scratch = writer.scratch;
    for (let i = end - 1; i >= start; i--) {
      let value = words[i] as number;
      let shift = 0;
      if ((value & signMask) !== 0) {
        value = (value << signBits) >> signBits;
        // A negative number takes ten bytes, of which the upper five are always these.
        scratch[--at] = 0x01;
        for (let j = 0; j < 4; j++) scratch[--at] = 0xff;
        scratch[--at] = (value >> 28) | 0x80;
        shift = 28;
      } else {
        shift = shiftOfLastByte(value);
        scratch[--at] = value >>> shift;
      }
      while (shift > 0) {
        shift -= 7;
        scratch[--at] = (value >>> shift) | 0x80;
      }
    }
    writer.wrote(at);
  }
}

function pack64(writer: WireWriter, words: Uint8Array | Uint16Array | Uint32Array): void {
  for (let end = words.length; end > 0; end -= 2 * CHUNK_ELEMENTS) {
    const start = Math.max(0, end - 2 * CHUNK_ELEMENTS);
    let at = writer.reserve(CHUNK_ELEMENTS * VARINT_BYTES_MAX);
    const scratch = writer.scratch;
    for (let i = end - 2; i >= start; i -= 2) {
      const low = (words[i] as number) | 0;
      const high = (words[i + 1] as number) | 0;
      let shift = shiftOfLastByte(low);
      if (high >>> 3 === 0) {
        // At most 35 bits: the fifth byte is the last.
        if (high !== 0) shift = 28;
        scratch[--at] = shift === 28 ? (low >>> 28) | (high << 4) : low >>> shift;
      } else {
        // The upper half from its fourth bit on; the shifts of its bytes are 35, 42 … minus 32.
        let highShift = 7 * Math.floor((28 - Math.clz32(high)) / 7) + 3;
        scratch[--at] = high >>> highShift;
        while (highShift > 3) {
          highShift -= 7;
          scratch[--at] = (high >>> highShift) | 0x80;
        }
        scratch[--at] = (low >>> 28) | (high << 4) | 0x80;
        shift = 28;
      }
      while (shift > 0) {
        shift -= 7;
        scratch[--at] = (low >>> shift) | 0x80;
      }
    }
    writer.wrote(at);
  }
}

/** The shift of the last byte of a varint of 32 bits: seven per byte before it. */
function shiftOfLastByte(bits: number): number {
  return bits >>> 7 === 0 ? 0 : bits >>> 14 === 0 ? 7 : bits >>> 21 === 0 ? 14 : bits >>> 28 === 0 ? 21 : 28;
}

/** `bytes` as unsigned words of 1, 2 or 4 bytes, two per 8-byte element; a copy if they are misaligned. */
function wordsOf(bytes: Uint8Array<ArrayBuffer>, elementBytes: number): Words;
function wordsOf(bytes: Uint8Array, elementBytes: number): Uint8Array | Uint16Array | Uint32Array;
function wordsOf(bytes: Uint8Array, elementBytes: number): Uint8Array | Uint16Array | Uint32Array {
  const wordBytes = Math.min(elementBytes, 4);
  const { buffer, byteOffset, length } = bytes.byteOffset % wordBytes === 0 ? bytes : bytes.slice();
  if (wordBytes === 1) return new Uint8Array(buffer, byteOffset, length);
  if (wordBytes === 2) return new Uint16Array(buffer, byteOffset, length / 2);
  return new Uint32Array(buffer, byteOffset, length / 4);
}
