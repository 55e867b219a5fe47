/**
 * Classify's and Regress's requests and replies between JSON and plain types (tensorflow_serving/util/json_tensor.cc,
 * `FillClassifyRegressRequestFromJson`): examples become the `tensorflow.Example` messages that models take
 * (tensorflow/core/example/{example,feature}.proto).
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type { ClassificationResult, Examples, RegressionResult } from "../../../service/messages.ts";
import { decodeBase64 } from "../../../json/base64.ts";
import { typeName } from "../../../json/json_excerpt.ts";
import { isNumberStart, JsonReader } from "../../../json/json_reader.ts";
import { scanJson } from "../../../json/json_scanner.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";
import { bodyError, readSignatureName } from "./request_document.ts";

/** A request's body, decoded. */
export interface ExamplesBody {
  /** Empty for the default one. */
  readonly signatureName: string;
  readonly examples: Examples;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** The kinds a feature may be of, by their field in `Feature`, with the names sentences have for them. */
const KIND_NAMES = { 1: "bytes", 2: "float", 3: "int64" } as const;
type Kind = keyof typeof KIND_NAMES;
const BYTES = 1;
const FLOAT = 2;
const INT64 = 3;

/**
 * Decodes the body of a Classify or Regress request.
 *
 * @throws {ServingError} INVALID_ARGUMENT for whatever is wrong with it.
 */
export function decodeExamplesBody(body: Uint8Array): ExamplesBody {
  const document = scanJson(body, ["signature_name", "context", "examples"]);
  const signatureName = readSignatureName(document);
  const writer = new WireWriter();
  const contextPlace = document.members.get("context");
  const context = contextPlace === undefined
    ? new Uint8Array(0)
    : readExample(new JsonReader().open(document, contextPlace), new Uint8Array(0), writer);
  const place = document.members.get("examples");
  // The sentence says classify for a regression too.
  if (place === undefined) {
    throw bodyError(document, "When method is classify, key 'examples' is expected and was not found");
  }
  const reader = new JsonReader().open(document, place);
  if (reader.peek() !== CHARACTER.LEFT_BRACKET) {
    throw bodyError(document, "Expecting 'examples' value to be an list/array");
  }
  const count = reader.enterArray();
  if (count === 0) throw bodyError(document, "'examples' value is an empty array");
  const examples: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    reader.peek();
    examples.push(readExample(reader, context, writer));
  }
  return { signatureName, examples };
}

/** An object of features as an `Example`, behind the context's, which it joins as messages do that stand one behind the other. */
function readExample(reader: JsonReader, context: Uint8Array, writer: WireWriter): Uint8Array {
  if (reader.peek() !== CHARACTER.LEFT_BRACE) {
    throw invalidArgument(`Example must be JSON object but got JSON ${typeName(reader)}`);
  }
  const features = new Map<string, Feature>();
  reader.enterObject();
  for (let name = reader.nextMember(); name !== undefined; name = reader.nextMember()) {
    features.set(name, readFeature(reader, name));
  }
  reader.leave();
  writer.begin();
  // Without a feature there is no message of them (`MakeExampleFromJsonObject` in tensorflow_serving/util/json_tensor.cc).
  if (features.size > 0) writer.writeMessageField(1, () => writeFeatures(writer, features));
  writer.writeBytes(context);
  return joinParts(writer.finish());
}

function writeFeatures(writer: WireWriter, features: ReadonlyMap<string, Feature>): void {
  for (const [name, feature] of [...features].reverse()) {
    writer.writeMessageField(1, () => {
      writer.writeMessageField(2, () => feature.write(writer));
      writer.writeMessageField(1, () => writer.writeText(name));
    });
  }
}

function readFeature(reader: JsonReader, name: string): Feature {
  const feature = new Feature(name);
  if (reader.peek() === CHARACTER.LEFT_BRACKET) {
    for (let left = reader.enterArray(); left > 0; left--) feature.add(reader);
    reader.leave();
  } else {
    feature.add(reader);
  }
  return feature;
}

