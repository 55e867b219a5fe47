/**
 * Tensors as graphs hold them (tensorflow/core/framework/{tensor,tensor_shape}.proto).
 *
 * @module
 */
import type { Dimension, PartialShape } from "../../../base/signature.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import { DTYPE_BYTES, elementCount, type NumericDType, type Tensor } from "../../../base/tensor.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import type { WireWriter } from "../../../protobuf/wire_writer.ts";
import { dataTypeOf, dtypeOf } from "./data_types.ts";

/** No tensor of a graph that is worth evaluating here has more axes or elements. */
const RANK_MAX = 254;
const ELEMENTS_MAX = 1 << 28;

const UNKNOWN: Dimension = { min: 0, max: Infinity };

/** The field of each numeric dtype's values: its number, and how a value is read into an element. */
const VALUE_FIELDS: Readonly<Record<NumericDType, number>> = {
  f32: 5,
  f64: 6,
  i32: 7,
  i16: 7,
  i8: 7,
  u16: 7,
  u8: 7,
  i64: 10,
  bool: 11,
  f16: 13,
  bf16: 13,
  u32: 16,
  u64: 17,
};

/**
 * Reads a `TensorShapeProto`.
 *
 * @throws {ServingError} INVALID_ARGUMENT when the bytes are not protobuf or have too many axes.
 */
export function readShape(bytes: Uint8Array): PartialShape {
  const reader = new WireReader(bytes);
  const dimensions: Dimension[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (3 << 3 | WIRE.VARINT)) {
      if (reader.readBool()) return undefined;
    } else if (tag === (2 << 3 | WIRE.LENGTH)) {
      if (dimensions.length === RANK_MAX) throw malformed("a shape has too many axes");
      dimensions.push(readDimension(new WireReader(reader.readView())));
    } else reader.skip(tag);
  }
  return dimensions;
}

function readDimension(reader: WireReader): Dimension {
  let size = 0;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.VARINT)) size = reader.readInt64AsNumber();
    else reader.skip(tag);
  }
  return size < 0 ? UNKNOWN : { min: size, max: size };
}

/** Writes a `TensorShapeProto` without its length. */
export function writeShape(writer: WireWriter, shape: PartialShape): void {
  if (shape === undefined) return writer.writeNumberField(3, 1);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const { min, max } = shape[axis] as Dimension;
    writer.writeMessageField(2, () => writer.writeNumberField(1, min === max ? min : -1));
  }
}

/** A shape whose every size is known, as a tensor's is. */
export function staticShape(shape: readonly number[]): PartialShape {
  return shape.map((size) => ({ min: size, max: size }));
}

/**
 * Reads a `TensorProto`. Numbers are little endian; values fewer than the shape's elements repeat the last one, as
 * `Tensor::FromProto` of TensorFlow does.
 *
 * @returns a tensor that borrows the bytes where they are `tensor_content`; undefined for an element type without a dtype.
 * @throws {ServingError} INVALID_ARGUMENT for bytes that are no tensor.
 */
export function readTensor(bytes: Uint8Array): Tensor | undefined {
  const reader = new WireReader(bytes);
  let dataType = 0;
  let shape: PartialShape = [];
  let content: Uint8Array | undefined;
  const strings: Uint8Array[] = [];
  const values: { field: number; view: Uint8Array; isPacked: boolean }[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const field = tag >>> 3;
    if (tag === (1 << 3 | WIRE.VARINT)) dataType = reader.readInt32();
    else if (tag === (2 << 3 | WIRE.LENGTH)) shape = readShape(reader.readView());
    else if (tag === (4 << 3 | WIRE.LENGTH)) content = reader.readView();
    else if (tag === (8 << 3 | WIRE.LENGTH)) strings.push(reader.readView());
    else if ((tag & 7) === WIRE.LENGTH) values.push({ field, view: reader.readView(), isPacked: true });
    else {
      const start = reader.position;
      reader.skip(tag);
      values.push({ field, view: bytes.subarray(start, reader.position), isPacked: false });
    }
  }
  const dtype = dtypeOf(dataType);
  if (dtype === undefined) return undefined;
  const sizes = (shape ?? []).map(({ min, max }) => min === max ? min : -1);
  const count = elementCount(sizes);
  if (count > ELEMENTS_MAX) throw malformed("a tensor has too many elements");
  if (dtype === "string") {
    if (strings.length > count) throw malformed("a tensor has more values than its shape");
    const last = strings.at(-1) ?? new Uint8Array(0);
    return { dtype, shape: sizes, strings: Array.from({ length: count }, (_, i) => strings[i] ?? last) };
  }
  const size = count * DTYPE_BYTES[dtype];
  if (content !== undefined && content.length > 0) {
    if (content.length !== size) throw malformed("a tensor's content does not fit its shape");
    return { dtype, shape: sizes, bytes: content };
  }
  const field = VALUE_FIELDS[dtype];
  const views = values.filter((value) => value.field === field).map(({ view }) => view);
  return { dtype, shape: sizes, bytes: readValues(dtype, views, { count, size }) };
}

function readValues(
  dtype: NumericDType,
  views: readonly Uint8Array[],
  { count, size }: { count: number; size: number },
): Uint8Array {
  const bytes = new Uint8Array(size);
  const width = DTYPE_BYTES[dtype];
  const isFixed = dtype === "f32" || dtype === "f64";
  let filled = 0;
  for (const view of views) {
    const reader = new WireReader(view);
    while (reader.position < reader.limit) {
      if (filled === count) throw malformed("a tensor has more values than its shape");
      const at = filled * width;
      if (isFixed) {
        if (reader.limit - reader.position < width) throw malformed("a number runs past the end");
        bytes.set(view.subarray(reader.position, reader.position + width), at);
        reader.position += width;
      } else {
        const low = dtype === "bool" ? Number(reader.readBool()) : reader.readVarint64();
        for (let i = 0; i < Math.min(width, 4); i++) bytes[at + i] = low >>> (8 * i);
        for (let i = 4; i < width; i++) bytes[at + i] = reader.high >>> (8 * (i - 4));
      }
      filled++;
    }
  }
  if (filled > 0 && filled < count) {
    const last = bytes.slice((filled - 1) * width, filled * width);
    if (last.some((byte) => byte !== 0)) {
      for (let i = filled; i < count; i++) bytes.set(last, i * width);
    }
  }
  return bytes;
}

/** Writes a `TensorProto` without its length; borrows the tensor's bytes until the message was used. */
export function writeTensor(writer: WireWriter, tensor: Tensor): void {
  if (tensor.dtype === "string") {
    for (let i = tensor.strings.length - 1; i >= 0; i--) {
      const end = writer.length;
      writer.writeBytes(tensor.strings[i] as Uint8Array);
      writer.writeLength(end);
      writer.writeTag(8 << 3 | WIRE.LENGTH);
    }
  } else {
    const end = writer.length;
    writer.writeBytes(tensor.bytes);
    writer.writeLength(end);
    writer.writeTag(4 << 3 | WIRE.LENGTH);
  }
  writer.writeMessageField(2, () => writeShape(writer, staticShape(tensor.shape)));
  writer.writeNumberField(1, dataTypeOf(tensor.dtype));
}

function malformed(reason: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot parse message: ${reason}`);
}
