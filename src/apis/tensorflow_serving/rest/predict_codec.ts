/**
 * Predict's request and reply between JSON and plain types (tensorflow_serving/util/json_tensor.cc, `FillPredictRequestFromJson` and
 * `MakeJsonFromTensors`, whose order of checks and sentences are kept).
 *
 * @module
 */
import { CODE, type Code, type CodeName, ServingError } from "../../../base/status.ts";
import type { DType, NamedTensor } from "../../../base/tensor.ts";
import { excerpt } from "../../../json/json_excerpt.ts";
import { JsonReader } from "../../../json/json_reader.ts";
import { type JsonDocument, scanJson } from "../../../json/json_scanner.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { bodyError, readSignatureName } from "./request_document.ts";
import { TensorReader } from "./tensor_reader.ts";
import { TensorWriter } from "./tensor_writer.ts";

/** How a body is laid out: an object an instance (`instances`, `predictions`), or a list a tensor (`inputs`, `outputs`). */
export type JsonFormat = "row" | "columnar";

/** What must be known of a signature's input to read it. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DType;
}

/** The inputs of a model's signatures by name, or why there are none to be had. Plain data, to be sent to another thread. */
export type ModelInputs =
  | { readonly signatures: ReadonlyMap<string, readonly InputSpec[]> }
  | { readonly signatures: undefined; readonly code: Code; readonly message: string };

/** A request's body, decoded. */
export interface PredictBody {
  /** Empty for the default one. */
  readonly signatureName: string;
  readonly format: JsonFormat;
  /** Strings are views of the body; everything else is the caller's. */
  readonly inputs: readonly NamedTensor[];
}

/** Which signature is meant where none is named. */
const DEFAULT_SIGNATURE_NAME = "serving_default";
/** How many bytes of JSON there are to a byte of tensor, roughly, for the size of the reply's first buffer. */
const TEXT_GROWTH_GUESS = 3;
/** The longest first buffer: what is longer grows into it. */
const CAPACITY_MAX = 64 << 20;

// One body is read at a time, and to its end. That it is always the same object also keeps the machine code made for it.
const reader = new JsonReader();

/**
 * Decodes the body of a Predict request.
 *
 * @param body borrowed by tensors of strings.
 * @param model of the model that is asked; looked at when the body is known to be JSON.
 * @throws {ServingError} INVALID_ARGUMENT for whatever is wrong with the body, and what `model` has in place of signatures.
 */
export function decodePredictBody(body: Uint8Array, model: ModelInputs): PredictBody {
  try {
    return decode(body, model);
  } finally {
    reader.close();
  }
}

function decode(body: Uint8Array, model: ModelInputs): PredictBody {
  const document = scanJson(body, ["signature_name", "instances", "inputs"]);
  const signatureName = readSignatureName(document);
  const specs = inputsOf(model, signatureName);

  const instances = document.members.get("instances");
  const inputs = document.members.get("inputs");
  if (instances !== undefined) {
    if (inputs !== undefined) {
      throw bodyError(
        document,
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
      );
    }
    reader.open(document, instances);
    return { signatureName, format: "row", inputs: readInstances(document, specs) };
  }
  if (inputs === undefined) throw invalidArgument("Missing 'inputs' or 'instances' key");
  reader.open(document, inputs);
  return { signatureName, format: "columnar", inputs: readInputs(specs) };
}

/**
 * The inputs of a signature (http_rest_api_handler.cc, `GetInfoMap`).
 *
 * @param signatureName empty for the default one.
 * @throws {ServingError} what there is in place of signatures; INVALID_ARGUMENT when this one is not there or has no inputs.
 */
export function inputsOf(model: ModelInputs, signatureName: string): readonly InputSpec[] {
  if (model.signatures === undefined) throw new ServingError(model.code, model.message);
  const name = signatureName || DEFAULT_SIGNATURE_NAME;
  const specs = model.signatures.get(name);
  if (specs === undefined) throw invalidArgument(`Serving signature name: "${name}" not found in signature def`);
  if (specs.length > 0) return specs;
  throw invalidArgument(`Failed to get input map for signature: ${signatureName || "DEFAULT"}`);
}

function readInstances(document: JsonDocument, specs: readonly InputSpec[]): NamedTensor[] {
  if (reader.peek() !== CHARACTER.LEFT_BRACKET) {
    throw bodyError(document, "Expecting 'instances' to be an list/array");
  }
  const count = reader.enterArray();
  if (count === 0) throw bodyError(document, "No values in 'instances' array");
  const isObject = reader.peek() === CHARACTER.LEFT_BRACE;
  if (!isObject && specs.length > 1) {
    throw invalidArgument(
      "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
    );
  }
  return isObject && !isBase64Object()
    ? readNamedInstances(count, specs)
    : readPlainInstances(count, specs[0] as InputSpec);
}

function isBase64Object(): boolean {
  const { place } = reader;
  const isBase64 = reader.readBase64Text() !== undefined;
  reader.seek(place);
  return isBase64;
}

function readPlainInstances(count: number, spec: InputSpec): NamedTensor[] {
  const tensor = new TensorReader({ ...spec, batchMax: count });
  for (let i = 0; i < count; i++) {
    if (reader.peek() === CHARACTER.LEFT_BRACE && !isBase64Object()) {
      throw invalidArgument(`Expecting value/list but got object at item ${i} of input list`);
    }
    try {
      tensor.read(reader);
    } catch (error) {
      throw elementError(error, `element: ${i}`);
    }
  }
  return [{ name: spec.name, tensor: tensor.batch() }];
}

