/**
 * ModelInferResponse and ModelStreamInferResponse from plain types (protos/inference/grpc_service.proto). Written by hand and for
 * speed: tensors are views of their owner's memory.
 *
 * @module
 */
import { WIRE } from "../../../protobuf/wire_reader.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";
import type { PredictResponse, ResponseOutput } from "../../../service/messages.ts";
import { writeElements } from "../bytes_elements.ts";
import { DATATYPE } from "../datatype.ts";

// One reply is written at a time, and to its end: nothing in here waits.
const writer = new WireWriter();

/** Writes what stands before a reply's outputs: whose it is. */
function writeReplyHead(
  { modelName, modelVersion }: Pick<PredictResponse, "modelName" | "modelVersion">,
  id: string,
): void {
  writer.writeTextField(3, id);
  writer.writeTextField(2, String(modelVersion));
  writer.writeTextField(1, modelName);
}

/** `triton_final_response: true`, by which Triton's clients know that a streamed request has all its replies. */
const FINAL_RESPONSE = "triton_final_response";

/**
 * Encodes a ModelInferResponse with its outputs in their order, all of them raw.
 *
 * @returns the message in parts, first one first. They are borrowed: until the next reply is encoded on this thread, and from the
 * tensors.
 */
export function encodeInferResponse(response: PredictResponse, id: string): readonly Uint8Array[] {
  writer.begin();
  writeReply(response, id);
  return writer.finish();
}

/** Like {@link encodeInferResponse}, as the `infer_response` of a ModelStreamInferResponse. */
export function encodeStreamInferResponse(response: PredictResponse, id: string): readonly Uint8Array[] {
  writer.begin();
  writer.writeMessageField(2, () => writeReply(response, id, true));
  return writer.finish();
}

/** A ModelStreamInferResponse that reports an error; `id` is the failed request's. */
export function encodeStreamError(message: string, id: string): readonly Uint8Array[] {
  writer.begin();
  writer.writeMessageField(2, () => writer.writeTextField(3, id));
  writer.writeTextField(1, message);
  return writer.finish();
}

function writeReply(response: PredictResponse, id: string, isFinal = false): void {
  const { outputs } = response;
  for (let i = outputs.length - 1; i >= 0; i--) {
    const { tensor } = outputs[i] as ResponseOutput;
    const end = writer.length;
    if (tensor.dtype === "string") writeElements(writer, tensor.strings);
    else writer.writeBytes(tensor.bytes);
    writer.writeLength(end);
    writer.writeTag(6 << 3 | WIRE.LENGTH);
  }
  for (let i = outputs.length - 1; i >= 0; i--) writeOutput(outputs[i] as ResponseOutput);
  if (isFinal) {
    writer.writeMessageField(4, () => {
      writer.writeMessageField(2, () => writer.writeNumberField(1, 1));
      writer.writeTextField(1, FINAL_RESPONSE);
    });
  }
  writeReplyHead(response, id);
}

function writeOutput({ name, tensor: { dtype, shape } }: ResponseOutput): void {
  const end = writer.length;
  if (shape.length > 0) {
    const shapeEnd = writer.length;
    for (let axis = shape.length - 1; axis >= 0; axis--) writer.writeInt64(shape[axis] as number);
    writer.writeLength(shapeEnd);
    writer.writeTag(3 << 3 | WIRE.LENGTH);
  }
  writer.writeTextField(2, DATATYPE[dtype]);
  writer.writeTextField(1, name);
  writer.writeLength(end);
  writer.writeTag(5 << 3 | WIRE.LENGTH);
}
