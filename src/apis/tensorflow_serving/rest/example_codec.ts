/**
 * Classify's and Regress's requests and replies between JSON and plain types (tensorflow_serving/util/json_tensor.cc,
 * `FillClassifyRegressRequestFromJson`): examples become the `tensorflow.Example` messages that models take
 * (tensorflow/core/example/{example,feature}.proto).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import type { ClassificationResult, Examples, RegressionResult } from "../../../service/messages.ts";
import { decodeBase64 } from "../../../json/base64.ts";
import { typeName } from "../../../json/json_excerpt.ts";
import { isNumberStart, JsonReader } from "../../../json/json_reader.ts";
import { scanJson } from "../../../json/json_scanner.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { MessageWriter } from "../../../protobuf/message_writer.ts";
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
  const contextPlace = document.members.get("context");
  const context = contextPlace === undefined
    ? new Uint8Array(0)
    : readExample(new JsonReader().open(document, contextPlace), new Uint8Array(0));
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
    examples.push(readExample(reader, context));
  }
  return { signatureName, examples };
}

/** An object of features as an `Example`, behind the context's, which it joins as messages do that stand one behind the other. */
function readExample(reader: JsonReader, context: Uint8Array): Uint8Array {
  if (reader.peek() !== CHARACTER.LEFT_BRACE) {
    throw invalidArgument(`Example must be JSON object but got JSON ${typeName(reader)}`);
  }
  const features = new Map<string, Uint8Array>();
  reader.enterObject();
  for (let name = reader.nextMember(); name !== undefined; name = reader.nextMember()) {
    features.set(name, readFeature(reader, name));
  }
  reader.leave();
  const map = new MessageWriter();
  for (const [name, feature] of features) {
    const entry = new MessageWriter();
    entry.bytes(1, new TextEncoder().encode(name));
    entry.bytes(2, feature);
    map.bytes(1, entry.finish());
  }
  const example = new MessageWriter();
  example.raw(context);
  // Without a feature there is no message of them (`MakeExampleFromJsonObject` in tensorflow_serving/util/json_tensor.cc).
  if (features.size > 0) example.bytes(1, map.finish());
  return example.finish();
}

function readFeature(reader: JsonReader, name: string): Uint8Array {
  const feature = new FeatureWriter(name);
  if (reader.peek() === CHARACTER.LEFT_BRACKET) {
    for (let left = reader.enterArray(); left > 0; left--) feature.add(reader);
    reader.leave();
  } else {
    feature.add(reader);
  }
  return feature.finish();
}

/** Collects the values of one feature; the first says of which kind all are. */
class FeatureWriter {
  readonly #name: string;
  readonly #values = new MessageWriter();
  #kind: Kind | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Adds the value that comes next. */
  add(reader: JsonReader): void {
    const character = reader.peek();
    if (character === CHARACTER.QUOTE) {
      this.#become(BYTES);
      this.#values.bytes(1, reader.readBytes());
    } else if (character === CHARACTER.LOWER_T || character === CHARACTER.LOWER_F) {
      this.#become(INT64);
      this.#values.varint(character === CHARACTER.LOWER_T ? 1n : 0n);
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
      this.#values.float(reader.readNumber());
      return;
    }
    this.#become(INT64);
    if (integer > INT64_MAX) {
      throw invalidArgument(`Feature: ${this.#name} has uint64_t element. Only int64_t is supported.`);
    }
    this.#values.varint(BigInt.asUintN(64, integer));
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
    this.#values.bytes(1, decoded);
  }

  #become(kind: Kind): void {
    this.#kind ??= kind;
    if (this.#kind === kind) return;
    throw invalidArgument(
      `Unexpected element type in feature: ${this.#name} expecting type: ${KIND_NAMES[this.#kind]}`,
    );
  }

  finish(): Uint8Array {
    const feature = new MessageWriter();
    if (this.#kind === undefined) return feature.finish();
    const list = new MessageWriter();
    if (this.#kind === BYTES) list.raw(this.#values.finish());
    else list.bytes(1, this.#values.finish());
    feature.bytes(this.#kind, list.finish());
    return feature.finish();
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
