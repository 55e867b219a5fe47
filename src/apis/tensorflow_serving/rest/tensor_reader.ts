/**
 * Tensors out of JSON: the shape from how lists are nested, the elements by the dtype that is wanted (tensorflow_serving/util/
 * json_tensor.cc, `FillTensorProto` and `AddInstanceItem`, whose sentences these are).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import type { DType, Tensor } from "../../../base/tensor.ts";
import { dataTypeName } from "../../../service/data_type_name.ts";
import { type Elements, newElements } from "./elements.ts";
import { excerpt, typeName } from "../../../json/json_excerpt.ts";
import type { JsonReader } from "../../../json/json_reader.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";

/** The most dimensions a tensor of TensorFlow's can have. */
const RANK_MAX = 254;

/** What to read. */
export interface WantedTensor {
  readonly name: string;
  readonly dtype: DType;
  /** How many values are joined into one tensor, at most. */
  readonly batchMax: number;
}

/** Reads the values of one tensor: one of them, or as many as a batch has. */
export class TensorReader {
  readonly #wanted: WantedTensor;
  #elements: Elements | undefined;
  /** The shape of all values, which is that of the first. */
  #firstShape: readonly number[] = [];
  /** The shape of the value that is being read. */
  #shape: readonly number[] = [];
  #count = 0;

  constructor(wanted: WantedTensor) {
    this.#wanted = wanted;
  }

  /** How many values have been read. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads the value that comes next.
   *
   * @throws {ServingError} INVALID_ARGUMENT for a list that is not as long or as deep as its neighbours, and for a value that does not
   * go with the dtype.
   */
  read(reader: JsonReader): void {
    const isScalar = reader.peek() !== CHARACTER.LEFT_BRACKET;
    const shape = isScalar ? [] : reader.nestedSizes(RANK_MAX + 1);
    if (shape.length > RANK_MAX) throw invalidArgument(`tensor parsing error: ${this.#wanted.name}`);
    this.#elements ??= this.#newElements(reader, shape);
    this.#shape = shape;
    this.#fill(reader, 0);
    if (this.#count++ === 0) this.#firstShape = shape;
    else if (!isScalar || this.#firstShape.length > 0) checkShape(this.#firstShape, shape);
  }

  /** The one value that was read. */
  single(): Tensor {
    return this.#tensor(this.#firstShape);
  }

  /** All values that were read, along a first dimension. */
  batch(): Tensor {
    return this.#tensor([this.#count, ...this.#firstShape]);
  }

  #tensor(shape: readonly number[]): Tensor {
    const elements = this.#elements ?? newElements(this.#wanted.dtype, 0);
    return elements.tensor(shape);
  }

  #newElements(reader: JsonReader, shape: readonly number[]): Elements {
    const { dtype, batchMax } = this.#wanted;
    // A value and what divides it from the next take two characters: more of them than that cannot come, whatever the shape says.
    const textMax = (reader.bytes.length - reader.position) / 2 + 1;
    return newElements(dtype, Math.floor(Math.min(product(shape) * batchMax, textMax)));
  }

  #fill(reader: JsonReader, level: number): void {
    const shape = this.#shape;
    const rank = shape.length;
    const elements = this.#elements as Elements;
    if (reader.peek() !== CHARACTER.LEFT_BRACKET) {
      if (level !== rank) throw levelError(reader, level, rank);
      if (elements.take(reader, 1) < 1) throw typeError(reader, this.#wanted.dtype);
      return;
    }
    if (level >= rank) throw invalidArgument(`Encountered list at unexpected level: ${level} expected < ${rank}`);
    const size = reader.enterArray();
    if (size !== shape[level]) {
      throw invalidArgument(
        `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${shape[level]}`,
      );
    }
    // What cannot be taken in one go is looked at by itself, and there found wrong.
    const taken = level === rank - 1 ? elements.take(reader, size) : 0;
    for (let i = taken; i < size; i++) this.#fill(reader, level + 1);
    reader.leave();
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

function checkShape(expected: readonly number[], actual: readonly number[]): void {
  if (product(expected) !== product(actual)) {
    throw invalidArgument(`Expecting tensor size: ${product(expected)} but got: ${product(actual)}`);
  }
  if (expected.length !== actual.length || expected.some((size, axis) => size !== actual[axis])) {
    throw invalidArgument(`Expecting shape [${expected}] but got: [${actual}]`);
  }
}

function levelError(reader: JsonReader, level: number, rank: number): ServingError {
  return invalidArgument(
    `JSON Value: ${excerpt(reader)} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${rank}`,
  );
}

function typeError(reader: JsonReader, dtype: DType): ServingError {
  const value = `JSON Value: ${excerpt(reader)}`;
  if (dtype === "string" && reader.peek() === CHARACTER.LEFT_BRACE) {
    return invalidArgument(`${value} not formatted correctly for base64 data`);
  }
  return invalidArgument(`${value} Type: ${typeName(reader)} is not of expected type: ${dtypeName(dtype)}`);
}

/** A dtype's name in TensorFlow's sentences: `float`, `int32` (`DataTypeString` of tensorflow/core/framework/types.h). */
function dtypeName(dtype: DType): string {
  return dataTypeName(dtype).slice("DT_".length).toLowerCase();
}

function invalidArgument(message: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message);
}
