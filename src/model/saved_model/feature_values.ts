/**
 * Values of one feature over a batch of examples, collected in the form that `ParseExample` puts them out
 * (tensorflow/core/util/example_proto_fast_parsing.cc).
 *
 * @module
 */
import { DTYPE_BYTES, elementCount, type Tensor } from "../../base/tensor.ts";
import { WIRE, type WireReader } from "../../protobuf/wire_reader.ts";
import type { DenseFeature, Feature, FeatureDType, FeaturePart } from "./plan.ts";
import { int64s } from "./graph/tensors.ts";

/** The field of `tensorflow.Feature` that holds values of a dtype (`bytes_list`, `float_list`, `int64_list`). */
export const LIST_FIELDS: Readonly<Record<FeatureDType, number>> = { string: 1, f32: 2, i64: 3 };

/** Room for values at first; it doubles. */
const CAPACITY_MIN = 64;

/** Values of any number, one after the other. */
export class ValueList {
  readonly dtype: FeatureDType;
  readonly strings: Uint8Array[] = [];
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #width: number;
  #count = 0;

  constructor(dtype: FeatureDType, capacity = CAPACITY_MIN) {
    this.dtype = dtype;
    this.#width = dtype === "string" ? 0 : DTYPE_BYTES[dtype];
    this.#bytes = new Uint8Array(capacity * this.#width);
  }

  /** How many values there are. */
  get count(): number {
    return this.dtype === "string" ? this.strings.length : this.#count;
  }

