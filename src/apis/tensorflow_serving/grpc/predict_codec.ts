/**
 * Predict's request and reply between protobuf and plain types, in both directions (tensorflow_serving/apis/predict.proto).
 * Hand-written for speed: decoded tensors are views of the message, encoded ones are borrowed from their owner's memory.
 *
 * @module
 */
import type { Span } from "../../../base/bytes.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type { NamedTensor } from "../../../base/tensor.ts";
import type { ModelSpec, PredictRequest, PredictResponse, RequestInput } from "../../../service/messages.ts";
import { readModelSpec, writeModelSpec } from "./model_spec_codec.ts";
import { type TensorBudget, TensorReader, writeTensor } from "./tensor_codec.ts";
import { findLargeField } from "../../../protobuf/large_field.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

/** Default bound on the memory that one message's tensors take besides the message itself. */
const TENSOR_BYTES_MAX = 1 << 30;
/** More tensors than any model has. In memory a tensor takes many times its few bytes on the wire. */
const TENSORS_MAX = 1 << 14;
/** With this many inputs or more, names are looked up in a map. */
const LISTED_INPUTS_MAX = 16;
const NO_NAMES: readonly string[] = Object.freeze([]);

/** How to decode tensors. */
export interface DecodeOptions {
  /**
   * Bound in bytes on the memory allocated for a message's tensors besides the message itself. A short message can mean a large
   * tensor: one value fills any shape.
   */
  readonly tensorBytesMax?: number;
}

/** How to encode tensors. */
export interface EncodeOptions {
  /** Whether elements go into `tensor_content` as in memory, or into the typed field of their dtype. */
  readonly asTensorContent: boolean;
}

/** A request that a client sends. */
export interface OutgoingPredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: readonly NamedTensor[];
  readonly outputFilter: readonly string[];
}

// Shared, because nothing here is asynchronous: one message is read or written at a time.
const tensorReader = new TensorReader();
const writer = new WireWriter();

/**
 * Decodes a PredictRequest. Invalid inputs are included, as {@link MalformedTensor}s.
 *
 * @param message borrowed by the tensors.
 * @throws {ServingError} INVALID_ARGUMENT when the message is not protobuf; RESOURCE_EXHAUSTED for too many tensors, or too many
 * pieces of one.
 */
export function decodePredictRequest(message: Uint8Array, options?: DecodeOptions): PredictRequest {
  const reader = new WireReader(message);
  const inputs = new NamedTensors(options);
  let modelSpec: ModelSpec | undefined;
  let outputFilter: string[] | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 1 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        modelSpec = readModelSpec(reader, modelSpec);
        reader.leave(outer);
        break;
      }
      case 2 << 3 | WIRE.LENGTH:
        inputs.read(reader);
        break;
      case 3 << 3 | WIRE.LENGTH:
        outputFilter ??= [];
        outputFilter.push(reader.readString());
        break;
      default:
        reader.skip(tag);
    }
  }
  return { modelSpec, inputs: inputs.list, outputFilter: outputFilter ?? NO_NAMES };
}

/**
 * Finds the first large tensor of a PredictRequest of which only the first part has arrived.
 *
 * @param length of the whole message, in bytes.
 * @returns the offset of its elements, in tensor_content or in a packed field; 0 if there is none yet.
 */
export function findLargeTensor(span: Span, length: number): number {
  // `inputs`, then an entry's `value`, then the field of the tensor that is so long.
  return findLargeField(span, length, (field, depth) => depth === 2 ? "found" : field === 2 ? "message" : undefined);
}

/**
 * Decodes a PredictResponse.
 *
 * @param message borrowed by the tensors.
 * @throws {ServingError} INVALID_ARGUMENT when the message is not protobuf, or an output is not a valid tensor.
 */
export function decodePredictResponse(message: Uint8Array, options?: DecodeOptions): PredictResponse {
  const reader = new WireReader(message);
  const named = new NamedTensors(options);
  let modelSpec: ModelSpec | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) {
      named.read(reader);
    } else if (tag === (2 << 3 | WIRE.LENGTH)) {
      const outer = reader.enter();
      modelSpec = readModelSpec(reader, modelSpec);
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  const outputs = named.list.map(({ name, tensor }) => {
    if (tensor.dtype === "malformed") throw tensor.error;
    return { name, tensor };
  });
  return {
    modelName: modelSpec?.name ?? "",
    modelVersion: Number(modelSpec?.version ?? 0),
    signatureName: modelSpec?.signatureName ?? "",
    outputs,
  };
}

