/**
 * GetModelStatus and GetModelMetadata between protobuf and plain types, in both directions (tensorflow_serving/apis/
 * {get_model_status,get_model_metadata,status}.proto, tensorflow/core/protobuf/meta_graph.proto).
 *
 * Decoders throw a ServingError INVALID_ARGUMENT for bytes that are not protobuf. Encoders return bytes that belong to the caller.
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import {
  type Dimension,
  type PartialShape,
  PREDICT_METHOD_NAME,
  type Signature,
  type TensorSpec,
} from "../../../base/signature.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type {
  GetModelMetadataRequest,
  GetModelMetadataResponse,
  GetModelStatusRequest,
  GetModelStatusResponse,
  ModelSpec,
  ModelVersionStatus,
  StateName,
} from "../../../service/messages.ts";
import { DATA_TYPE, dataTypeName, dtypeOf } from "./data_type.ts";
import { modelSpecOf, writeModelSpec } from "./model_spec_codec.ts";
import { WireFields } from "../../../protobuf/wire_fields.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

/** `ModelVersionStatus.State`. */
const STATE: Readonly<Record<StateName, number>> = { start: 10, loading: 20, available: 30, unloading: 40, end: 50 };
/** The only kind of metadata, and its type in an `Any`. */
const METADATA_KEY = "signature_def";
const METADATA_TYPE_URL = "type.googleapis.com/tensorflow.serving.SignatureDefMap";

const ANY_SIZE: Dimension = { min: 0, max: Infinity };

/** Decodes a GetModelStatusRequest. */
export function decodeGetModelStatusRequest(message: Uint8Array): GetModelStatusRequest {
  return { modelSpec: modelSpecOf(new WireFields(message)) };
}

/** Encodes a GetModelStatusRequest. */
export function encodeGetModelStatusRequest(request: GetModelStatusRequest): Uint8Array {
  const writer = new WireWriter();
  writeModelSpecField(writer, request.modelSpec);
  return joinParts(writer.finish());
}

/** Decodes a GetModelStatusResponse. An unknown state becomes the end, an unknown code UNKNOWN. */
export function decodeGetModelStatusResponse(message: Uint8Array): GetModelStatusResponse {
  return { versions: new WireFields(message).messages(1).map(versionStatusOf) };
}

function versionStatusOf(fields: WireFields): ModelVersionStatus {
  const stateNames = Object.keys(STATE) as StateName[];
  const status = fields.message(3);
  return {
    version: fields.number(1),
    state: stateNames.find((name) => STATE[name] === fields.number(2)) ?? "end",
    code: Object.values(CODE).find((code) => code === status.number(1)) ?? CODE.UNKNOWN,
    message: status.text(2),
  };
}

/** Encodes a GetModelStatusResponse. */
export function encodeGetModelStatusResponse(response: GetModelStatusResponse): Uint8Array {
  const writer = new WireWriter();
  for (const version of response.versions.toReversed()) {
    writer.writeMessageField(1, () => {
      writer.writeMessageField(3, () => {
        writer.writeTextField(2, version.message);
        writer.writeNumberField(1, version.code);
      });
      writer.writeNumberField(2, STATE[version.state]);
      writer.writeNumberField(1, version.version);
    });
  }
  return joinParts(writer.finish());
}

/** Decodes a GetModelMetadataRequest. */
export function decodeGetModelMetadataRequest(message: Uint8Array): GetModelMetadataRequest {
  const fields = new WireFields(message);
  return { modelSpec: modelSpecOf(fields), metadataFields: fields.texts(2) };
}

/** Encodes a GetModelMetadataRequest. */
export function encodeGetModelMetadataRequest(request: GetModelMetadataRequest): Uint8Array {
  const writer = new WireWriter();
  for (const name of request.metadataFields.toReversed()) {
    writer.writeMessageField(2, () => writer.writeText(name));
  }
  writeModelSpecField(writer, request.modelSpec);
  return joinParts(writer.finish());
}

