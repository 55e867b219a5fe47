/**
 * TensorProto to tensors and back, by TensorFlow's rules (tensorflow/core/framework/{tensor,types}.proto, tensor.cc).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type StringTensor, type Tensor } from "../../../base/tensor.ts";
import type { MalformedTensor } from "../../../base/signature.ts";
import { DATA_TYPE, dataTypeName, dtypeOf } from "./data_type.ts";
import {
  checkPackedRun,
  decodeValues,
  encodeValues,
  isVerbatim,
  type Run,
  viewValues,
} from "../../../protobuf/value_codec.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import type { WireWriter } from "../../../protobuf/wire_writer.ts";

/** TensorShape's bound on the number of dimensions (tensorflow/core/framework/tensor_shape.h). */
const RANK_MAX = 254;
/** More pieces than any encoder splits values into. In memory a piece takes many times its two or three bytes on the wire. */
const RUNS_MAX = 1 << 16;
/** Memory of one element of a string tensor besides its bytes, in bytes: a view. */
const STRING_BYTES = 104;
const NO_BYTES = new Uint8Array(0);

/** The repeated field of TensorProto that holds the values of each dtype. */
const VALUE_FIELD: Readonly<Record<DType, number>> = {
  f32: 5,
  f64: 6,
  i32: 7,
  i16: 7,
  u16: 7,
  i8: 7,
  u8: 7,
  string: 8,
  i64: 10,
  bool: 11,
  f16: 13,
  bf16: 13,
  u32: 16,
  u64: 17,
};

/** The wire type of a single value of those fields, by number; undefined for every other field. */
const VALUE_WIRE: readonly (number | undefined)[] = (() => {
  const wires: (number | undefined)[] = new Array(18).fill(undefined);
  for (const field of [7, 10, 11, 13, 16, 17]) wires[field] = WIRE.VARINT;
  wires[5] = WIRE.FIXED32;
  wires[6] = WIRE.FIXED64;
  wires[8] = WIRE.LENGTH;
  return wires;
})();

/** Bytes that may still be allocated for the tensors of one message; views of the message cost nothing. */
export interface TensorBudget {
  bytesLeft: number;
}

/**
 * Reads one TensorProto, which may come in several parts. Reusable: call {@link clear}, {@link read} for each part, {@link tensor}.
 */
export class TensorReader {
  #dataType = 0;
  /** The first {@link TensorReader.#rank} elements are the shape; copied once it is complete. */
  readonly #sizes: number[] = [];
  #rank = 0;
  #contentStart = 0;
  #contentEnd = 0;
  #runs: Run[] = [];

  /** Starts another tensor. */
  clear(): void {
    this.#dataType = 0;
    this.#rank = 0;
    this.#contentStart = 0;
    this.#contentEnd = 0;
    if (this.#runs.length > 0) this.#runs = [];
  }

  /** Reads a part up to the reader's limit, and merges it with the earlier ones as protobuf does. */
  read(reader: WireReader): void {
    while (reader.position < reader.limit) {
      const start = reader.position;
      const tag = reader.readTag();
      switch (tag) {
        case 1 << 3 | WIRE.VARINT:
          this.#dataType = reader.readInt32();
          break;
        case 2 << 3 | WIRE.LENGTH: {
          const outer = reader.enter();
          this.#readShape(reader);
          reader.leave(outer);
          break;
        }
        case 4 << 3 | WIRE.LENGTH: {
          const length = reader.readLength();
          this.#contentStart = reader.position;
          this.#contentEnd = reader.position += length;
          break;
        }
        default:
          this.#readValues(reader, { tag, start });
      }
    }
  }

  /** Skips unknown_rank, which TensorFlow ignores for a tensor with values. */
  #readShape(reader: WireReader): void {
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if (tag !== (2 << 3 | WIRE.LENGTH)) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.enter();
      let size = 0;
      while (reader.position < reader.limit) {
        const inner = reader.readTag();
        if (inner === (1 << 3 | WIRE.VARINT)) size = reader.readInt64AsNumber();
        else reader.skip(inner);
      }
      reader.leave(outer);
      // One too many is enough to reject the shape.
      if (this.#rank <= RANK_MAX) this.#sizes[this.#rank++] = size;
    }
  }

