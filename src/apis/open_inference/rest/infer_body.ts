/**
 * Inference requests over REST: JSON, optionally followed by binary tensors (specification/protocol/inference_rest.md, Triton's
 * docs/protocol/extension_binary_data.md).
 *
 * @module
 */
import type { RequestInput } from "../../../base/signature.ts";
import { CODE, ServingError, toServingError } from "../../../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type Tensor } from "../../../base/tensor.ts";
import { newElements } from "../../../json/elements.ts";
import { JsonDocument, type JsonNode } from "../../../json/json_document.ts";
import { excerpt } from "../../../json/json_excerpt.ts";
import { decodeElements } from "../bytes_elements.ts";
import { DATATYPE_NAMES, dtypeOf } from "../datatype.ts";
import {
  CLASSIFICATION_PARAMETER,
  malformedInput,
  type RequestedOutput,
  SHARED_MEMORY_PARAMETER,
  SIGNATURE_PARAMETER,
} from "../infer_request.ts";

/** More tensors than any model has. */
const TENSORS_MAX = 1 << 14;
/** More dimensions than any runtime takes. */
const RANK_MAX = 254;

/** A requested output, and whether its elements follow the reply's JSON as bytes. */
export interface RestOutput extends RequestedOutput {
  /** Undefined where the request's `binary_data_output` decides. */
  readonly isBinary: boolean | undefined;
}

/** A request without the model, which its path names. */
export interface InferBody {
  readonly id: string;
  readonly signatureName: string;
  readonly inputs: readonly RequestInput[];
  /** Empty for all outputs. */
  readonly outputs: readonly RestOutput[];
  /** `binary_data_output`: whether outputs are binary unless they say otherwise. */
  readonly isBinary: boolean;
}

/**
 * Decodes a body.
 *
 * @param body borrowed by the tensors.
 * @param jsonBytes how much of the body is JSON; binary tensors follow.
 * @throws {ServingError} INVALID_ARGUMENT with what is wrong, and the input it is about.
 */
export function decodeInferBody(body: Uint8Array, jsonBytes: number): InferBody {
  const document = new JsonDocument(body.subarray(0, jsonBytes));
  const reader = new BodyReader(document, body.subarray(jsonBytes));
  return reader.read();
}

/** Reads one body. */
class BodyReader {
  readonly #document: JsonDocument;
  readonly #binary: Uint8Array;
  #position = 0;

  constructor(document: JsonDocument, binary: Uint8Array) {
    this.#document = document;
    this.#binary = binary;
  }

  read(): InferBody {
    const document = this.#document;
    if (!document.isObject(0)) throw invalid(`Expected a JSON object, but got ${excerpt(document, 0)}`);
    const inputs = this.#all(0, "inputs");
    if (inputs === undefined) throw invalid("Missing 'inputs' in the request");
    const parameters = this.#parameters(0);
    const body = {
      id: this.#text(0, "id") ?? "",
      signatureName: this.#text(parameters, SIGNATURE_PARAMETER) ?? "",
      inputs: inputs.map((node) => this.#input(node)),
      outputs: (this.#all(0, "outputs") ?? []).map((node) => this.#output(node)),
      isBinary: this.#flag(parameters, "binary_data_output") ?? false,
    };
    const left = this.#binary.length - this.#position;
    if (left > 0) throw invalid(`The body has ${left} bytes after its last binary tensor`);
    return body;
  }

  #input(node: JsonNode): RequestInput {
    const name = this.#text(node, "name");
    if (name === undefined) throw invalid(`An input has no 'name': ${excerpt(this.#document, node)}`);
    const datatype = this.#text(node, "datatype");
    const dtype = datatype === undefined ? undefined : dtypeOf(datatype);
    if (dtype === undefined) {
      const found = datatype === undefined ? "no datatype" : `the datatype '${datatype}'`;
      throw inputError(name, `has ${found}: expected one of ${DATATYPE_NAMES}`);
    }
    const shape = this.#shape(node, name);
    const parameters = this.#parameters(node);
    if (this.#text(parameters, SHARED_MEMORY_PARAMETER) !== undefined) {
      throw inputError(name, "lies in shared memory, which this server does not offer");
    }
    const data = this.#member(node, "data");
    const size = this.#whole(parameters, "binary_data_size");
    if (data !== undefined && size !== undefined) {
      throw inputError(name, "has 'data' beside 'binary_data_size': expected one of them");
    }
    const wanted = { name, dtype, shape, count: countOf(name, shape) };
    return { name, tensor: data === undefined ? this.#binaryTensor(wanted, size) : this.#dataTensor(wanted, data) };
  }

  #binaryTensor({ name, dtype, shape, count }: WantedTensor, size: number | undefined): Tensor {
    const left = this.#binary.length - this.#position;
    if (size === undefined && (left === 0 && count > 0 || dtype === "string")) {
      throw inputError(name, "has neither 'data' nor 'binary_data_size'");
    }
    const expected = dtype === "string" ? undefined : count * DTYPE_BYTES[dtype];
    const length = size ?? expected ?? 0;
    if (expected !== undefined && length !== expected) {
      throw inputError(name, `has ${length} bytes of binary data: expected ${expected} for the shape [${shape}]`);
    }
    if (length > left) throw inputError(name, `has ${length} bytes of binary data, but the body has only ${left} left`);
    const bytes = this.#binary.subarray(this.#position, this.#position += length);
    if (dtype !== "string") return { dtype, shape, bytes };
    const tensor = decodeElements(name, bytes, { shape, count });
    if (tensor.dtype === "malformed") throw tensor.error;
    return tensor;
  }

  #dataTensor({ name, dtype, shape, count }: WantedTensor, data: JsonNode): Tensor {
    const document = this.#document;
    if (!document.isArray(data)) throw inputError(name, "has no list in 'data'");
    // Elements take a node each, so a shape that claims more of them needs no memory.
    const nodes = document.next(data) - data - 1;
    const elements = newElements(dtype, Math.min(count, nodes));
    let taken = 0;
    const takeAll = (list: JsonNode): void => {
      const end = document.next(list);
      for (let node = list + 1; node < end;) {
        if (document.isArray(node)) {
          takeAll(node);
          node = document.next(node);
          continue;
        }
        // A run of elements up to the next list.
        let runEnd = node;
        let run = 0;
        for (; runEnd < end && !document.isArray(runEnd); runEnd = document.next(runEnd)) run++;
        if (taken + run > count) throw countError(name, shape, count, undefined);
        const stopped = elements.take(document, node, runEnd);
        if (stopped !== runEnd) {
          throw inputError(name, `has the element ${excerpt(document, stopped)}, which is no value of its datatype`);
        }
        taken += run;
        node = runEnd;
      }
    };
    takeAll(data);
    if (taken !== count) throw countError(name, shape, count, taken);
    return elements.tensor(shape);
  }