/** The entries of a `map<string, TensorProto>` in order of first occurrence, each key once with its last value. */
class NamedTensors implements TensorBudget {
  list: RequestInput[] = [];
  bytesLeft: number;
  #indices: Map<string, number> | undefined;

  constructor(options: DecodeOptions | undefined) {
    this.bytesLeft = options?.tensorBytesMax ?? TENSOR_BYTES_MAX;
  }

  read(reader: WireReader): void {
    let name = "";
    tensorReader.clear();
    const outer = reader.enter();
    while (reader.position < reader.limit) {
      const tag = reader.readTag();
      if (tag === (1 << 3 | WIRE.LENGTH)) {
        name = reader.readString();
      } else if (tag === (2 << 3 | WIRE.LENGTH)) {
        const entry = reader.enter();
        tensorReader.read(reader);
        reader.leave(entry);
      } else {
        reader.skip(tag);
      }
    }
    reader.leave(outer);
    const tensor = tensorReader.tensor(reader.bytes, { name, budget: this });
    this.#set({ name, tensor });
  }

  #set(input: RequestInput): void {
    const index = this.#indexOf(input.name);
    if (index >= 0) {
      this.list[index] = input;
    } else {
      if (this.list.length === TENSORS_MAX) {
        throw new ServingError(CODE.RESOURCE_EXHAUSTED, `The message has more than ${TENSORS_MAX} tensors`);
      }
      this.#indices?.set(input.name, this.list.length);
      // An array that grows reserves room for many more, and most requests have one input.
      if (this.list.length === 0) this.list = [input];
      else this.list.push(input);
    }
  }

  #indexOf(name: string): number {
    if (this.#indices !== undefined) return this.#indices.get(name) ?? -1;
    const { list } = this;
    if (list.length >= LISTED_INPUTS_MAX) return this.#indexAll().get(name) ?? -1;
    for (let i = 0; i < list.length; i++) if ((list[i] as RequestInput).name === name) return i;
    return -1;
  }

  #indexAll(): Map<string, number> {
    return this.#indices = new Map(this.list.map((input, index) => [input.name, index]));
  }
}

/**
 * Encodes a PredictRequest.
 *
 * @returns the message in parts, in order. They are borrowed from the tensors, and valid until this thread encodes the next message.
 */
export function encodePredictRequest(request: OutgoingPredictRequest, options: EncodeOptions): readonly Uint8Array[] {
  writer.begin();
  for (let i = request.outputFilter.length - 1; i >= 0; i--) {
    const end = writer.length;
    writer.writeText(request.outputFilter[i] as string);
    writer.writeLength(end);
    writer.writeTag(3 << 3 | WIRE.LENGTH);
  }
  writeNamedTensors(2, request.inputs, options);
  writeModelSpecField(1, request.modelSpec);
  return writer.finish();
}

/**
 * Encodes a PredictResponse with its outputs in their order and its fields by number, as C++ does.
 *
 * @returns the message in parts, in order. They are borrowed from the tensors, and valid until this thread encodes the next message.
 */
export function encodePredictResponse(response: PredictResponse, options: EncodeOptions): readonly Uint8Array[] {
  writer.begin();
  writeModelSpecField(2, {
    name: response.modelName,
    version: response.modelVersion,
    signatureName: response.signatureName,
  });
  writeNamedTensors(1, response.outputs, options);
  return writer.finish();
}

function writeModelSpecField(field: number, modelSpec: ModelSpec): void {
  const end = writer.length;
  writeModelSpec(writer, modelSpec);
  writer.writeLength(end);
  writer.writeTag(field << 3 | WIRE.LENGTH);
}

function writeNamedTensors(field: number, tensors: readonly NamedTensor[], options: EncodeOptions): void {
  for (let i = tensors.length - 1; i >= 0; i--) {
    const { name, tensor } = tensors[i] as NamedTensor;
    const end = writer.length;
    writeTensor(writer, tensor, options);
    writer.writeLength(end);
    writer.writeTag(2 << 3 | WIRE.LENGTH);
    const nameEnd = writer.length;
    writer.writeText(name);
    writer.writeLength(nameEnd);
    writer.writeTag(1 << 3 | WIRE.LENGTH);
    writer.writeLength(end);
    writer.writeTag(field << 3 | WIRE.LENGTH);
  }
}
