/**
 * Attributes of graph nodes (`AttrValue` of tensorflow/core/framework/attr_value.proto). They stay in wire form until one is
 * needed, so that the tensors in them are never copied.
 *
 * @module
 */
import type { PartialShape } from "../../../base/signature.ts";
import type { Tensor } from "../../../base/tensor.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { joinParts } from "../../../base/bytes.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";
import { readShape, readTensor, writeShape, writeTensor } from "./tensor_proto.ts";

/** The attributes of a node by name, each the bytes of an `AttrValue`. */
export type Attributes = Map<string, Uint8Array>;

const LIST = 1;
const BYTES = 2;
const INT = 3;
const FLOAT = 4;
const BOOL = 5;
const TYPE = 6;
const SHAPE = 7;
const TENSOR = 8;
const FUNCTION = 10;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A number of an attribute (`i`, `b` or `type`); 0 when it is absent or of another kind. */
export function numberOf(attributes: Attributes, name: string): number {
  const value = attributes.get(name);
  if (value === undefined) return 0;
  const reader = new WireReader(value);
  let number = 0;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const field = tag >>> 3;
    const isNumber = (tag & 7) === WIRE.VARINT && (field === INT || field === BOOL || field === TYPE);
    if (isNumber) number = reader.readInt64AsNumber();
    else reader.skip(tag);
  }
  return number;
}

function delimited(value: Uint8Array | undefined, field: number): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const reader = new WireReader(value);
  let found: Uint8Array | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (field << 3 | WIRE.LENGTH)) found = reader.readView();
    else reader.skip(tag);
  }
  return found;
}

/** A bytes attribute; undefined when it is absent. */
export function bytesOf(attributes: Attributes, name: string): Uint8Array | undefined {
  return delimited(attributes.get(name), BYTES);
}

/** A bytes attribute as text; empty when it is absent. */
export function textOf(attributes: Attributes, name: string): string {
  return decoder.decode(bytesOf(attributes, name));
}

/** A shape attribute; undefined for an unknown rank or when it is absent. */
export function shapeOf(attributes: Attributes, name: string): PartialShape {
  const view = delimited(attributes.get(name), SHAPE);
  return view === undefined ? undefined : readShape(view);
}

/** A tensor attribute; undefined when it is absent or of an element type without a dtype. */
export function tensorOf(attributes: Attributes, name: string): Tensor | undefined {
  const view = delimited(attributes.get(name), TENSOR);
  return view === undefined ? undefined : readTensor(view);
}

/** The name of a function attribute; undefined when it is absent. */
export function functionOf(attributes: Attributes, name: string): string | undefined {
  const view = delimited(attributes.get(name), FUNCTION);
  return view === undefined ? undefined : decoder.decode(delimited(view, 1));
}

/** The numbers (`i` or `type`) of a list attribute; empty when it is absent. */
export function numbersOf(attributes: Attributes, name: string): number[] {
  const view = delimited(attributes.get(name), LIST);
  const numbers: number[] = [];
  if (view === undefined) return numbers;
  const reader = new WireReader(view);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const field = tag >>> 3;
    if (field !== INT && field !== TYPE) reader.skip(tag);
    else if ((tag & 7) === WIRE.VARINT) numbers.push(reader.readInt64AsNumber());
    else if ((tag & 7) === WIRE.LENGTH) {
      const outer = reader.enter();
      while (reader.position < reader.limit) numbers.push(reader.readInt64AsNumber());
      reader.leave(outer);
    } else reader.skip(tag);
  }
  return numbers;
}

/** The shapes of a list attribute; empty when it is absent. */
export function shapesOf(attributes: Attributes, name: string): PartialShape[] {
  const view = delimited(attributes.get(name), LIST);
  const shapes: PartialShape[] = [];
  if (view === undefined) return shapes;
  const reader = new WireReader(view);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (SHAPE << 3 | WIRE.LENGTH)) shapes.push(readShape(reader.readView()));
    else reader.skip(tag);
  }
  return shapes;
}

/** Names of all functions an attribute refers to, in lists too. */
export function functionsOf(value: Uint8Array): string[] {
  const names: string[] = [];
  const single = delimited(value, FUNCTION);
  if (single !== undefined) names.push(decoder.decode(delimited(single, 1)));
  const list = delimited(value, LIST);
  if (list === undefined) return names;
  const reader = new WireReader(list);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (9 << 3 | WIRE.LENGTH)) names.push(decoder.decode(delimited(reader.readView(), 1)));
    else reader.skip(tag);
  }
  return names;
}

function attribute(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  writer.begin();
  write(writer);
  return joinParts(writer.finish());
}

// A oneof member is written even when it is zero: its presence says which member is set.
function varint(field: number, value: number): Uint8Array {
  return attribute((writer) => {
    writer.writeInt64(value);
    writer.writeTag(field << 3 | WIRE.VARINT);
  });
}

/** An attribute with an element type. */
export const typeAttribute = (dataType: number): Uint8Array => varint(TYPE, dataType);

/** An attribute with a whole number. */
export const intAttribute = (value: number): Uint8Array => varint(INT, value);

/** An attribute with a boolean. */
export const boolAttribute = (value: boolean): Uint8Array => varint(BOOL, Number(value));

/** An attribute with a float. */
export const floatAttribute = (value: number): Uint8Array =>
  attribute((writer) => {
    writer.writeBytes(new Uint8Array(Float32Array.of(value).buffer));
    writer.writeTag(FLOAT << 3 | WIRE.FIXED32);
  });

/** An attribute with text. */
export const textAttribute = (text: string): Uint8Array =>
  attribute((writer) => writer.writeMessageField(BYTES, () => writer.writeBytes(encoder.encode(text))));

/** An attribute with a shape. */
export const shapeAttribute = (shape: PartialShape): Uint8Array =>
  attribute((writer) => writer.writeMessageField(SHAPE, () => writeShape(writer, shape)));

/** An attribute with a tensor, which is copied. */
export const tensorAttribute = (tensor: Tensor): Uint8Array =>
  attribute((writer) => writer.writeMessageField(TENSOR, () => writeTensor(writer, tensor)));
