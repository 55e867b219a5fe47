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
import { JsonDocument, type JsonNode } from "../../../json/json_document.ts";
import { typeName } from "../../../json/json_excerpt.ts";
import { KIND } from "../../../json/json_parser.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";
import { bodyError, readSignatureName } from "./request_document.ts";

/** A decoded request body. */
export interface ExamplesBody {
  /** Empty for the default one. */
  readonly signatureName: string;
  readonly examples: Examples;
}

const INT64_MAX = 2n ** 63n - 1n;
const NO_BYTES = new Uint8Array(0);

/** The kinds of features by their fields in `Feature`, with their names in error sentences. */
const KIND_NAMES = { 1: "bytes", 2: "float", 3: "int64" } as const;
type Kind = keyof typeof KIND_NAMES;

/** One feature; an empty list has no kind. */
interface Feature {
  readonly kind: Kind | undefined;
  readonly values: readonly (Uint8Array | number | bigint)[];
}

const BYTES = 1;
const FLOAT = 2;
const INT64 = 3;

/**
 * Decodes the body of a Classify or Regress request.
 *
 * @throws {ServingError} INVALID_ARGUMENT for anything wrong with it.
 */
export function decodeExamplesBody(body: Uint8Array): ExamplesBody {
  const document = new JsonDocument(body);
  const signatureName = readSignatureName(document);
  const contextNode = document.member(0, "context");
  const context = contextNode === undefined ? NO_BYTES : readExample(document, contextNode, NO_BYTES);
  const list = document.member(0, "examples");
  // The sentence says classify for a regression too.
  if (list === undefined) {
    throw bodyError(document, "When method is classify, key 'examples' is expected and was not found");
  }
  if (!document.isArray(list)) throw bodyError(document, "Expecting 'examples' value to be an list/array");
  const end = document.next(list);
  if (end === list + 1) throw bodyError(document, "'examples' value is an empty array");
  const examples: Uint8Array[] = [];
  for (let node = list + 1; node < end; node = document.next(node)) {
    examples.push(readExample(document, node, context));
  }
  return { signatureName, examples };
}

/** An object of features as an `Example`. Its fields follow the context's, which merges the two messages. */
function readExample(document: JsonDocument, object: JsonNode, context: Uint8Array): Uint8Array {
  if (!document.isObject(object)) {
    throw invalidArgument(`Example must be JSON object but got JSON ${typeName(document, object)}`);
  }
  const features = new Map<string, Feature>();
  const end = document.next(object);
  for (let node = object + 1; node < end; node = document.next(node + 1)) {
    const name = document.text(node);
    features.set(name, readFeature(document, node + 1, name));
  }
  const writer = new WireWriter();
  // Without a feature there is no message of them (`MakeExampleFromJsonObject` in tensorflow_serving/util/json_tensor.cc).
  if (features.size > 0) writer.writeMessageField(1, () => writeFeatures(writer, features));
  writer.writeBytes(context);
  return joinParts(writer.finish());
}

/** A value or a list of values; the first value decides the kind of all. */
function readFeature(document: JsonDocument, value: JsonNode, name: string): Feature {
  const values: (Uint8Array | number | bigint)[] = [];
  let kind: Kind | undefined;
  const end = document.next(value);
  for (let node = document.isArray(value) ? value + 1 : value; node < end; node = document.next(node)) {
    const base64 = document.base64(node);
    const nodeKind = base64 === undefined ? kindOf(document, node) : BYTES;
    if (nodeKind === undefined) {
      throw invalidArgument(`Feature: ${name} has element with unexpected JSON type: ${typeName(document, node)}`);
    }
    kind ??= nodeKind;
    if (kind !== nodeKind) {
      throw invalidArgument(`Unexpected element type in feature: ${name} expecting type: ${KIND_NAMES[kind]}`);
    }
    if (kind === BYTES) {
      const bytes = base64 === undefined ? document.stringBytes(node) : decodeBase64(base64);
      if (bytes === undefined) throw invalidArgument("Unable to base64 decode");
      values.push(bytes);
    } else if (kind === FLOAT) {
      values.push(document.number(node) as number);
    } else {
      // The number of true and false is 1 and 0.
      const integer = document.integer(node) ?? document.numbers[node] as number;
      if (integer > INT64_MAX) {
        throw invalidArgument(`Feature: ${name} has uint64_t element. Only int64_t is supported.`);
      }
      values.push(integer);
    }
  }
  return { kind, values };
}

/** The kind of feature that a value other than base64 is of. */
function kindOf(document: JsonDocument, node: JsonNode): Kind | undefined {
  switch (document.kinds[node]) {
    case KIND.STRING:
    case KIND.ESCAPED:
      return BYTES;
    case KIND.TRUE:
    case KIND.FALSE:
    case KIND.INTEGER:
      return INT64;
    case KIND.LONG:
      return document.integer(node) === undefined ? FLOAT : INT64;
    default:
      return document.number(node) === undefined ? undefined : FLOAT;
  }
}

function writeFeatures(writer: WireWriter, features: ReadonlyMap<string, Feature>): void {
  for (const [name, { kind, values }] of [...features].reverse()) {
    writer.writeMessageField(1, () => {
      writer.writeMessageField(2, () => {
        if (kind !== undefined) writer.writeMessageField(kind, () => writeValues(writer, kind, values));
      });
      writer.writeMessageField(1, () => writer.writeText(name));
    });
  }
}

function writeValues(writer: WireWriter, kind: Kind, values: Feature["values"]): void {
  const writeAll = () => {
    for (const value of values.toReversed()) {
      if (value instanceof Uint8Array) writer.writeMessageField(1, () => writer.writeBytes(value));
      else if (kind === FLOAT) writer.writeFloat(Number(value));
      else writer.writeInt64(value);
    }
  };
  // Numbers are packed.
  if (kind === BYTES) writeAll();
  else writer.writeMessageField(1, writeAll);
}

/**
 * Encodes the body of a Classify reply.
 *
 * @throws {ServingError} INVALID_ARGUMENT when the result is empty.
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
 * @throws {ServingError} INVALID_ARGUMENT when the result is empty.
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
