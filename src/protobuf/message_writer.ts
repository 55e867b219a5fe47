/**
 * The little protobuf that a `tensorflow.Example` needs: fields one behind the other, as encoding.md of protobuf has them.
 *
 * @module
 */

const LENGTH_DELIMITED = 2;

/** Collects the fields of one message, or the values of one packed field. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Adds a field of bytes, text or a message. Borrows the bytes until {@link finish}. */
  bytes(field: number, bytes: Uint8Array): void {
    this.varint(BigInt(field << 3 | LENGTH_DELIMITED));
    this.varint(BigInt(bytes.length));
    this.raw(bytes);
  }

  /** Adds a number without a tag: a value of a packed field. */
  varint(value: bigint): void {
    const encoded: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) encoded.push(Number(rest & 0x7fn) | 0x80);
    encoded.push(Number(rest));
    this.raw(Uint8Array.from(encoded));
  }

  /** Adds a float without a tag: a value of a packed field. */
  float(value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.raw(bytes);
  }

  /** Adds bytes that are fields already. Borrows them until {@link finish}. */
  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** The message; owned by the caller. */
  finish(): Uint8Array {
    const message = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      message.set(part, at);
      at += part.length;
    }
    return message;
  }
}
