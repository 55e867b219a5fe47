/**
 * Writes protobuf's wire format from the end of a message to its front. The contents of a length-delimited field are written before
 * its length, so nothing is measured first or moved afterwards. Knows field types, not messages.
 *
 * @module
 */
import { WIRE } from "./wire_reader.ts";

/** Initial size of the scratch buffer, and the size up to which a grown one is kept for the next message. */
const SCRATCH_BYTES_MIN = 16 * 1024;
const SCRATCH_BYTES_KEPT = 4 * 1024 * 1024;
/** Views of at least this many bytes are borrowed; shorter ones are copied, which costs less than one more part. */
const BORROWED_BYTES_MIN = 2048;
/** The longest varint. */
const VARINT_BYTES_MAX = 10;

const utf8 = new TextEncoder();

/**
 * Writes one message at a time, last field first, and returns it in parts: pieces of its scratch buffer and borrowed views. To write a
 * sub-message or a packed field: `const end = writer.length`, its contents (backwards), then `writer.writeLength(end)` and
 * `writer.writeTag(…)`.
 */
export class WireWriter {
  #scratch = new Uint8Array(SCRATCH_BYTES_MIN);
  /** The scratch buffer is filled from its end downwards; this is the last byte written. */
  #position = SCRATCH_BYTES_MIN;
  /** Bytes of the scratch buffer, counted from its end, that come after a borrowed view. */
  #closed = 0;
  /** The pieces after {@link #closed}, last one first: views, and ranges of scratch as distances from its end. */
  #pieces: (Uint8Array | { readonly from: number; readonly to: number })[] = [];
  #borrowed = 0;
  /** The last message in one piece. Replies repeat their lengths, and a view costs more memory than a short message. */
  #whole: readonly Uint8Array[] = [];

  /** Bytes of the message so far. */
  get length(): number {
    return this.#borrowed + this.#scratch.length - this.#position;
  }

  /** Begins a message; the parts of the last one become invalid. */
  begin(): void {
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) {
      this.#scratch = new Uint8Array(SCRATCH_BYTES_MIN);
      this.#whole = [];
    }
    this.#position = this.#scratch.length;
    this.#closed = 0;
    this.#borrowed = 0;
    if (this.#pieces.length > 0) this.#pieces = [];
  }

