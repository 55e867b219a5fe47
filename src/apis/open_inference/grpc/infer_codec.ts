/**
 * ModelInferRequest to plain types (protos/inference/grpc_service.proto). Written by hand and for speed: tensors are views of the
 * message.
 *
 * @module
 */
import type { Span } from "../../../base/bytes.ts";
import type { MalformedTensor, RequestInput } from "../../../base/signature.ts";
import { CODE, ServingError, toServingError } from "../../../base/status.ts";
import { elementCount, type Tensor } from "../../../base/tensor.ts";
import type { Run } from "../../../protobuf/value_codec.ts";
import { findLargeField } from "../../../protobuf/large_field.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { decodeElements } from "../bytes_elements.ts";
import { DATATYPE_NAMES, dtypeOf } from "../datatype.ts";
import {
  CLASSIFICATION_PARAMETER,
  type InferRequest,
  malformedInput,
  type RequestedOutput,
  SHARED_MEMORY_PARAMETER,
  SIGNATURE_PARAMETER,
} from "../infer_request.ts";
import { readContents, tensorFrom } from "./contents_codec.ts";

/** More tensors than any model has; each takes many times the few bytes that name it. */
const TENSORS_MAX = 1 << 14;
/** More dimensions than any runtime takes. */
const RANK_MAX = 254;
const NO_INPUTS: readonly RequestInput[] = Object.freeze([]);
const NO_OUTPUTS: readonly RequestedOutput[] = Object.freeze([]);
const NO_VIEWS: readonly Uint8Array[] = Object.freeze([]);
/** Stands for an entry of raw_input_contents that is not there. */
const MISSING = new Uint8Array(0);
const NO_RUNS: readonly Run[] = Object.freeze([]);

/** An InferInputTensor before its elements are known: they may come later in the message. */
interface InputHead {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Where typed contents lie in the message. */
  readonly runs: readonly Run[];
  readonly isInSharedMemory: boolean;
}

/**
 * Decodes a ModelInferRequest. Inputs that are no tensors are among its inputs, as malformed ones.
 *
 * @param message borrowed by the tensors.
 * @throws {ServingError} INVALID_ARGUMENT when the message is not protobuf; RESOURCE_EXHAUSTED for too many tensors, or too many
 * pieces of one.
 */
export function decodeInferRequest(message: Uint8Array): InferRequest {
  const reader = new WireReader(message);
  let modelName = "";
  let modelVersion = "";
  let id = "";
  let signatureName = "";
  let heads: InputHead[] | undefined;
  let outputs: RequestedOutput[] | undefined;
  let raw: Uint8Array[] | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 1 << 3 | WIRE.LENGTH:
        modelName = reader.readString();
        break;
      case 2 << 3 | WIRE.LENGTH:
        modelVersion = reader.readString();
        break;
      case 3 << 3 | WIRE.LENGTH:
        id = reader.readString();
        break;
      case 4 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        const { name, text } = readParameter(reader);
        if (name === SIGNATURE_PARAMETER) signatureName = text;
        reader.leave(outer);
        break;
      }
      case 5 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        heads = append(heads, readInput(reader));
        reader.leave(outer);
        break;
      }
      case 6 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        outputs = append(outputs, readRequestedOutput(reader));
        reader.leave(outer);
        break;
      }
      case 7 << 3 | WIRE.LENGTH:
        raw = append(raw, reader.readView());
        break;
      default:
        reader.skip(tag);
    }
  }
  const inputs = heads === undefined ? NO_INPUTS : inputsOf(message, heads, raw ?? NO_VIEWS);
  return { modelName, modelVersion, id, signatureName, inputs, outputs: outputs ?? NO_OUTPUTS };
}

/** Adds to a list that is made with its first item: an array that grows takes room for many more. */
function append<T>(list: T[] | undefined, item: T): T[] {
  if (list === undefined) return [item];
  if (list.length === TENSORS_MAX) {
    throw new ServingError(CODE.RESOURCE_EXHAUSTED, `The message has more than ${TENSORS_MAX} tensors`);
  }
  list.push(item);
  return list;
}