/**
 * Decodes a GetModelMetadataResponse.
 *
 * @throws {ServingError} UNIMPLEMENTED for a tensor of an unsupported dtype.
 */
export function decodeGetModelMetadataResponse(message: Uint8Array): GetModelMetadataResponse {
  const fields = new WireFields(message);
  const modelSpec = modelSpecOf(fields);
  const any = fields.map(2).get(METADATA_KEY);
  const signatures = new Map<string, Signature>();
  for (const [name, signature] of any?.message(2).map(1) ?? []) {
    const methodName = signature.text(3);
    signatures.set(name, { inputs: specsOf(signature.map(1)), outputs: specsOf(signature.map(2)), methodName });
  }
  return { modelName: modelSpec?.name ?? "", modelVersion: Number(modelSpec?.version ?? 0), signatures };
}

function specsOf(infos: ReadonlyMap<string, WireFields>): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const [name, info] of infos) {
    const dtype = dtypeOf(info.number(2));
    if (dtype === undefined) {
      const dataType = dataTypeName(info.number(2));
      throw new ServingError(CODE.UNIMPLEMENTED, `Tensor ${name} has dtype ${dataType}, which is not supported`);
    }
    specs.push({ name, tensorName: info.text(1), dtype, shape: partialShapeOf(info.message(3)) });
  }
  return specs;
}

function partialShapeOf(fields: WireFields): PartialShape {
  if (fields.number(3) !== 0) return undefined;
  return fields.messages(2).map((dimension) => {
    const size = dimension.number(1);
    return size < 0 ? ANY_SIZE : { min: size, max: size };
  });
}

/** Encodes a GetModelMetadataResponse. */
export function encodeGetModelMetadataResponse(response: GetModelMetadataResponse): Uint8Array {
  const { modelName, modelVersion, signatures } = response;
  const writer = new WireWriter();
  writer.writeMessageField(2, () => {
    writer.writeMessageField(2, () => {
      writer.writeMessageField(2, () => writeSignatureDefMap(writer, signatures));
      writer.writeTextField(1, METADATA_TYPE_URL);
    });
    writer.writeTextField(1, METADATA_KEY);
  });
  writeModelSpecField(writer, { name: modelName, version: modelVersion, signatureName: "" });
  return joinParts(writer.finish());
}

function writeSignatureDefMap(writer: WireWriter, signatures: ReadonlyMap<string, Signature>): void {
  for (const [name, signature] of [...signatures].reverse()) {
    writer.writeMessageField(1, () => {
      writer.writeMessageField(2, () => {
        writer.writeTextField(3, signature.methodName ?? PREDICT_METHOD_NAME);
        for (const spec of signature.outputs.toReversed()) writeTensorInfoEntry(writer, 2, spec);
        for (const spec of signature.inputs.toReversed()) writeTensorInfoEntry(writer, 1, spec);
      });
      writer.writeMessageField(1, () => writer.writeText(name));
    });
  }
}

function writeTensorInfoEntry(writer: WireWriter, field: number, spec: TensorSpec): void {
  writer.writeMessageField(field, () => {
    writer.writeMessageField(2, () => {
      writer.writeMessageField(3, () => writePartialShape(writer, spec.shape));
      writer.writeNumberField(2, DATA_TYPE[spec.dtype]);
      // The name is a member of a oneof, so it is written even if it is empty.
      writer.writeMessageField(1, () => writer.writeText(spec.tensorName));
    });
    writer.writeMessageField(1, () => writer.writeText(spec.name));
  });
}

function writePartialShape(writer: WireWriter, shape: PartialShape): void {
  if (shape === undefined) return writer.writeNumberField(3, 1);
  for (const { min, max } of shape.toReversed()) {
    writer.writeMessageField(2, () => writer.writeNumberField(1, min === max ? min : -1));
  }
}

function writeModelSpecField(writer: WireWriter, modelSpec: ModelSpec | undefined): void {
  if (modelSpec !== undefined) writer.writeMessageField(1, () => writeModelSpec(writer, modelSpec));
}
