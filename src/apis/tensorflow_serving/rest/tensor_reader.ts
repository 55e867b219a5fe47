/**
 * Reads tensors out of JSON: the shape follows from how lists nest, the elements from the wanted dtype (tensorflow_serving/util/
 * json_tensor.cc, `FillTensorProto` and `AddInstanceItem`, whose error sentences these are).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import type { DType, Tensor } from "../../../base/tensor.ts";
import { dataTypeName } from "../../../service/data_type_name.ts";
import { type Elements, newElements } from "../../../json/elements.ts";
import type { JsonDocument, JsonNode } from "../../../json/json_document.ts";
import { excerpt, typeName } from "../../../json/json_excerpt.ts";

/** The most dimensions a TensorFlow tensor can have. */
const RANK_MAX = 254;

/** Reads the values of one tensor: a single one, or one for each instance of a batch. */
export class TensorReader {
  readonly #document: JsonDocument;
  readonly #name: string;
  readonly #dtype: DType;
  readonly #batchMax: number;
  #elements: Elements | undefined;
  /** The shape of the first value, which all values must have. */
  #firstShape: readonly number[] = [];
  #count = 0;

  /**
   * @param wanted the tensor's name and dtype.
   * @param batchMax how many values are joined into one tensor, at most.
   */
  constructor(document: JsonDocument, wanted: { readonly name: string; readonly dtype: DType }, batchMax: number) {
    this.#document = document;
    this.#name = wanted.name;
    this.#dtype = wanted.dtype;
    this.#batchMax = batchMax;
  }

  /** How many values have been read. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads the next value.
   *
   * @throws {ServingError} INVALID_ARGUMENT for a list that is not as long or as deep as its neighbours, and for a value that does not
   * fit the dtype.
   */
  read(node: JsonNode): void {
    const shape = this.#shapeOf(node);
    if (shape.length > RANK_MAX) throw invalidArgument(`tensor parsing error: ${this.#name}`);
    this.#elements ??= newElements(this.#dtype, this.#capacity(shape));
    this.#fill(this.#elements, node, shape, 0);
    if (this.#count++ === 0) this.#firstShape = shape;
    else if (shape.length > 0 || this.#firstShape.length > 0) checkShape(this.#firstShape, shape);
  }

  /** The single value that was read. */
  single(): Tensor {
    return this.#tensor(this.#firstShape);
  }

  /** All values that were read, along a first dimension. */
  batch(): Tensor {
    return this.#tensor([this.#count, ...this.#firstShape]);
  }

  #tensor(shape: readonly number[]): Tensor {
    return (this.#elements ?? newElements(this.#dtype, 0)).tensor(shape);
  }

  /** The sizes of a list, of its first element and so on. */
  #shapeOf(value: JsonNode): number[] {
    const document = this.#document;
    const shape: number[] = [];
    for (let node = value; document.isArray(node) && shape.length <= RANK_MAX; node++) {
      const size = document.size(node);
      shape.push(size);
      if (size === 0) break;
    }
    return shape;
  }

  #capacity(shape: readonly number[]): number {
    // A value and its separator take two characters, so there cannot be more elements than that, whatever the shape says.
    const textMax = this.#document.bytes.length / 2 + 1;
    return Math.floor(Math.min(product(shape) * this.#batchMax, textMax));
  }

  #fill(elements: Elements, node: JsonNode, shape: readonly number[], level: number): void {
    const document = this.#document;
    const rank = shape.length;
    if (!document.isArray(node)) {
      if (level !== rank) throw this.#levelError(node, level, rank);
      if (elements.take(document, node, node + 1) === node) throw this.#typeError(node);
      return;
    }
    if (level >= rank) throw invalidArgument(`Encountered list at unexpected level: ${level} expected < ${rank}`);
    const size = document.size(node);
    if (size !== shape[level]) {
      throw invalidArgument(
        `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${shape[level]}`,
      );
    }
    const end = document.next(node);
    // An element that was not taken with the others is checked by itself, and found wrong there.
    let element = level === rank - 1 ? elements.take(document, node + 1, end) : node + 1;
    for (; element < end; element = document.next(element)) this.#fill(elements, element, shape, level + 1);
  }

  #levelError(node: JsonNode, level: number, rank: number): ServingError {
    const value = `JSON Value: ${excerpt(this.#document, node)}`;
    return invalidArgument(
      `${value} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${rank}`,
    );
  }

  #typeError(node: JsonNode): ServingError {
    const value = `JSON Value: ${excerpt(this.#document, node)}`;
    if (this.#dtype === "string" && this.#document.isObject(node)) {
      return invalidArgument(`${value} not formatted correctly for base64 data`);
    }
    // A dtype's name in TensorFlow's sentences: `float`, `int32` (`DataTypeString` of tensorflow/core/framework/types.h).
    const dtypeName = dataTypeName(this.#dtype).slice("DT_".length).toLowerCase();
    return invalidArgument(`${value} Type: ${typeName(this.#document, node)} is not of expected type: ${dtypeName}`);
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

function invalidArgument(message: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message);
}
