/**
 * Inference replies over REST: JSON, optionally followed by binary tensors.
 *
 * @module
 */
import type { NamedTensor } from "../../../base/tensor.ts";
import { putterOf } from "../../../json/element_writer.ts";
import { JsonWriter } from "../../../json/json_writer.ts";
import { elementsByteLength, encodeElements } from "../bytes_elements.ts";
import { DATATYPE } from "../datatype.ts";

/** What a reply is made of. Plain data. */
export interface InferReply {
  readonly modelName: string;
  readonly modelVersion: number;
  /** Empty for none. */
  readonly id: string;
  readonly outputs: readonly NamedTensor[];
  /** Whether each output follows the JSON as bytes. */
  readonly areBinary: readonly boolean[];
}

/** A reply's body. */
export interface EncodedReply {
  /** Owned by the caller. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** How much of the body is JSON; undefined if all of it is. */
  readonly jsonBytes: number | undefined;
}

const encoder = new TextEncoder();

/** Encodes a reply. Tensors are borrowed until this returns. */
export function encodeInferReply(reply: InferReply): EncodedReply {
  const { outputs, areBinary } = reply;
  const json = encodeJson(reply);
  if (!areBinary.includes(true)) return { body: json, jsonBytes: undefined };
  const parts = outputs.filter((_, index) => areBinary[index]).map(({ tensor }) =>
    tensor.dtype === "string" ? encodeElements(tensor.strings) : tensor.bytes
  );
  const body = new Uint8Array(parts.reduce((length, part) => length + part.length, json.length));
  body.set(json);
  let at = json.length;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return { body, jsonBytes: json.length };
}

function encodeJson({ modelName, modelVersion, id, outputs, areBinary }: InferReply): Uint8Array<ArrayBuffer> {
  const writer = new JsonWriter();
  writer.isSingleLine = true;
  const text = (name: string, value: string): void => {
    writer.name(name);
    writer.string(encoder.encode(value));
  };
  writer.startObject();
  text("model_name", modelName);
  text("model_version", String(modelVersion));
  if (id !== "") text("id", id);
  writer.name("outputs");
  writer.startArray();
  outputs.forEach(({ name, tensor }, index) => {
    writer.startObject();
    text("name", name);
    text("datatype", DATATYPE[tensor.dtype]);
    writer.name("shape");
    writer.startArray();
    for (const size of tensor.shape) writer.raw(String(size));
    writer.endArray();
    if (areBinary[index]) {
      writer.name("parameters");
      writer.startObject();
      writer.name("binary_data_size");
      writer.raw(String(tensor.dtype === "string" ? elementsByteLength(tensor.strings) : tensor.bytes.length));
      writer.endObject();
    } else {
      writer.name("data");
      writer.startArray();
      if (tensor.dtype === "string") { for (const string of tensor.strings) writer.string(string); }
      else writer.numbers({ from: 0, count: elementsOf(tensor.shape) }, putterOf(tensor));
      writer.endArray();
    }
    writer.endObject();
  });
  writer.endArray();
  writer.endObject();
  return writer.finish();
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}
