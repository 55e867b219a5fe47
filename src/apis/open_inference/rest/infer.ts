/**
 * One inference over REST, from its body to its reply.
 *
 * @module
 */
import type { Signature } from "../../../base/signature.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import { DTYPE_BYTES, type Tensor } from "../../../base/tensor.ts";
import type { Call } from "../../../rest/call.ts";
import type { Reply } from "../../../rest/http_reply.ts";
import type { PredictResponse } from "../../../service/messages.ts";
import type { PredictionService } from "../../../service/prediction_service.ts";
import { infer } from "../inference.ts";
import { type ModelName, signatureOf } from "../models.ts";
import type { InferCodec } from "./codec.ts";
import type { InferBody, RestOutput } from "./infer_body.ts";
import type { EncodedReply } from "./infer_reply.ts";

/** How many bytes of a body are JSON, where binary tensors follow (Triton's docs/protocol/extension_binary_data.md). */
const LENGTH_HEADER = "inference-header-content-length";
const BINARY_MEDIA_TYPE = "application/octet-stream";

/**
 * Infers.
 *
 * @param asked.body given away.
 * @throws {ServingError} as `infer`, and INVALID_ARGUMENT for a body that is no request.
 */
export async function inferOverRest(
  prediction: PredictionService,
  codec: InferCodec,
  { name: model, call, body }: { name: ModelName; call: Call; body: Uint8Array },
): Promise<Reply> {
  // A model that is not there is reported before anything is decoded.
  const signature = signatureOf(prediction, model, call);
  const jsonBytes = jsonBytesOf(call.header(LENGTH_HEADER), body.length);
  const decoded = jsonBytes === undefined ? rawRequest(body, model, signature) : await codec.decode(body, jsonBytes);
  const { id, signatureName, inputs, outputs } = decoded;
  const { name: modelName, version: modelVersion } = model;
  const reply = await infer<EncodedReply | Promise<EncodedReply>>(
    prediction,
    { modelName, modelVersion, id, signatureName, inputs, outputs },
    { caller: call, respond: (response) => codec.encode(replyOf(response, decoded)) },
  );
  if (reply.jsonBytes === undefined) return { status: 200, body: reply.body };
  // A page of another origin may not read a header that is not exposed.
  const headers = { [LENGTH_HEADER]: String(reply.jsonBytes), "access-control-expose-headers": LENGTH_HEADER };
  return { status: 200, body: reply.body, contentType: BINARY_MEDIA_TYPE, headers };
}

/**
 * How much of the body is JSON; undefined for none, which a client says with the length 0.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a length that the body cannot have.
 */
function jsonBytesOf(header: string | undefined, bodyBytes: number): number | undefined {
  if (header === undefined) return bodyBytes;
  if (/^\d{1,10}$/.test(header) && Number(header) <= bodyBytes) return Number(header) || undefined;
  throw new ServingError(
    CODE.INVALID_ARGUMENT,
    `Inference-Header-Content-Length is '${header}': expected a number of bytes in the range 0 to ${bodyBytes}`,
  );
}

function replyOf(
  response: PredictResponse,
  { id, outputs: asked, isBinary }: InferBody,
): Parameters<InferCodec["encode"]>[0] {
  const { modelName, modelVersion, outputs } = response;
  const isBinaryByName = new Map(asked.map((output: RestOutput) => [output.name, output.isBinary]));
  return {
    modelName,
    modelVersion,
    id,
    outputs,
    areBinary: outputs.map(({ name }) => isBinaryByName.get(name) ?? isBinary),
  };
}

/** A body without JSON is the elements of the model's only input; the reply is binary too. */
function rawRequest(body: Uint8Array, { name }: ModelName, { inputs }: Signature): InferBody {
  const [input, second] = inputs;
  if (input === undefined || second !== undefined) {
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `A body without JSON is for models with one input, and '${name}' has ${inputs.length}`,
    );
  }
  const tensor: Tensor = input.dtype === "string"
    ? { dtype: "string", shape: shapeOf(input, 1), strings: [body] }
    : { dtype: input.dtype, shape: shapeOf(input, body.length / DTYPE_BYTES[input.dtype]), bytes: body };
  return { id: "", signatureName: "", inputs: [{ name: input.name, tensor }], outputs: [], isBinary: true };
}

/** The shape of so many elements, where it follows from the input's: all dimensions but one are known. */
function shapeOf({ name, shape }: Signature["inputs"][number], count: number): number[] {
  const open = shape?.filter(({ min, max }) => min !== max).length ?? 0;
  if (shape === undefined || open > 1) {
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `input '${name}' has more than one dimension of any size, so that a body without JSON does not say its shape`,
    );
  }
  const known = shape.reduce((product, { min, max }) => min === max ? product * min : product, 1);
  return shape.map(({ min, max }) => min === max ? min : Math.floor(count / known));
}
