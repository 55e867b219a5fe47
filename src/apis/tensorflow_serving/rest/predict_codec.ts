/**
 * Predict's request and reply between JSON and plain types (tensorflow_serving/util/json_tensor.cc, `FillPredictRequestFromJson` and
 * `MakeJsonFromTensors`, whose order of checks and error sentences this keeps).
 *
 * @module
 */
import { CODE, type Code, type CodeName, ServingError } from "../../../base/status.ts";
import type { DType, NamedTensor } from "../../../base/tensor.ts";
import { JsonDocument, type JsonNode } from "../../../json/json_document.ts";
import { excerpt } from "../../../json/json_excerpt.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { bodyError, readSignatureName } from "./request_document.ts";
import { TensorReader } from "./tensor_reader.ts";
import { TensorWriter } from "./tensor_writer.ts";

/** The layout of a body: by instance (`instances`, `predictions`) or by tensor (`inputs`, `outputs`). */
export type JsonFormat = "row" | "columnar";

/** What reading an input takes. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DType;
}

/** The inputs of a model's signatures by name, or the error for a model that has none. Plain data, which can go to another thread. */
export type ModelInputs =
  | { readonly signatures: ReadonlyMap<string, readonly InputSpec[]> }
  | { readonly signatures: undefined; readonly code: Code; readonly message: string };

/** A decoded request body. */
export interface PredictBody {
  /** Empty for the default one. */
  readonly signatureName: string;
  readonly format: JsonFormat;
  /** Strings are views of the body; the caller owns everything else. */
  readonly inputs: readonly NamedTensor[];
}

/** The signature of a request that names none. */
const DEFAULT_SIGNATURE_NAME = "serving_default";
/** A guess of how many bytes of JSON a byte of tensor becomes, for the reply's first buffer. */
const TEXT_GROWTH_GUESS = 3;
/** The largest first buffer; it grows for a longer reply. */
const CAPACITY_MAX = 64 << 20;

/**
 * Decodes the body of a Predict request.
 *
 * @param body borrowed by tensors of strings.
 * @param model the inputs of the requested model; used once the body has proved to be JSON.
 * @throws {ServingError} INVALID_ARGUMENT for anything wrong with the body, and the error that `model` has in place of signatures.
 */