/** The values of one feature; the first one decides of which kind all must be. */
class Feature {
  readonly #name: string;
  readonly #bytes: Uint8Array[] = [];
  readonly #floats: number[] = [];
  readonly #integers: bigint[] = [];
  #kind: Kind | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Adds the value that comes next. */
  add(reader: JsonReader): void {
    const character = reader.peek();
    if (character === CHARACTER.QUOTE) {
      this.#become(BYTES);
      this.#bytes.push(reader.readBytes());
    } else if (character === CHARACTER.LOWER_T || character === CHARACTER.LOWER_F) {
      this.#become(INT64);
      this.#integers.push(character === CHARACTER.LOWER_T ? 1n : 0n);
      reader.skip();
    } else if (isNumberStart(character)) {
      this.#addNumber(reader);
    } else {
      this.#addBase64(reader);
    }
  }

  #addNumber(reader: JsonReader): void {
    const { place } = reader;
    const integer = reader.readBigInteger();
    if (integer === undefined || integer < INT64_MIN || integer > UINT64_MAX) {
      reader.seek(place);
      this.#become(FLOAT);
      this.#floats.push(reader.readNumber());
      return;
    }
    this.#become(INT64);
    if (integer > INT64_MAX) {
      throw invalidArgument(`Feature: ${this.#name} has uint64_t element. Only int64_t is supported.`);
    }
    this.#integers.push(integer);
  }

  #addBase64(reader: JsonReader): void {
    const type = typeName(reader);
    const text = reader.readBase64Text();
    if (text === undefined) {
      throw invalidArgument(`Feature: ${this.#name} has element with unexpected JSON type: ${type}`);
    }
    this.#become(BYTES);
    const decoded = decodeBase64(text);
    if (decoded === undefined) throw invalidArgument("Unable to base64 decode");
    this.#bytes.push(decoded);
  }

  #become(kind: Kind): void {
    this.#kind ??= kind;
    if (this.#kind === kind) return;
    throw invalidArgument(
      `Unexpected element type in feature: ${this.#name} expecting type: ${KIND_NAMES[this.#kind]}`,
    );
  }

  /** Writes the `Feature` message, without its length. */
  write(writer: WireWriter): void {
    const kind = this.#kind;
    if (kind !== undefined) writer.writeMessageField(kind, () => this.#writeList(writer, kind));
  }

  #writeList(writer: WireWriter, kind: Kind): void {
    if (kind === BYTES) {
      for (const value of this.#bytes.toReversed()) writer.writeMessageField(1, () => writer.writeBytes(value));
      return;
    }
    writer.writeMessageField(1, () => {
      for (const value of this.#floats.toReversed()) writer.writeFloat(value);
      for (const value of this.#integers.toReversed()) writer.writeInt64(value);
    });
  }
}

/**
 * Encodes the body of a Classify reply.
 *
 * @throws {ServingError} INVALID_ARGUMENT when there is nothing to tell.
 */
export function encodeClassificationBody(result: ClassificationResult): Uint8Array<ArrayBuffer> {
  if (result.length === 0) throw invalidArgument("Cannot convert empty ClassificationResults to JSON");
  return writeResults((writer) => {
    for (const classes of result) {
      writer.isSingleLine = true;
      writer.startArray();
      for (const { label, score } of classes) {
        writer.startArray();
        writer.string(label);
        writeFloat(writer, score);
        writer.endArray();
      }
      writer.endArray();
      writer.isSingleLine = false;
    }
  });
}

/**
 * Encodes the body of a Regress reply.
 *
 * @throws {ServingError} INVALID_ARGUMENT when there is nothing to tell.
 */
export function encodeRegressionBody(result: RegressionResult): Uint8Array<ArrayBuffer> {
  if (result.length === 0) throw invalidArgument("Cannot convert empty RegressionResults to JSON");
  return writeResults((writer) => {
    writer.isSingleLine = true;
    for (const value of result) writeFloat(writer, value);
  });
}

function writeResults(writeElements: (writer: JsonWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new JsonWriter();
  writer.startObject();
  writer.name("results");
  writer.startArray();
  writeElements(writer);
  writer.endArray();
  writer.endObject();
  return writer.finish();
}

function writeFloat(writer: JsonWriter, value: number): void {
  writer.numbers({ from: 0, count: 1 }, (numbers) => numbers.float(Math.fround(value)));
}

function invalidArgument(message: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message);
}
