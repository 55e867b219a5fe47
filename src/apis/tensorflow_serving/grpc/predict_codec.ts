/**
 * Predict's request and reply between protobuf and plain types, both sides of each (tensorflow_serving/apis/predict.proto).
 * Written by hand and for speed: tensors are views of the message on the way in and of their owner's memory on the way out.
 *
 * @module
 */
import type { Span } from "../../../base/bytes.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type { NamedTensor } from "../../../base/tensor.ts";
import type { ModelSpec, PredictRequest, PredictResponse, RequestInput } from "../../../service/messages.ts";
import { readModelSpec, writeModelSpec } from "./model_spec_codec.ts";
import { type TensorBudget, TensorReader, writeTensor } from "./tensor_codec.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

/** What the tensors of one message may take in memory besides the message itself, unless told otherwise. */
const TENSOR_BYTES_MAX = 1 << 30;
/** More tensors than any model has; each takes many times the few bytes that name it. */
const TENSORS_MAX = 1 << 14;
/** From this many inputs on a name is looked up in a map. */
const LISTED_INPUTS_MAX = 16;
/** Shorter tensors are copied to where the engine reads them: that costs less than binding them where they lie. */
const LARGE_TENSOR_BYTES = 64 << 10;
const NO_NAMES: readonly string[] = Object.freeze([]);

/** How to decode tensors. */
export interface DecodeOptions {
  /**
   * The most bytes that may be set aside for tensors of a message beyond the message itself. A short message can stand for a
   * large tensor: one value fills any shape.
   */
  readonly tensorBytesMax?: number;
}

/** How to encode tensors. */
export interface EncodeOptions {
  /** Whether elements go into `tensor_content` as they lie in memory, or each into the field of its dtype. */
  readonly asTensorContent: boolean;
}

/** A request as a client writes it. */
export interface OutgoingPredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: readonly NamedTensor[];
  readonly outputFilter: readonly string[];
}

// One message is read or written at a time, and to its end: nothing in here waits.
const tensorReader = new TensorReader();
const writer = new WireWriter();

/**
 * Decodes a PredictRequest. Inputs that are no tensors are among them, as {@link MalformedTensor}s.
 *
 * @param message borrowed by the tensors.
 * @throws {ServingError} INVALID_ARGUMENT when the message is not protobuf; RESOURCE_EXHAUSTED for tensors, or pieces of one,
 * without number.
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
 * Finds the first large tensor of a PredictRequest whose beginning is there.
 *
 * @param length the whole message's.
 * @returns where its elements begin, be it as tensor_content or as a packed field; 0 when there is none, or it lies further on.
 */
export function findLargeTensor({ bytes, start, end }: Span, length: number): number {
  const reader = new WireReader(bytes);
  reader.position = start;
  reader.limit = start + length;
  try {
    // `inputs`, then an entry's `value`, then whatever field of the tensor it is that is so long.
    for (let depth = 0; reader.position < end;) {
      const tag = reader.readTag();
      if ((tag & 7) !== WIRE.LENGTH) {
        reader.skip(tag);
        continue;
      }
      const fieldLength = reader.readLength();
      if (fieldLength < LARGE_TENSOR_BYTES) reader.position += fieldLength;
      else if (depth === 2) return reader.position <= end ? reader.position - start : 0;
      else if (tag >>> 3 === 2) depth++;
      else return 0;
    }
  } catch {
    // Decoding will say what is wrong with it.
  }
  return 0;
}

/**
 * Decodes a PredictResponse.
 *
 * @param message borrowed by the tensors.
 * @throws {ServingError} INVALID_ARGUMENT when the message is not protobuf, or an output no tensor.
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

/** The entries of a `map<string, TensorProto>` in the order they first came, each key once with its last value. */
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
      // An array that grows takes room for many more, and most requests have one input.
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
 * @returns the message in parts, first one first. They are borrowed: until the next message is encoded on this thread, and from
 * the tensors.
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
 * Encodes a PredictResponse with its outputs in their order, the fields in the order of their numbers, as C++ does it.
 *
 * @returns the message in parts, first one first. They are borrowed: until the next message is encoded on this thread, and from
 * the tensors.
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