  #shape(node: JsonNode, name: string): number[] {
    const document = this.#document;
    const list = this.#member(node, "shape");
    if (list === undefined || !document.isArray(list)) throw inputError(name, "has no list in 'shape'");
    const shape: number[] = [];
    for (let at = list + 1; at < document.next(list); at = document.next(at)) {
      const size = document.number(at);
      if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
        throw inputError(
          name,
          `has the dimension ${excerpt(document, at)}: expected a whole number that is not negative`,
        );
      }
      if (shape.length === RANK_MAX) throw inputError(name, `has more than ${RANK_MAX} dimensions`);
      shape.push(size);
    }
    return shape;
  }

  #output(node: JsonNode): RestOutput {
    const name = this.#text(node, "name");
    if (name === undefined) throw invalid(`An output has no 'name': ${excerpt(this.#document, node)}`);
    const parameters = this.#parameters(node);
    if (this.#text(parameters, SHARED_MEMORY_PARAMETER) !== undefined) {
      throw invalid(`output '${name}' lies in shared memory, which this server does not offer`);
    }
    return {
      name,
      classCount: this.#whole(parameters, CLASSIFICATION_PARAMETER) ?? 0,
      isBinary: this.#flag(parameters, "binary_data"),
    };
  }

  /** The objects in a list that a member holds. */
  #all(node: JsonNode, member: string): JsonNode[] | undefined {
    const document = this.#document;
    const list = this.#member(node, member);
    if (list === undefined) return undefined;
    if (!document.isArray(list)) throw invalid(`Expected a list in '${member}', but got ${excerpt(document, list)}`);
    const nodes: JsonNode[] = [];
    for (let at = list + 1; at < document.next(list); at = document.next(at)) {
      if (!document.isObject(at)) throw invalid(`Expected objects in '${member}', but got ${excerpt(document, at)}`);
      if (nodes.length === TENSORS_MAX) throw invalid(`'${member}' has more than ${TENSORS_MAX} tensors`);
      nodes.push(at);
    }
    return nodes;
  }

  #parameters(node: JsonNode): JsonNode | undefined {
    const parameters = this.#member(node, "parameters");
    if (parameters === undefined || this.#document.isObject(parameters)) return parameters;
    throw invalid(`Expected an object in 'parameters', but got ${excerpt(this.#document, parameters)}`);
  }

  #member(node: JsonNode | undefined, name: string): JsonNode | undefined {
    return node === undefined ? undefined : this.#document.member(node, name);
  }

  #text(node: JsonNode | undefined, name: string): string | undefined {
    const member = this.#member(node, name);
    if (member === undefined) return undefined;
    if (!this.#document.isString(member)) {
      throw invalid(`Expected a string in '${name}', but got ${excerpt(this.#document, member)}`);
    }
    return this.#document.text(member);
  }

  #whole(node: JsonNode | undefined, name: string): number | undefined {
    const member = this.#member(node, name);
    if (member === undefined) return undefined;
    const value = this.#document.number(member);
    if (value !== undefined && Number.isSafeInteger(value) && value >= 0) return value;
    throw invalid(`Expected a whole number in '${name}', but got ${excerpt(this.#document, member)}`);
  }

  #flag(node: JsonNode | undefined, name: string): boolean | undefined {
    const member = this.#member(node, name);
    if (member === undefined) return undefined;
    const value = this.#document.boolean(member);
    if (value !== undefined) return value;
    throw invalid(`Expected true or false in '${name}', but got ${excerpt(this.#document, member)}`);
  }
}

/** An input as its JSON describes it. */
interface WantedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly count: number;
}

function countOf(name: string, shape: readonly number[]): number {
  try {
    return elementCount(shape);
  } catch (error) {
    throw inputError(name, `has an impossible shape: ${toServingError(error).message}`);
  }
}

function countError(name: string, shape: readonly number[], count: number, found: number | undefined): ServingError {
  return inputError(name, `has the shape [${shape}] of ${count} elements, but ${found ?? "more"} of them in 'data'`);
}

function inputError(name: string, sentence: string): ServingError {
  return malformedInput(name, sentence).error;
}

function invalid(message: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, message);
}