  /** Adds the values of a `BytesList`, `FloatList` or `Int64List`, packed or not. @returns how many. */
  addList(reader: WireReader): number {
    const before = this.count;
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if (tag >>> 3 !== 1) reader.skip(tag);
      else if (this.dtype === "string" && (tag & 7) === WIRE.LENGTH) this.strings.push(reader.readView());
      else if (this.dtype === "f32") this.#addFloats(reader, tag);
      else if (this.dtype === "i64") this.#addIntegers(reader, tag);
      else reader.skip(tag);
    }
    return this.count - before;
  }

  #addFloats(reader: WireReader, tag: number): void {
    if ((tag & 7) === WIRE.FIXED32) {
      reader.skip(tag);
      this.#copy(reader.bytes, reader.position - 4, reader.position);
    } else if ((tag & 7) === WIRE.LENGTH) {
      const length = reader.readLength();
      const start = reader.position;
      reader.position += length - length % 4;
      this.#copy(reader.bytes, start, reader.position);
      // What is left of a float that is cut short is no value, and is found to be none.
      if (length % 4 !== 0) reader.skip(WIRE.FIXED64);
    } else reader.skip(tag);
  }

  #addIntegers(reader: WireReader, tag: number): void {
    if ((tag & 7) === WIRE.VARINT) this.#addInteger(reader);
    else if ((tag & 7) === WIRE.LENGTH) {
      const outer = reader.enter();
      while (reader.position < reader.limit) this.#addInteger(reader);
      reader.leave(outer);
    } else reader.skip(tag);
  }

  #addInteger(reader: WireReader): void {
    const low = reader.readVarint64();
    const { high } = reader;
    this.#reserve(1);
    const bytes = this.#bytes;
    const at = this.#count++ * 8;
    for (let i = 0; i < 4; i++) {
      bytes[at + i] = low >>> (8 * i);
      bytes[at + 4 + i] = high >>> (8 * i);
    }
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const values = (end - start) / this.#width;
    this.#reserve(values);
    let at = this.#count * this.#width;
    if (end - start > 64) this.#bytes.set(bytes.subarray(start, end), at);
    else for (let i = start; i < end; i++) this.#bytes[at++] = bytes[i] as number;
    this.#count += values;
  }

  /** Adds all values of a tensor of the same dtype. */
  addTensor(tensor: Tensor): void {
    if (tensor.dtype === "string") this.strings.push(...tensor.strings);
    else this.#copy(tensor.bytes, 0, tensor.bytes.length);
  }

  /** Adds the values `from` to `to` of another list. */
  addRange(list: ValueList, from: number, to: number): void {
    if (this.dtype === "string") {
      for (let i = from; i < to; i++) this.strings.push(list.strings[i] as Uint8Array);
    } else this.#copy(list.#bytes, from * this.#width, to * this.#width);
  }

  #reserve(values: number): void {
    const needed = (this.#count + values) * this.#width;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** The values as a tensor of a shape that they fill; borrows them. */
  tensor(shape: readonly number[]): Tensor {
    if (this.dtype === "string") return { dtype: "string", shape, strings: this.strings };
    return { dtype: this.dtype, shape, bytes: this.#bytes.subarray(0, this.#count * this.#width) };
  }
}

/** One feature's values over a batch. */
export class FeatureValues {
  readonly #feature: Feature;
  readonly #values: ValueList;
  /** How many values there are up to the end of each example. */
  readonly #ends: number[] = [];
  /** The values that each example of a fixed shape has; undefined for any number. */
  readonly perExample: number | undefined;
  /** Values in each step of an open first dimension. */
  readonly rowValues: number;

  constructor(feature: Feature, exampleCount: number) {
    this.#feature = feature;
    const isFixed = feature.kind === "dense" && feature.shape[0] !== -1;
    this.perExample = isFixed ? elementCount(feature.shape) : undefined;
    this.rowValues = feature.kind === "dense" && !isFixed ? elementCount(feature.shape.slice(1)) : 1;
    this.#values = new ValueList(feature.dtype, (this.perExample ?? 1) * exampleCount);
  }

  /** Adds the values of the next example. @returns how many. */
  add(list: WireReader): number {
    const count = this.#values.addList(list);
    this.#ends.push(this.#values.count);
    return count;
  }

  /** The next example does not have the feature. @returns whether it may lack it. */
  addMissing(): boolean {
    const feature = this.#feature;
    if (feature.kind === "dense" && this.perExample !== undefined) {
      if (feature.fallback === undefined) return false;
      this.#values.addTensor(feature.fallback);
    }
    this.#ends.push(this.#values.count);
    return true;
  }

  /** A part of the whole batch's feature. */
  part(part: FeaturePart): Tensor {
    const count = this.#ends.length;
    switch (part) {
      case "dense":
        return this.#dense(this.#feature as DenseFeature, count);
      case "values":
        return this.#values.tensor([this.#values.count]);
      case "indices":
        return this.#indices();
      case "shape":
        return int64s([count, this.#longest()]);
      case "splits":
        return this.#splits();
    }
  }

  #dense(feature: DenseFeature, count: number): Tensor {
    if (this.perExample !== undefined) return this.#values.tensor([count, ...feature.shape]);
    const longest = this.#longest();
    const padded = new ValueList(feature.dtype, count * longest);
    const filler = feature.fallback ?? zeroOf(feature.dtype);
    let start = 0;
    for (const end of this.#ends) {
      padded.addRange(this.#values, start, end);
      for (let missing = longest - (end - start); missing > 0; missing--) padded.addTensor(filler);
      start = end;
    }
    return padded.tensor([count, longest / Math.max(1, this.rowValues), ...feature.shape.slice(1)]);
  }

  #longest(): number {
    let longest = 0;
    let start = 0;
    for (const end of this.#ends) {
      longest = Math.max(longest, end - start);
      start = end;
    }
    return longest;
  }

  #indices(): Tensor {
    const words = new Int32Array(this.#values.count * 4);
    let at = 0;
    let start = 0;
    this.#ends.forEach((end, row) => {
      for (let column = 0; column < end - start; column++) {
        words[at] = row;
        words[at + 2] = column;
        at += 4;
      }
      start = end;
    });
    return { dtype: "i64", shape: [this.#values.count, 2], bytes: new Uint8Array(words.buffer) };
  }

  #splits(): Tensor {
    const splits = [0, ...this.#ends];
    const isWide = this.#feature.kind === "ragged" && this.#feature.splitsDtype === "i64";
    if (isWide) return int64s(splits);
    return { dtype: "i32", shape: [splits.length], bytes: new Uint8Array(Int32Array.from(splits).buffer) };
  }
}

function zeroOf(dtype: FeatureDType): Tensor {
  return dtype === "string"
    ? { dtype, shape: [], strings: [new Uint8Array(0)] }
    : { dtype, shape: [], bytes: new Uint8Array(DTYPE_BYTES[dtype]) };
}
