/**
 * SageMaker's contract as TensorFlow Serving's container implements it: `GET /ping`, and `POST /invocations` with a body in one of
 * several formats, which becomes a body of Predict (aws/sagemaker-tensorflow-serving-container, tensorflowServing.js).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Call } from "../../rest/call.ts";
import { HttpError, type Reply } from "../../rest/http_reply.ts";
import type { Handler, RouteSet } from "../../rest/route.ts";
import type { RestServices } from "../api.ts";
import { METHODS, modelInputs, modelSpecOf, predictTensors, type Target } from "../tensorflow_serving/rest/calls.ts";
import { PredictCodec } from "../tensorflow_serving/rest/codec.ts";
import { inputsOf } from "../tensorflow_serving/rest/predict_codec.ts";
import { type ModelPath, parseCallPath } from "../tensorflow_serving/rest/request_path.ts";
import { decodeNpy } from "./npy.ts";

/** A header with attributes of the request: `tfs-model-name=…,tfs-model-version=…,tfs-method=…`. */
const ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes";
const ATTRIBUTE_REGEXP = /(tfs-[a-z-]+)=([^,=]+)(?=,|$)/g;

const PING_PATH = "/ping";
const INVOCATIONS_PATH = "/invocations";
const JSON_TYPES: readonly string[] = ["application/json", "application/jsonlines", "application/jsons"];
const NEW_LINE = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The routes of the contract. `defaultModel` answers requests that name no model. */
export function sagemakerRoutes(services: RestServices, defaultModel: string): RouteSet {
  const codec = new PredictCodec(services.codecThread);
  return {
    owns: (path) => path === PING_PATH || path === INVOCATIONS_PATH,
    routes: [
      {
        method: "GET",
        name: "GetModelStatus",
        match: (call) => call.path === PING_PATH ? () => ping(services, call, defaultModel) : undefined,
      },
      {
        method: "POST",
        name: "Predict",
        waitsForGate: true,
        readsBody: true,
        match: (call) => {
          if (call.path !== INVOCATIONS_PATH) return undefined;
          const path = targetOf(call, defaultModel);
          const target = { prediction: services.prediction, codec, call, modelSpec: modelSpecOf(path) };
          return invocation(target, path.suffix);
        },
      },
    ],
  };
}

/** Returns the call that a request's attributes stand for. */
function targetOf({ request }: Call, defaultModel: string): ModelPath {
  const attributes = new Map<string, string>();
  for (const [, key = "", value = ""] of (request.headers.get(ATTRIBUTES_HEADER) ?? "").matchAll(ATTRIBUTE_REGEXP)) {
    attributes.set(key, value.trim());
  }
  const version = attributes.get("tfs-model-version");
  const path = `/v1/models/${attributes.get("tfs-model-name") ?? defaultModel}${
    version === undefined ? "" : `/versions/${version}`
  }:${attributes.get("tfs-method") ?? "predict"}`;
  const target = parseCallPath(path);
  if (target === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, `Malformed request: POST ${path}`);
  return target;
}

/** 200 if the model can be called, 502 if it cannot. */
function ping({ model }: RestServices, call: Call, defaultModel: string): Reply {
  try {
    const { versions } = model.getModelStatus({ modelSpec: modelSpecOf(targetOf(call, defaultModel)) }, call);
    return { status: versions.some(({ state }) => state === "available") ? 200 : 502 };
  } catch (error) {
    if (error instanceof ServingError) return { status: 502 };
    throw error;
  }
}

/**
 * Finds the handler for the body's media type.
 *
 * @returns undefined if there is no such method: `Predict` is not `predict`.
 * @throws {HttpError} 415 for a type that is not known.
 */
function invocation(target: Target, methodName: string | undefined): Handler | undefined {
  const { call } = target;
  const type = call.header("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "Unknown";
  if (type === "application/x-npy") return async (body) => fitted(await predictArray(target, body), call);
  const toJson = JSON_TYPES.includes(type) ? predictJson : type === "text/csv" ? csvJson : undefined;
  if (toJson === undefined) throw new HttpError(415, `Unsupported Media Type: ${type}`);
  const method = METHODS.get(methodName);
  return method && (async (body) => fitted(await method(target, toJson(body)), call));
}

/** Predicts with one array in NumPy's format, the model's only input. */
async function predictArray(target: Target, file: Uint8Array): Promise<Reply> {
  const [input, ...others] = inputsOf(modelInputs(target), "");
  if (input === undefined || others.length > 0) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "An array without a name goes with a model of one input only");
  }
  const tensor = decodeNpy(file, input.dtype);
  const body = { signatureName: "", format: "row", inputs: [{ name: input.name, tensor }] } as const;
  return await predictTensors(target, body);
}

/** Puts the reply on one line if the client accepts JSON lines, which it joins itself. */
function fitted(reply: Reply, { request }: Call): Reply {
  const accepted = request.headers.get("accept")?.split(",").map((type) => type.trim()) ?? [];
  if (!accepted.includes("application/json") && !accepted.includes("application/jsonlines")) return reply;
  const { status, body } = reply;
  const bytes = typeof body === "string" ? encoder.encode(body) : body ?? new Uint8Array(0);
  return { status, body: bytes.filter((byte) => byte !== NEW_LINE), contentType: accepted[0] ?? "application/json" };
}

/** Makes a body of Predict from an instance, a list of instances, or one instance a line. */
function predictJson(body: Uint8Array): Uint8Array {
  const text = decoder.decode(body);
  if (/"(instances|inputs|examples)"\s*:/.test(text)) return body;
  if (/[}\]]\s*[\[{]/.test(text)) return encoder.encode(`{"instances":[${linesOf(text)}]}`);
  return encoder.encode(`{"instances":${/^\s*\[\s*\[/.test(text) ? text : `[${text}]`}}`);
}

/** Makes a body of Predict from comma-separated values, an instance a line. Text is quoted; numbers and quoted strings stay. */
function csvJson(body: Uint8Array): Uint8Array {
  const text = decoder.decode(body);
  const areQuoted = /^\s*("|[\d.Ee+-]+.*)/.test(text);
  const instances = linesOf(text).map((line) => {
    const fields = areQuoted ? line : line.split(",").map((field) => JSON.stringify(field)).join(",");
    return line.includes(",") ? `[${fields}]` : fields;
  });
  return encoder.encode(`{"instances":[${instances}]}`);
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
}