  /** The message in parts, in order. They are borrowed from the writer, until {@link begin}, or from the owners of the views. */
  finish(): readonly Uint8Array[] {
    const { length } = this.#scratch;
    if (this.#pieces.length === 0) return this.#finishWhole();
    this.#closePiece();
    const parts: Uint8Array[] = [];
    for (let i = this.#pieces.length - 1; i >= 0; i--) {
      const piece = this.#pieces[i] as Uint8Array | { readonly from: number; readonly to: number };
      parts.push(piece instanceof Uint8Array ? piece : this.#scratch.subarray(length - piece.to, length - piece.from));
    }
    return parts;
  }

  #finishWhole(): readonly Uint8Array[] {
    const last = this.#whole[0];
    if (last?.length === this.length && last.buffer === this.#scratch.buffer) return this.#whole;
    return this.#whole = [this.#scratch.subarray(this.#position)];
  }

  /** A field's number and wire type, before its value: `number << 3 | wire type`. */
  writeTag(tag: number): void {
    this.writeUint32(tag);
  }

  /** The length of everything written since {@link length} was `end`. */
  writeLength(end: number): void {
    this.writeUint32(this.length - end);
  }

  /** A varint of 32 bits, unsigned. */
  writeUint32(value: number): void {
    let at = this.reserve(VARINT_BYTES_MAX);
    const scratch = this.#scratch;
    let shift = value < 0x80 ? 0 : value < 0x4000 ? 7 : value < 0x20_0000 ? 14 : value < 0x1000_0000 ? 21 : 28;
    scratch[--at] = value >>> shift;
    while (shift > 0) {
      shift -= 7;
      // Storing a byte drops what is above it.
      scratch[--at] = (value >>> shift) | 0x80;
    }
    this.#position = at;
  }

  /** A varint of 64 bits, two's complement: an int64, or an int32 that is negative. */
  writeInt64(value: number | bigint): void {
    if (typeof value === "number" && value >= 0 && value < 0x1_0000_0000) return this.writeUint32(value);
    let bits = BigInt.asUintN(64, BigInt(value));
    const groups: number[] = [];
    for (; bits >= 0x80n; bits >>= 7n) groups.push(Number(bits & 0x7fn) | 0x80);
    groups.push(Number(bits));
    this.writeBytes(Uint8Array.from(groups));
  }

  /** A string's bytes, without their length. */
  writeText(text: string): void {
    const length = text.length;
    if (length > 64) return this.writeBytes(utf8.encode(text));
    const from = this.reserve(length) - length;
    const scratch = this.#scratch;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return this.writeBytes(utf8.encode(text));
      scratch[from + i] = code;
    }
    this.#position = from;
  }

  /** A string field with its tag; an empty one is omitted, as in proto3. */
  writeTextField(field: number, text: string): void {
    if (text === "") return;
    const end = this.length;
    this.writeText(text);
    this.writeLength(end);
    this.writeTag(field << 3 | WIRE.LENGTH);
  }

  /** An int64, int32 or enum field with its tag; zero is omitted, as in proto3. */
  writeNumberField(field: number, value: number | bigint): void {
    if (Number(value) === 0) return;
    this.writeInt64(value);
    this.writeTag(field << 3 | WIRE.VARINT);
  }

  /** A float field with its tag; positive zero is omitted, as in proto3. */
  writeFloatField(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.writeFloat(value);
    this.writeTag(field << 3 | WIRE.FIXED32);
  }

  /** A float without its tag, as in a packed field. */
  writeFloat(value: number): void {
    this.writeBytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A length-delimited field with its tag, present even if `writeContents` writes nothing. */
  writeMessageField(field: number, writeContents: () => void): void {
    const end = this.length;
    writeContents();
    this.writeLength(end);
    this.writeTag(field << 3 | WIRE.LENGTH);
  }

  /** Bytes without their length. Long ones are borrowed until the message's parts have been used. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length >= BORROWED_BYTES_MIN) {
      this.#closePiece();
      this.#pieces.push(bytes);
      this.#borrowed += bytes.length;
      return;
    }
    const from = this.reserve(bytes.length) - bytes.length;
    const scratch = this.#scratch;
    if (bytes.length > 48) scratch.set(bytes, from);
    else for (let i = 0; i < bytes.length; i++) scratch[from + i] = bytes[i] as number;
    this.#position = from;
  }

  /**
   * Makes room for `bytes` more in the scratch buffer, for a loop that fills it backwards by itself.
   *
   * @returns the index in {@link scratch} just after the room; report with {@link wrote} how far down it was filled.
   */
  reserve(bytes: number): number {
    if (this.#position < bytes) this.#grow(bytes);
    return this.#position;
  }

  /** The scratch buffer; the next {@link reserve} may replace it. */
  get scratch(): Uint8Array {
    return this.#scratch;
  }

  /** The scratch buffer is filled down to `position`. */
  wrote(position: number): void {
    this.#position = position;
  }

  #grow(bytes: number): void {
    const used = this.#scratch.length - this.#position;
    const grown = new Uint8Array(Math.max(this.#scratch.length * 2, used + bytes));
    grown.set(this.#scratch.subarray(this.#position), grown.length - used);
    this.#scratch = grown;
    this.#position = grown.length - used;
  }

  #closePiece(): void {
    const used = this.#scratch.length - this.#position;
    if (used > this.#closed) this.#pieces.push({ from: this.#closed, to: used });
    this.#closed = used;
  }
}