export function decodePredictBody(body: Uint8Array, model: ModelInputs): PredictBody {
  const document = new JsonDocument(body);
  const signatureName = readSignatureName(document);
  const specs = inputsOf(model, signatureName);

  const instances = document.member(0, "instances");
  const inputs = document.member(0, "inputs");
  if (instances === undefined) {
    if (inputs === undefined) throw invalidArgument("Missing 'inputs' or 'instances' key");
    return { signatureName, format: "columnar", inputs: readInputs(document, inputs, specs) };
  }
  if (inputs === undefined) return { signatureName, format: "row", inputs: readInstances(document, instances, specs) };
  throw bodyError(document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ");
}

/**
 * The inputs of a signature (http_rest_api_handler.cc, `GetInfoMap`).
 *
 * @param signatureName empty for the default one.
 * @throws {ServingError} the error in place of signatures; INVALID_ARGUMENT when this signature does not exist or has no inputs.
 */
export function inputsOf(model: ModelInputs, signatureName: string): readonly InputSpec[] {
  if (model.signatures === undefined) throw new ServingError(model.code, model.message);
  const name = signatureName || DEFAULT_SIGNATURE_NAME;
  const specs = model.signatures.get(name);
  if (specs === undefined) throw invalidArgument(`Serving signature name: "${name}" not found in signature def`);
  if (specs.length > 0) return specs;
  throw invalidArgument(`Failed to get input map for signature: ${signatureName || "DEFAULT"}`);
}

function readInstances(document: JsonDocument, instances: JsonNode, specs: readonly InputSpec[]): NamedTensor[] {
  if (!document.isArray(instances)) throw bodyError(document, "Expecting 'instances' to be an list/array");
  const count = document.size(instances);
  if (count === 0) throw bodyError(document, "No values in 'instances' array");
  const isObject = document.isObject(instances + 1);
  if (!isObject && specs.length > 1) {
    throw invalidArgument(
      "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
    );
  }
  const readers = new Map(specs.map((spec) => [spec.name, new TensorReader(document, spec, count)]));
  const [plain] = readers.values();
  const isNamed = isObject && document.base64(instances + 1) === undefined;
  const end = document.next(instances);
  let index = 0;
  for (let node = instances + 1; node < end; node = document.next(node), index++) {
    if (document.isObject(node) && document.base64(node) === undefined) {
      if (!isNamed) throw invalidArgument(`Expecting value/list but got object at item ${index} of input list`);
      readNamedInstance(document, node, readers, index);
    } else {
      if (isNamed) throw invalidArgument(`Expecting object but got list at item ${index} of input list`);
      readElement(plain, node, `element: ${index}`);
    }
  }
  return Array.from(readers, ([name, reader]) => ({ name, tensor: reader.batch() }));
}

function readNamedInstance(
  document: JsonDocument,
  instance: JsonNode,
  readers: ReadonlyMap<string, TensorReader>,
  index: number,
): void {
  const end = document.next(instance);
  let members = 0;
  for (let node = instance + 1; node < end; node = document.next(node + 1)) {
    members++;
    const name = document.text(node);
    readElement(readers.get(name), node + 1, `element: ${index} key: ${name}`, name);
  }
  if (members === readers.size && [...readers.values()].every(({ count }) => count === index + 1)) return;
  const shown = excerpt(document, instance);
  throw invalidArgument(
    `Failed to process element: ${index} of 'instances' list. JSON object: ${shown} keys must be equal to: ${
      [...readers.keys()].sort()
    }`,
  );
}

/** Reads a value of an instance; an error says `which` it is, and names the code as Abseil does. */
function readElement(reader: TensorReader | undefined, node: JsonNode, which: string, name = ""): void {
  try {
    if (reader === undefined) throw invalidArgument(`JSON object: does not have named input: ${name}`);
    reader.read(node);
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    const codeName = (Object.keys(CODE) as CodeName[]).find((name) => CODE[name] === error.code);
    throw invalidArgument(`Failed to process ${which} of 'instances' list. Error: ${codeName}: ${error.message}`);
  }
}

function readInputs(document: JsonDocument, inputs: JsonNode, specs: readonly InputSpec[]): NamedTensor[] {
  if (!document.isObject(inputs) || document.base64(inputs) !== undefined) {
    if (specs.length > 1) {
      throw invalidArgument(
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map",
      );
    }
    return [readInput(document, inputs, specs[0] as InputSpec)];
  }
  const found = new Map<string, NamedTensor>();
  const end = document.next(inputs);
  for (let node = inputs + 1; node < end; node = document.next(node + 1)) {
    const name = document.text(node);
    const spec = specs.find((candidate) => candidate.name === name);
    // Names of other things are ignored, and of equal names the first counts.
    if (spec !== undefined && !found.has(name)) found.set(name, readInput(document, node + 1, spec));
  }
  return specs.map(({ name }) => {
    const input = found.get(name);
    if (input === undefined) throw invalidArgument(`Missing named input: ${name} in 'inputs' object.`);
    return input;
  });
}

function readInput(document: JsonDocument, node: JsonNode, spec: InputSpec): NamedTensor {
  const reader = new TensorReader(document, spec, 1);
  reader.read(node);
  return { name: spec.name, tensor: reader.single() };
}

/**
 * Encodes the body of a Predict reply in the layout of its request.
 *
 * @param outputs borrowed until the call returns.
 * @returns bytes owned by the caller.
 * @throws {ServingError} INVALID_ARGUMENT for outputs that have no rows in common: one has no first dimension, or another size of it.
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