function readInput(reader: WireReader): InputHead {
  let name = "";
  let datatype = "";
  let isInSharedMemory = false;
  let runs: Run[] | undefined;
  const shape: number[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 1 << 3 | WIRE.LENGTH:
        name = reader.readString();
        break;
      case 2 << 3 | WIRE.LENGTH:
        datatype = reader.readString();
        break;
      case 3 << 3 | WIRE.VARINT:
        addDimension(shape, reader.readInt64AsNumber());
        break;
      case 3 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        while (reader.position < reader.limit) addDimension(shape, reader.readInt64AsNumber());
        reader.leave(outer);
        break;
      }
      case 4 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        if (readParameter(reader).name === SHARED_MEMORY_PARAMETER) isInSharedMemory = true;
        reader.leave(outer);
        break;
      }
      case 5 << 3 | WIRE.LENGTH: {
        const outer = reader.enter();
        runs = readContents(reader, runs);
        reader.leave(outer);
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  return { name, datatype, shape, runs: runs ?? NO_RUNS, isInSharedMemory };
}

/** Adds a dimension; of more than there may be one is kept, which is enough to refuse the shape. */
function addDimension(shape: number[], size: number): void {
  if (shape.length <= RANK_MAX) shape.push(size);
}

/** An entry of a map<string, InferParameter>: its value as a number, or as a text. */
function readParameter(reader: WireReader): { readonly name: string; readonly value: number; readonly text: string } {
  let name = "";
  let value = 0;
  let text = "";
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) {
      name = reader.readString();
    } else if (tag === (2 << 3 | WIRE.LENGTH)) {
      const outer = reader.enter();
      while (reader.position < reader.limit) {
        const inner = reader.readTag();
        if ((inner & 7) === WIRE.VARINT) value = reader.readInt64AsNumber();
        else if ((inner & 7) === WIRE.LENGTH) text = reader.readString();
        else reader.skip(inner);
      }
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  return { name, value, text };
}

function readRequestedOutput(reader: WireReader): RequestedOutput {
  let name = "";
  let classCount = 0;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) {
      name = reader.readString();
    } else if (tag === (2 << 3 | WIRE.LENGTH)) {
      const outer = reader.enter();
      const parameter = readParameter(reader);
      if (parameter.name === CLASSIFICATION_PARAMETER) classCount = parameter.value;
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  return { name, classCount };
}

function inputsOf(message: Uint8Array, heads: readonly InputHead[], raw: readonly Uint8Array[]): RequestInput[] {
  const inputs: RequestInput[] = new Array(heads.length);
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i] as InputHead;
    const tensor = raw.length > heads.length
      ? malformedInput(head.name, `is one of ${heads.length} inputs, but raw_input_contents has ${raw.length} entries`)
      : tensorOf(message, head, raw.length === 0 ? undefined : raw[i] ?? MISSING);
    inputs[i] = { name: head.name, tensor };
  }
  return inputs;
}

/** @param raw the input's entry of raw_input_contents; undefined for a message without them. */
function tensorOf(message: Uint8Array, head: InputHead, raw: Uint8Array | undefined): Tensor | MalformedTensor {
  const { name, datatype, shape, runs } = head;
  if (head.isInSharedMemory) return malformedInput(name, "lies in shared memory, which this server does not offer");
  const dtype = dtypeOf(datatype);
  if (dtype === undefined) {
    return malformedInput(name, `has the datatype '${datatype}': expected one of ${DATATYPE_NAMES}`);
  }
  let count: number;
  try {
    count = elementCount(shape);
  } catch (error) {
    return malformedInput(name, `has an impossible shape: ${toServingError(error).message}`);
  }
  if (raw === undefined) return tensorFrom(message, runs, { name, dtype, shape, count });
  if (runs.length > 0) return malformedInput(name, "has contents beside raw_input_contents: expected one of them");
  if (raw === MISSING) return malformedInput(name, "has no data: raw_input_contents has fewer entries than inputs");
  return dtype === "string" ? decodeElements(name, raw, { shape, count }) : { dtype, shape, bytes: raw };
}

/**
 * Finds the first large tensor of a ModelInferRequest whose beginning is there.
 *
 * @param length the whole message's, in bytes.
 * @returns where its elements begin, raw or packed; 0 when there is none, or it lies further on.
 */
export function findLargeTensor(span: Span, length: number): number {
  // A raw entry; or `inputs`, then its `contents`, then the field of the datatype.
  return findLargeField(span, length, (field, depth) => {
    if (depth === 2 || (depth === 0 && field === 7)) return "found";
    return field === 5 ? "message" : undefined;
  });
}
