/**
 * Statuses and metadata of models as JSON, in the layout of protobuf's `MessageToJsonString` with one space a level and all fields
 * printed (tensorflow_serving/model_servers/http_rest_api_util.cc, `ToJsonString`).
 *
 * @module
 */
import { type PartialShape, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from "../../../base/signature.ts";
import { CODE, type CodeName } from "../../../base/status.ts";
import { dataTypeName } from "../../../service/data_type_name.ts";
import type {
  GetModelMetadataResponse,
  GetModelStatusResponse,
  ModelIndexEntry,
  ModelVersionStatus,
} from "../../../service/messages.ts";

/** The body of a reply to `GET /v1/models/NAME`. */
export function encodeModelStatusBody(response: GetModelStatusResponse): string {
  return `${print(statusMessage(response))}\n`;
}

/** The body of a reply to `GET /v1/models`: for each model what {@link encodeModelStatusBody} writes. A form of this server's own. */
export function encodeModelListBody(models: readonly ModelIndexEntry[]): string {
  return `${print({ models: models.map(({ name, versions }) => ({ name, ...statusMessage({ versions }) })) })}\n`;
}

/** The body of a reply to `GET /v1/config`, as in model_server, where a version without an error has the message "OK". */
export function encodeConfigBody(models: readonly ModelIndexEntry[]): string {
  const entries = models.map(({ name, versions }) => {
    const worded = versions.map((version) => version.code === CODE.OK ? { ...version, message: "OK" } : version);
    return `${print(name)} : \n${print(statusMessage({ versions: worded }))}`;
  });
  return `{\n${entries.join(",\n")}\n}`;
}

/** The body of a reply to `GET /v1/models/NAME/metadata`. TensorFlow Serving joins its parts by hand, hence the layout. */
export function encodeModelMetadataBody(response: GetModelMetadataResponse): string {
  const { modelName: name, modelVersion, signatures } = response;
  const modelSpec = print({ name, version: String(modelVersion), signature_name: "" });
  const signatureMap = Object.fromEntries(Array.from(signatures, ([key, value]) => [key, signatureMessage(value)]));
  return `{\n"model_spec":${modelSpec}\n,\n"metadata": {"signature_def": ${
    print({ signature_def: signatureMap })
  }\n}\n}\n`;
}

function statusMessage({ versions }: GetModelStatusResponse): Record<string, unknown> {
  return { model_version_status: versions.map(versionMessage) };
}

function versionMessage({ version, state, code, message }: ModelVersionStatus): Record<string, unknown> {
  return {
    version: String(version),
    state: state.toUpperCase(),
    status: {
      error_code: (Object.keys(CODE) as CodeName[]).find((name) => CODE[name] === code),
      error_message: message,
    },
  };
}

function signatureMessage({ inputs, outputs, methodName = PREDICT_METHOD_NAME }: Signature): Record<string, unknown> {
  return {
    inputs: tensorMessages(inputs),
    outputs: tensorMessages(outputs),
    method_name: methodName,
    defaults: {},
  };
}

function tensorMessages(specs: readonly TensorSpec[]): Record<string, unknown> {
  return Object.fromEntries(specs.map(({ name, tensorName, dtype, shape }) => [name, {
    name: tensorName,
    dtype: dataTypeName(dtype),
    tensor_shape: shapeMessage(shape),
  }]));
}

function shapeMessage(shape: PartialShape): Record<string, unknown> {
  const dimensions = shape ?? [];
  return {
    dim: dimensions.map(({ min, max }) => ({ size: String(min === max ? min : -1), name: "" })),
    unknown_rank: shape === undefined,
  };
}

/** Prints JSON as protobuf does, which also escapes what could end a script in a page. */
function print(value: unknown): string {
  return JSON.stringify(value, undefined, 1).replace(/[<>\u007f\u2028\u2029]/g, escape);
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
