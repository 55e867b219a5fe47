/**
 * Predict, Classify and Regress over JSON bodies: decode, call the service, encode. Which path leads here is the routes' matter.
 *
 * @module
 */
import { ServingError } from "../../../base/status.ts";
import type { Call } from "../../../rest/call.ts";
import type { Reply } from "../../../rest/http_reply.ts";
import type { Examples, ModelSpec } from "../../../service/messages.ts";
import type { PredictionService } from "../../../service/prediction_service.ts";
import type { PredictCodec } from "./codec.ts";
import {
  decodeExamplesBody,
  encodeClassificationBody,
  encodeRegressionBody,
  type ExamplesBody,
} from "./example_codec.ts";
import type { InputSpec, ModelInputs, PredictBody } from "./predict_codec.ts";
import type { ModelPath } from "./request_path.ts";

/** A call of a model. */
export interface Target {
  readonly prediction: PredictionService;
  readonly codec: PredictCodec;
  readonly call: Call;
  /** Without the signature's name, which is in the body. */
  readonly modelSpec: ModelSpec;
}

/** Answers a call with this body. */
export type Method = (target: Target, body: Uint8Array) => Promise<Reply>;

/** The methods by the last word of a path, in lower case only: `Predict` is not `predict`. */
export const METHODS: ReadonlyMap<string | undefined, Method> = new Map([
  ["predict", predict],
  ["classify", classify],
  ["regress", regress],
]);

/** Returns the model spec that a path stands for. */
export function modelSpecOf({ name = "", version, versionLabel }: ModelPath): ModelSpec {
  return {
    name,
    signatureName: "",
    ...(version === undefined ? {} : { version }),
    ...(versionLabel === undefined ? {} : { versionLabel }),
  };
}

async function predict(target: Target, body: Uint8Array): Promise<Reply> {
  return await predictTensors(target, await target.codec.decode(body, modelInputs(target)));
}

/** Predicts with tensors. The reply has the layout they came in. */
export async function predictTensors(
  { prediction, codec, call, modelSpec }: Target,
  { signatureName, format, inputs }: PredictBody,
): Promise<Reply> {
  const request = { modelSpec: { ...modelSpec, signatureName }, inputs, outputFilter: [] };
  const body = await prediction.predict(request, {
    caller: call,
    respond: ({ outputs }) => codec.encode(outputs, format),
  });
  return { status: 200, body };
}

/** Returns what decoding needs to know of the model. A missing model is reported only after errors in the JSON. */
export function modelInputs({ prediction, modelSpec }: Target): ModelInputs {
  try {
    const { signatures } = prediction.getModelMetadata({ modelSpec, metadataFields: ["signature_def"] });
    const inputs = Array.from(signatures, ([name, signature]) => [name, signature.inputs.map(inputSpec)] as const);
    return { signatures: new Map(inputs) };
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return { signatures: undefined, code: error.code, message: error.message };
  }
}

function inputSpec({ name, dtype }: InputSpec): InputSpec {
  return { name, dtype };
}

async function classify({ prediction, call, modelSpec }: Target, body: Uint8Array): Promise<Reply> {
  const request = examplesRequest(modelSpec, decodeExamplesBody(body));
  const { result } = await prediction.classify(request, { caller: call });
  return { status: 200, body: encodeClassificationBody(result) };
}

async function regress({ prediction, call, modelSpec }: Target, body: Uint8Array): Promise<Reply> {
  const request = examplesRequest(modelSpec, decodeExamplesBody(body));
  const { result } = await prediction.regress(request, { caller: call });
  return { status: 200, body: encodeRegressionBody(result) };
}

function examplesRequest(
  modelSpec: ModelSpec,
  { signatureName, examples }: ExamplesBody,
): { modelSpec: ModelSpec; examples: Examples } {
  return { modelSpec: { ...modelSpec, signatureName }, examples };
}
