/**
 * The routes below `/v1`: calls, states and metadata of models, lists of models, the configuration.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Examples, ModelSpec } from "../../service/messages.ts";
import type { Call } from "../../rest/call.ts";
import {
  decodeExamplesBody,
  encodeClassificationBody,
  encodeRegressionBody,
  type ExamplesBody,
} from "./rest/example_codec.ts";
import type { Reply } from "../../rest/http_reply.ts";
import {
  encodeConfigBody,
  encodeModelListBody,
  encodeModelMetadataBody,
  encodeModelStatusBody,
  type ModelStatuses,
} from "./rest/model_codec.ts";
import type { PredictCodec } from "./rest/codec.ts";
import type { InputSpec, ModelInputs, PredictBody } from "./rest/predict_codec.ts";
import { type ModelPath, parseAboutPath, parseCallPath } from "./rest/request_path.ts";
import type { RestServices, Route, RouteOptions } from "../../rest/route.ts";

const LIST_REGEXP = /^\/v1\/models$/i;
const CONFIG_REGEXP = /^\/v1\/config$/i;
const RELOAD_REGEXP = /^\/v1\/config\/reload$/i;

/** Answers one of the methods of PredictionService for a body. */
type Method = (target: Target, body: Uint8Array) => Promise<Reply>;

/** Who calls what. */
export interface Target {
  readonly services: RestServices;
  readonly codec: PredictCodec;
  readonly call: Call;
  /** Without the name of a signature, which stands in the body. */
  readonly modelSpec: ModelSpec;
}

const METHODS: ReadonlyMap<string | undefined, Method> = new Map([
  ["predict", predict],
  ["classify", classify],
  ["regress", regress],
]);

/** The routes of the API, in the order in which they are tried. */
export function modelRoutes(services: RestServices, options: RouteOptions): readonly Route[] {
  return [
    { method: "POST", handle: (call) => callModel(services, call, options) },
    { method: "GET", handle: (call) => listModels(services, call, options) },
    { method: "GET", handle: (call) => describeModel(services, call) },
    { method: "GET", handle: (call) => describeConfig(services, call, options) },
    { method: "POST", handle: (call) => reloadConfig(services, call, options) },
  ];
}

function callModel(services: RestServices, call: Call, { codec }: RouteOptions): Promise<Reply> | undefined {
  const path = parseCallPath(call.path);
  if (path === undefined) return undefined;
  const target = { services, codec, call, modelSpec: modelSpecOf(path) };
  return answerCall(target, { methodName: path.suffix, body: () => call.body() });
}

/**
 * Calls one of the methods of PredictionService.
 *
 * @param body reads the body in the form of the API; not called when there is nothing to call.
 * @returns undefined when there is no method of that name: `Predict` is not `predict`.
 */
export function answerCall(
  target: Target,
  { methodName, body }: { methodName: string | undefined; body: () => Promise<Uint8Array> },
): Promise<Reply> | undefined {
  const method = METHODS.get(methodName);
  const { services, call } = target;
  return method && body().then((bytes) => {
    const waiting = started(services, call, bytes.length);
    return call.withinDeadline(
      waiting === undefined ? method(target, bytes) : waiting.then(() => method(target, bytes)),
    );
  });
}

/** Waits until the server has started; undefined when it has, as it nearly always has. */
export function started({ gate }: RestServices, call: Call, bodyBytes: number): Promise<void> | undefined {
  return gate === undefined || gate.isOpen ? undefined : gate.wait(call, bodyBytes);
}

/** What the service must be asked for to answer for a path. */
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

/** Predicts with tensors, and answers in the layout they came in. */
export async function predictTensors(
  { services: { prediction }, codec, call, modelSpec }: Target,
  { signatureName, format, inputs }: PredictBody,
): Promise<Reply> {
  const request = { modelSpec: { ...modelSpec, signatureName }, inputs, outputFilter: [] };
  const body = await prediction.predict(request, {
    caller: call,
    respond: ({ outputs }) => codec.encode(outputs, format),
  });
  return { status: 200, body };
}

/** What reading a body takes to know of the model; its absence is told only after what is wrong with the body as JSON. */
export function modelInputs({ services: { prediction }, modelSpec }: Target): ModelInputs {
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

async function classify({ services, call, modelSpec }: Target, body: Uint8Array): Promise<Reply> {
  const request = examplesRequest(modelSpec, decodeExamplesBody(body));
  const { result } = await services.prediction.classify(request, { caller: call });
  return { status: 200, body: encodeClassificationBody(result) };
}

async function regress({ services, call, modelSpec }: Target, body: Uint8Array): Promise<Reply> {
  const request = examplesRequest(modelSpec, decodeExamplesBody(body));
  const { result } = await services.prediction.regress(request, { caller: call });
  return { status: 200, body: encodeRegressionBody(result) };
}

function examplesRequest(
  modelSpec: ModelSpec,
  { signatureName, examples }: ExamplesBody,
): { modelSpec: ModelSpec; examples: Examples } {
  return { modelSpec: { ...modelSpec, signatureName }, examples };
}

function listModels({ model }: RestServices, { path }: Call, { modelNames }: RouteOptions): Reply | undefined {
  if (!LIST_REGEXP.test(path)) return undefined;
  return { status: 200, body: encodeModelListBody(allStatuses(model, modelNames())) };
}

function allStatuses(model: RestServices["model"], names: readonly string[]): ModelStatuses[] {
  return names.map((name) => ({ name, status: { versions: model.versionsOf(name) } }));
}

function describeModel(services: RestServices, call: Call): Reply | undefined | Promise<Reply> {
  const path = parseAboutPath(call.path);
  if (path === undefined) return undefined;
  if (path.name === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing model name in request.");
  const modelSpec = modelSpecOf(path);
  // TensorFlow Serving compares this word to the letter, after a match that does not.
  if (path.suffix !== "metadata") {
    return { status: 200, body: encodeModelStatusBody(services.model.getModelStatus({ modelSpec }, call)) };
  }
  const reply = (): Reply => {
    const metadata = services.prediction.getModelMetadata({ modelSpec, metadataFields: ["signature_def"] }, call);
    return { status: 200, body: encodeModelMetadataBody(metadata) };
  };
  const waiting = started(services, call, 0);
  return waiting === undefined ? reply() : call.withinDeadline(waiting.then(reply));
}

function describeConfig({ model }: RestServices, { path }: Call, { modelNames }: RouteOptions): Reply | undefined {
  if (!CONFIG_REGEXP.test(path)) return undefined;
  return { status: 200, body: encodeConfigBody(allStatuses(model, modelNames())) };
}

/** model_server says with 201 that something has changed, with 200 that nothing had to. */
function reloadConfig(
  services: RestServices,
  call: Call,
  { modelNames, reloadConfig }: RouteOptions,
): Promise<Reply> | undefined {
  if (!RELOAD_REGEXP.test(call.path)) return undefined;
  const reload = async (): Promise<Reply> => {
    const hasChanged = await reloadConfig();
    return { status: hasChanged ? 201 : 200, body: encodeConfigBody(allStatuses(services.model, modelNames())) };
  };
  const waiting = started(services, call, 0);
  return waiting === undefined ? reload() : call.withinDeadline(waiting).then(reload);
}