  /** Records where values are; decoding them takes the dtype, which may follow. */
  #readValues(reader: WireReader, { tag, start }: { tag: number; start: number }): void {
    const field = tag >>> 3;
    const wireType = VALUE_WIRE[field];
    if (wireType === (tag & 7)) {
      reader.skip(tag);
      const last = this.#runs[this.#runs.length - 1];
      if (last !== undefined && last.field === field && !last.isPacked && last.end === start) {
        last.end = reader.position;
      } else this.#addRun({ field, isPacked: false, start, end: reader.position });
    } else if (wireType !== undefined && (tag & 7) === WIRE.LENGTH) {
      const length = reader.readLength();
      const run = { field, isPacked: true, start: reader.position, end: reader.position + length };
      checkPackedRun(reader.bytes, run, wireType);
      reader.position = run.end;
      this.#addRun(run);
    } else {
      reader.skip(tag);
    }
  }

  #addRun(run: Run): void {
    if (this.#runs.length === RUNS_MAX) {
      throw new ServingError(CODE.RESOURCE_EXHAUSTED, `A tensor's values are in more than ${RUNS_MAX} pieces`);
    }
    this.#runs.push(run);
  }

  /**
   * Returns the tensor that was read, by the rules of `Tensor::FromProto`; `name` is for errors.
   *
   * @returns a tensor that borrows the message if its bytes can be used in place (tensor_content, packed floats), and owns its bytes
   * otherwise. For an invalid tensor, the error: INVALID_ARGUMENT, or RESOURCE_EXHAUSTED if it would exceed the budget.
   */
  tensor(message: Uint8Array, { name, budget }: { name: string; budget: TensorBudget }): Tensor | MalformedTensor {
    const dtype = dtypeOf(this.#dataType);
    if (dtype === undefined) return this.#refuseDataType(name);
    const shape = this.#sizes.slice(0, this.#rank);
    const count = countElements(shape);
    if (count === undefined) return parsingError(name);
    if (count === 0) return dtype === "string" ? { dtype, shape, strings: [] } : { dtype, shape, bytes: NO_BYTES };
    if (dtype === "string") return this.#strings(message, { name, budget, shape, count });

    if (this.#contentEnd > this.#contentStart) {
      if (this.#contentEnd - this.#contentStart !== count * DTYPE_BYTES[dtype]) return parsingError(name);
      return { dtype, shape, bytes: message.subarray(this.#contentStart, this.#contentEnd) };
    }
    const source = { message, runs: this.#runs, field: VALUE_FIELD[dtype] };
    const view = isVerbatim(dtype) ? viewValues(source, { dtype, count }) : undefined;
    if (view !== undefined) return { dtype, shape, bytes: view };
    const refused = spend(budget, { name, bytes: count * DTYPE_BYTES[dtype] });
    return refused ?? { dtype, shape, bytes: decodeValues(source, { dtype, count }) };
  }

  #refuseDataType(name: string): MalformedTensor {
    if (this.#dataType === 0) return parsingError(name);
    return malformed(
      CODE.INVALID_ARGUMENT,
      `Tensor ${name} has dtype ${dataTypeName(this.#dataType)}, which is not supported`,
    );
  }

  #strings(
    message: Uint8Array,
    { name, budget, shape, count }: { name: string; budget: TensorBudget; shape: readonly number[]; count: number },
  ): StringTensor | MalformedTensor {
    const refused = spend(budget, { name, bytes: count * STRING_BYTES });
    if (refused !== undefined) return refused;
    const strings = this.#contentEnd > this.#contentStart
      ? splitStrings(message.subarray(this.#contentStart, this.#contentEnd), count)
      : this.#stringValues(message, count);
    return strings === undefined ? parsingError(name) : { dtype: "string", shape, strings };
  }

  #stringValues(message: Uint8Array, count: number): Uint8Array[] {
    const strings: Uint8Array[] = [];
    const reader = new WireReader(message);
    for (const run of this.#runs) {
      if (run.field !== VALUE_FIELD.string) continue;
      reader.position = run.start;
      while (reader.position < run.end && strings.length < count) {
        reader.readTag();
        strings.push(reader.readView());
      }
    }
    const last = strings[strings.length - 1] ?? NO_BYTES;
    while (strings.length < count) strings.push(last);
    return strings;
  }
}

/** Splits `count` lengths followed by as many strings (`DecodeStringList` in tensorflow/core/platform/coding). */
function splitStrings(content: Uint8Array, count: number): Uint8Array[] | undefined {
  const reader = new WireReader(content);
  const lengths: number[] = [];
  let total = 0;
  try {
    for (let i = 0; i < count; i++) {
      const length = reader.readUint32("a string's length");
      lengths.push(length);
      total += length;
    }
  } catch {
    return undefined;
  }
  if (total !== content.length - reader.position) return undefined;
  let at = reader.position;
  return lengths.map((length) => content.subarray(at, at += length));
}

/** The number of elements; undefined for a shape that no tensor can have. */
function countElements(shape: readonly number[]): number | undefined {
  if (shape.length > RANK_MAX) return undefined;
  try {
    return elementCount(shape);
  } catch {
    return undefined;
  }
}

function spend(
  budget: TensorBudget,
  { name, bytes }: { name: string; bytes: number },
): MalformedTensor | undefined {
  if (bytes > budget.bytesLeft) {
    return malformed(
      CODE.RESOURCE_EXHAUSTED,
      `Tensor ${name} takes ${bytes} bytes of memory, ${budget.bytesLeft} are left to the request`,
    );
  }
  budget.bytesLeft -= bytes;
  return undefined;
}

/** TensorFlow Serving's error for a TensorProto that `Tensor::FromProto` rejects. */
function parsingError(name: string): MalformedTensor {
  return malformed(CODE.INVALID_ARGUMENT, `tensor parsing error: ${name}`);
}

function malformed(code: ServingError["code"], message: string): MalformedTensor {
  return { dtype: "malformed", error: new ServingError(code, message) };
}

/**
 * Writes the fields of a TensorProto, without its length and tag: every value in the dtype's typed field, as TensorFlow's
 * `Tensor::AsProtoField` does, or with `asTensorContent` as `Tensor::AsProtoTensorContent` does. Large tensors are borrowed.
 */
export function writeTensor(
  writer: WireWriter,
  tensor: Tensor,
  { asTensorContent }: { asTensorContent: boolean },
): void {
  if (tensor.dtype === "string") {
    if (asTensorContent) writeStringContent(writer, tensor.strings);
    else writeStrings(writer, tensor.strings);
  } else if (tensor.bytes.length > 0) {
    const end = writer.length;
    if (asTensorContent) writer.writeBytes(tensor.bytes);
    else encodeValues(writer, tensor.dtype, tensor.bytes);
    writer.writeLength(end);
    writer.writeTag((asTensorContent ? 4 : VALUE_FIELD[tensor.dtype]) << 3 | WIRE.LENGTH);
  }
  writeShape(writer, tensor.shape);
  writer.writeTag(2 << 3 | WIRE.LENGTH);
  writer.writeUint32(DATA_TYPE[tensor.dtype]);
  writer.writeTag(1 << 3 | WIRE.VARINT);
}

/** Writes a TensorShapeProto with its length, without a tag. */
function writeShape(writer: WireWriter, shape: readonly number[]): void {
  const end = writer.length;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] as number;
    const dimensionEnd = writer.length;
    if (size !== 0) {
      writer.writeInt64(size);
      writer.writeTag(1 << 3 | WIRE.VARINT);
    }
    writer.writeLength(dimensionEnd);
    writer.writeTag(2 << 3 | WIRE.LENGTH);
  }
  writer.writeLength(end);
}

function writeStrings(writer: WireWriter, strings: readonly Uint8Array[]): void {
  for (let i = strings.length - 1; i >= 0; i--) {
    const end = writer.length;
    writer.writeBytes(strings[i] as Uint8Array);
    writer.writeLength(end);
    writer.writeTag(VALUE_FIELD.string << 3 | WIRE.LENGTH);
  }
}

function writeStringContent(writer: WireWriter, strings: readonly Uint8Array[]): void {
  if (strings.length === 0) return;
  const end = writer.length;
  for (let i = strings.length - 1; i >= 0; i--) writer.writeBytes(strings[i] as Uint8Array);
  for (let i = strings.length - 1; i >= 0; i--) writer.writeUint32((strings[i] as Uint8Array).length);
  writer.writeLength(end);
  writer.writeTag(4 << 3 | WIRE.LENGTH);
}
