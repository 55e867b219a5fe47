/**
 * Parses batches of serialized `tensorflow.Example`s (tensorflow/core/example/{example,feature}.proto) into what a graph is fed in
 * place of its `ParseExample`.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { formatShape, type Tensor } from "../../base/tensor.ts";
import { WIRE, WireReader } from "../../protobuf/wire_reader.ts";
import { FeatureValues, LIST_FIELDS } from "./feature_values.ts";
import type { Feature, FeatureDType, FeaturePart } from "./plan.ts";

/** TensorFlow's names of the dtypes, which its sentences use. */
const TYPE_NAMES: Readonly<Record<FeatureDType, string>> = { string: "string", f32: "float", i64: "int64" };

/** The features of a batch of examples. */
export class ParsedExamples {
  readonly #values: readonly FeatureValues[];

  constructor(values: readonly FeatureValues[]) {
    this.#values = values;
  }

  /** A part of a feature, by its index in the plan. */
  part(feature: number, part: FeaturePart): Tensor {
    return (this.#values[feature] as FeatureValues).part(part);
  }
}

/** Parses examples of one signature. */
export class ExampleParser {
  readonly #features: readonly Feature[];
  readonly #keys: readonly Uint8Array[];
  /** The feature that stood at each place of the last example: examples of one client mostly agree in their order. */
  readonly #order: number[] = [];

  constructor(features: readonly Feature[]) {
    this.#features = features;
    this.#keys = features.map(({ key }) => new TextEncoder().encode(key));
  }

  /**
   * Parses a batch.
   *
   * @param examples borrowed by the strings of what is returned.
   * @throws {ServingError} INVALID_ARGUMENT with the index and the key for an example that is malformed, lacks a required feature,
   * or has one of another type or size.
   */
  parse(examples: readonly Uint8Array[]): ParsedExamples {
    const values = this.#features.map((feature) => new FeatureValues(feature, examples.length));
    // Where in the example the value of each feature is: from, to; 0, 0 for one that is missing.
    const places = new Int32Array(this.#features.length * 2);
    examples.forEach((example, index) => {
      places.fill(0);
      try {
        this.#find(example, places);
      } catch (cause) {
        throw invalid(`Could not parse example input, Index: ${index}. It is not a tensorflow.Example`, { cause });
      }
      const reader = new WireReader(example);
      this.#features.forEach((feature, i) => {
        reader.position = places[2 * i] as number;
        reader.limit = places[2 * i + 1] as number;
        this.#add({ feature, reader, index }, values[i] as FeatureValues);
      });
    });
    return new ParsedExamples(values);
  }

  /** Finds the values of the features. Of a key that stands twice the last one counts. */
  #find(example: Uint8Array, places: Int32Array): void {
    const reader = new WireReader(example);
    let place = 0;
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if (tag !== (1 << 3 | WIRE.LENGTH)) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.enter();
      while (reader.position < reader.limit) {
        const entryTag = reader.readTag();
        if (entryTag === (1 << 3 | WIRE.LENGTH)) this.#findEntry(reader, { places, place: place++ });
        else reader.skip(entryTag);
      }
      reader.leave(outer);
    }
  }

  #findEntry(reader: WireReader, { places, place }: { places: Int32Array; place: number }): void {
    const outer = reader.enter();
    let keyStart = 0;
    let keyEnd = 0;
    let start = 0;
    let end = 0;
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if (tag === (1 << 3 | WIRE.LENGTH)) {
        const length = reader.readLength();
        keyStart = reader.position;
        reader.position = keyEnd = keyStart + length;
      } else if (tag === (2 << 3 | WIRE.LENGTH)) {
        const length = reader.readLength();
        start = reader.position;
        reader.position = end = start + length;
      } else reader.skip(tag);
    }
    reader.leave(outer);
    const feature = this.#featureAt(reader.bytes, { keyStart, keyEnd, place });
    if (feature < 0) return;
    places[2 * feature] = start;
    places[2 * feature + 1] = end;
  }

  /** The index of the feature with a key; -1 for none. */
  #featureAt(
    bytes: Uint8Array,
    { keyStart, keyEnd, place }: { keyStart: number; keyEnd: number; place: number },
  ): number {
    const expected = this.#order[place];
    if (expected !== undefined && equals(this.#keys[expected] as Uint8Array, bytes, keyStart, keyEnd)) return expected;
    for (let i = 0; i < this.#keys.length; i++) {
      if (!equals(this.#keys[i] as Uint8Array, bytes, keyStart, keyEnd)) continue;
      if (place < this.#keys.length * 2) this.#order[place] = i;
      return i;
    }
    return -1;
  }

  #add(
    { feature, reader, index }: { feature: Feature; reader: WireReader; index: number },
    values: FeatureValues,
  ): void {
    const { key, dtype } = feature;
    const expected = LIST_FIELDS[dtype];
    const list = enterList(reader, { key, index });
    if (list === 0) {
      if (values.addMissing()) return;
      throw invalid(
        `Name: <unknown>, Feature: ${key} (data type: ${TYPE_NAMES[dtype]}) is required but could not be found. ` +
          `Index: ${index}`,
      );
    }
    const where = `Name: <unknown>, Key: ${key}, Index: ${index}.  `;
    if (list !== expected) {
      const actual = (Object.keys(LIST_FIELDS) as FeatureDType[]).find((name) => LIST_FIELDS[name] === list);
      throw invalid(
        `${where}Data types don't match. Data type: ${actual === undefined ? "unknown" : TYPE_NAMES[actual]} ` +
          `but expected type: ${TYPE_NAMES[dtype]}`,
      );
    }
    let count: number;
    try {
      count = values.add(reader);
    } catch (cause) {
      throw invalid(`${where}Can't parse serialized Example.`, { cause });
    }
    const { perExample, rowValues } = values;
    if (perExample !== undefined && count !== perExample) {
      const shape = feature.kind === "dense" ? formatShape(feature.shape) : "";
      throw invalid(
        `${where}Number of ${TYPE_NAMES[dtype]} values != expected.  Values size: ${count} but output shape: ` +
          `[${shape.slice(1, -1)}]`,
      );
    }
    if (rowValues > 1 && count % rowValues !== 0) {
      throw invalid(
        `${where}Number of ${TYPE_NAMES[dtype]} values is not a multiple of stride length. Saw ${count} values`,
      );
    }
  }
}

/** Enters the last list of a `Feature`. @returns its field; 0 for a feature without values. */
function enterList(reader: WireReader, { key, index }: { key: string; index: number }): number {
  let field = 0;
  let start = 0;
  let end = 0;
  try {
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if ((tag & 7) !== WIRE.LENGTH) {
        reader.skip(tag);
        continue;
      }
      const length = reader.readLength();
      const isKnown = tag >>> 3 >= 1 && tag >>> 3 <= 3;
      if (isKnown) {
        field = tag >>> 3;
        start = reader.position;
        end = start + length;
      }
      reader.position += length;
    }
  } catch (cause) {
    throw invalid(`Name: <unknown>, Key: ${key}, Index: ${index}.  Can't parse serialized Example.`, { cause });
  }
  reader.position = start;
  reader.limit = end;
  return field;
}

function equals(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) {
    if (key[i] !== bytes[start + i]) return false;
  }
  return true;
}

function invalid(message: string, options?: ErrorOptions): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message, options);
}