function readNamedInstances(count: number, specs: readonly InputSpec[]): NamedTensor[] {
  const tensors = new Map(specs.map((spec) => [spec.name, new TensorReader({ ...spec, batchMax: count })]));
  for (let i = 0; i < count; i++) {
    if (reader.peek() !== CHARACTER.LEFT_BRACE || isBase64Object()) {
      throw invalidArgument(`Expecting object but got list at item ${i} of input list`);
    }
    readInstance(i, tensors);
  }
  return [...tensors].map(([name, tensor]) => ({ name, tensor: tensor.batch() }));
}

function readInstance(index: number, tensors: ReadonlyMap<string, TensorReader>): void {
  const { place } = reader;
  let members = 0;
  reader.enterObject();
  for (let name = reader.nextMember(); name !== undefined; name = reader.nextMember()) {
    members++;
    try {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw invalidArgument(`JSON object: does not have named input: ${name}`);
      tensor.read(reader);
    } catch (error) {
      throw elementError(error, `element: ${index} key: ${name}`);
    }
  }
  reader.leave();
  if (members === tensors.size && [...tensors.values()].every((tensor) => tensor.count === index + 1)) return;
  reader.seek(place);
  throw invalidArgument(
    `Failed to process element: ${index} of 'instances' list. JSON object: ${excerpt(reader)} keys must be equal to: ${
      [
        ...tensors.keys(),
      ].sort()
    }`,
  );
}

/** What went wrong inside an instance, and in which; the code's name is said as Abseil says it. */
function elementError(thrown: unknown, which: string): unknown {
  if (!(thrown instanceof ServingError)) return thrown;
  const codeName = (Object.keys(CODE) as CodeName[]).find((name) => CODE[name] === thrown.code);
  return invalidArgument(
    `Failed to process ${which} of 'instances' list. Error: ${codeName}: ${thrown.message}`,
  );
}

function readInputs(specs: readonly InputSpec[]): NamedTensor[] {
  if (reader.peek() !== CHARACTER.LEFT_BRACE || isBase64Object()) {
    if (specs.length > 1) {
      throw invalidArgument(
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map",
      );
    }
    return [readInput(specs[0] as InputSpec)];
  }
  const found = new Map<string, NamedTensor>();
  reader.enterObject();
  for (let name = reader.nextMember(); name !== undefined; name = reader.nextMember()) {
    const spec = specs.find((candidate) => candidate.name === name);
    // Names that are no inputs are let pass, and of equal names the first counts.
    if (spec === undefined || found.has(name)) reader.skip();
    else found.set(name, readInput(spec));
  }
  return specs.map(({ name }) => {
    const input = found.get(name);
    if (input === undefined) throw invalidArgument(`Missing named input: ${name} in 'inputs' object.`);
    return input;
  });
}

function readInput(spec: InputSpec): NamedTensor {
  const tensor = new TensorReader({ ...spec, batchMax: 1 });
  tensor.read(reader);
  return { name: spec.name, tensor: tensor.single() };
}

/**
 * Encodes the body of a Predict reply, in the layout of the request it answers.
 *
 * @param outputs borrowed until the call returns.
 * @returns bytes of the caller's.
 * @throws {ServingError} INVALID_ARGUMENT for outputs that cannot be told row by row: one has no first dimension, or another size of it.
 */
export function encodePredictBody(outputs: readonly NamedTensor[], format: JsonFormat): Uint8Array<ArrayBuffer> {
  if (outputs.length === 0) throw invalidArgument("Cannot convert empty tensor map to JSON");
  const writer = new JsonWriter(capacityGuess(outputs));
  writer.startObject();
  if (format === "row") writeRows(writer, outputs);
  else writeColumns(writer, outputs);
  writer.endObject();
  return writer.finish();
}

function capacityGuess(outputs: readonly NamedTensor[]): number {
  let bytes = 0;
  for (const { tensor } of outputs) {
    if (tensor.dtype !== "string") bytes += tensor.bytes.length;
    else for (const string of tensor.strings) bytes += string.length;
  }
  return Math.min(bytes * TEXT_GROWTH_GUESS, CAPACITY_MAX);
}

function writeRows(writer: JsonWriter, outputs: readonly NamedTensor[]): void {
  const batchSize = commonBatchSize(outputs);
  const tensors = outputs.map((output) => ({
    name: output.name,
    shape: output.tensor.shape.slice(1),
    tensor: new TensorWriter(writer, output),
  }));
  const areObjects = outputs.length > 1;
  writer.name("predictions");
  writer.startArray();
  for (let i = 0; i < batchSize; i++) {
    if (areObjects) writer.startObject();
    writer.isSingleLine = true;
    for (const { name, shape, tensor } of tensors) {
      if (areObjects) writer.name(name);
      tensor.write(shape);
    }
    writer.isSingleLine = false;
    if (areObjects) writer.endObject();
  }
  writer.endArray();
}

function commonBatchSize(outputs: readonly NamedTensor[]): number {
  let common: number | undefined;
  for (const { name, tensor } of outputs) {
    const [size] = tensor.shape;
    if (size === undefined) throw invalidArgument(`Tensor name: ${name} has no shape information `);
    if (common !== undefined && size !== common) {
      throw invalidArgument(`Tensor name: ${name} has inconsistent batch size: ${size} expecting: ${common}`);
    }
    common = size;
  }
  return common ?? 0;
}

function writeColumns(writer: JsonWriter, outputs: readonly NamedTensor[]): void {
  const areObjects = outputs.length > 1;
  writer.name("outputs");
  if (areObjects) writer.startObject();
  for (const output of outputs) {
    if (areObjects) writer.name(output.name);
    new TensorWriter(writer, output).write(output.tensor.shape);
  }
  if (areObjects) writer.endObject();
}

function invalidArgument(message: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message);
}
