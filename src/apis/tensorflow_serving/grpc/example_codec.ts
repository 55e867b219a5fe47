/**
 * Classify, Regress and MultiInference between protobuf and plain types (tensorflow_serving/apis/{classification,regression,
 * inference,input}.proto). Examples stay serialized, which is how a model takes them.
 *
 * Decoders throw a ServingError INVALID_ARGUMENT for bytes that are not protobuf. Encoders return bytes that belong to the caller.
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import type {
  ClassificationRequest,
  ClassificationResponse,
  ClassificationResult,
  Examples,
  MultiInferenceRequest,
  MultiInferenceResponse,
  RegressionRequest,
  RegressionResponse,
  RegressionResult,
  ServedBy,
} from "../../../service/messages.ts";
import { modelSpecOf, writeModelSpec } from "./model_spec_codec.ts";
import { WireFields } from "../../../protobuf/wire_fields.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

/** Members of the oneof `Input.kind`. */
const EXAMPLE_LIST = 1;
const EXAMPLE_LIST_WITH_CONTEXT = 2;

/** Decodes a ClassificationRequest; the examples borrow the message. */
export function decodeClassificationRequest(message: Uint8Array): ClassificationRequest {
  const fields = new WireFields(message);
  return { modelSpec: modelSpecOf(fields), examples: examplesOf(fields.view(2)) };
}

/** Decodes a RegressionRequest; the examples borrow the message. */
export function decodeRegressionRequest(message: Uint8Array): RegressionRequest {
  return decodeClassificationRequest(message);
}

/** Decodes a MultiInferenceRequest; the examples borrow the message. */
export function decodeMultiInferenceRequest(message: Uint8Array): MultiInferenceRequest {
  const fields = new WireFields(message);
  const tasks = fields.messages(1).map((task) => ({ modelSpec: modelSpecOf(task), methodName: task.text(2) }));
  return { tasks, examples: examplesOf(fields.view(2)) };
}

/** Reads an Input. The last of two kinds counts, as in any oneof; repeated parts of one kind merge. */
function examplesOf(input: Uint8Array | undefined): Examples {
  let kind = 0;
  let parts: Uint8Array[] = [];
  const reader = new WireReader(input ?? new Uint8Array(0));
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const field = (tag & 7) === WIRE.LENGTH ? tag >>> 3 : 0;
    if (field !== EXAMPLE_LIST && field !== EXAMPLE_LIST_WITH_CONTEXT) {
      reader.skip(tag);
      continue;
    }
    if (field !== kind) parts = [];
    kind = field;
    parts.push(reader.readView());
  }
  const list = new WireFields(parts.length === 1 ? parts[0] as Uint8Array : joinParts(parts));
  const context = kind === EXAMPLE_LIST_WITH_CONTEXT ? list.view(2) : undefined;
  if (context === undefined) return list.views(1);
  // The example's fields follow the context's and so override them.
  return list.views(1).map((example) => joinParts([context, example]));
}

/** Encodes a ClassificationResponse. */
export function encodeClassificationResponse(response: ClassificationResponse): Uint8Array {
  const writer = new WireWriter();
  writeServedBy(writer, 2, response);
  writeClassificationResult(writer, 1, response.result);
  return joinParts(writer.finish());
}

/** Encodes a RegressionResponse. */
export function encodeRegressionResponse(response: RegressionResponse): Uint8Array {
  const writer = new WireWriter();
  writeServedBy(writer, 2, response);
  writeRegressionResult(writer, 1, response.result);
  return joinParts(writer.finish());
}

/** Encodes a MultiInferenceResponse. */
export function encodeMultiInferenceResponse(response: MultiInferenceResponse): Uint8Array {
  const writer = new WireWriter();
  for (const result of response.results.toReversed()) {
    writer.writeMessageField(1, () => {
      if (result.kind === "classification") writeClassificationResult(writer, 2, result.result);
      else writeRegressionResult(writer, 3, result.result);
      writeServedBy(writer, 1, result);
    });
  }
  return joinParts(writer.finish());
}

function writeServedBy(writer: WireWriter, field: number, served: ServedBy): void {
  const { modelName: name, modelVersion: version, signatureName } = served;
  writer.writeMessageField(field, () => writeModelSpec(writer, { name, version, signatureName }));
}

function writeClassificationResult(writer: WireWriter, field: number, result: ClassificationResult): void {
  writer.writeMessageField(field, () => {
    for (const classes of result.toReversed()) {
      writer.writeMessageField(1, () => {
        for (const { label, score } of classes.toReversed()) {
          writer.writeMessageField(1, () => {
            writer.writeFloatField(2, score);
            if (label.length > 0) writer.writeMessageField(1, () => writer.writeBytes(label));
          });
        }
      });
    }
  });
}

function writeRegressionResult(writer: WireWriter, field: number, result: RegressionResult): void {
  writer.writeMessageField(field, () => {
    for (const value of result.toReversed()) writer.writeMessageField(1, () => writer.writeFloatField(1, value));
  });
}
