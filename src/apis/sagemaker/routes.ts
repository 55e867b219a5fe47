/**
 * SageMaker's contract as TensorFlow Serving's container for it keeps it: `GET /ping`, and `POST /invocations` with a body in one of
 * several forms, which become the one that Predict takes (aws/sagemaker-tensorflow-serving-container, tensorflowServing.js).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Call } from "../../rest/call.ts";
import { HttpError, type Reply } from "../../rest/http_reply.ts";
import {
  answerCall,
  modelInputs,
  modelSpecOf,
  predictTensors,
  started,
  type Target,
} from "../tensorflow_serving/routes.ts";
import { decodeNpy } from "./npy.ts";
import { inputsOf } from "../tensorflow_serving/rest/predict_codec.ts";
import { type ModelPath, parseCallPath } from "../tensorflow_serving/rest/request_path.ts";
import type { RestServices, Route, RouteOptions } from "../../rest/route.ts";

/** What is said of a request in a header: `tfs-model-name=…,tfs-model-version=…,tfs-method=…`. */
const ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes";
const ATTRIBUTE_REGEXP = /(tfs-[a-z-]+)=([^,=]+)(?=,|$)/g;

const PING_REGEXP = /^\/ping$/;
const INVOCATIONS_REGEXP = /^\/invocations$/;
const JSON_TYPES: readonly string[] = ["application/json", "application/jsonlines", "application/jsons"];
const NEW_LINE = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What these routes are told. */
export interface SagemakerOptions extends RouteOptions {
  /** The model that is meant where a request names none. */
  readonly defaultModel: string;
}

/** The routes of the contract. */
export function sagemakerRoutes(services: RestServices, options: SagemakerOptions): readonly Route[] {
  return [
    { method: "GET", handle: (call) => ping(services, call, options) },
    { method: "POST", handle: (call) => invoke(services, call, options) },
  ];
}

/** The call a request's attributes stand for. */
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

/** 200 when the model can be called, 502 when it cannot. */
function ping({ model }: RestServices, call: Call, { defaultModel }: SagemakerOptions): Reply | undefined {
  if (!PING_REGEXP.test(call.path)) return undefined;
  try {
    const { versions } = model.getModelStatus({ modelSpec: modelSpecOf(targetOf(call, defaultModel)) }, call);
    return { status: versions.some(({ state }) => state === "available") ? 200 : 502 };
  } catch (error) {
    if (error instanceof ServingError) return { status: 502 };
    throw error;
  }
}

function invoke(
  services: RestServices,
  call: Call,
  { codec, defaultModel }: SagemakerOptions,
): Promise<Reply> | undefined {
  if (!INVOCATIONS_REGEXP.test(call.path)) return undefined;
  const type = call.request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "Unknown";
  const path = targetOf(call, defaultModel);
  const target = { services, codec, call, modelSpec: modelSpecOf(path) };
  if (type === "application/x-npy") return invokeWithArray(target).then((reply) => fitted(reply, call));
  const toJson = JSON_TYPES.includes(type) ? predictJson : type === "text/csv" ? csvJson : undefined;
  if (toJson === undefined) throw new HttpError(415, `Unsupported Media Type: ${type}`);
  return answerCall(target, { methodName: path.suffix, body: () => call.body().then(toJson) })
    ?.then((reply) => fitted(reply, call));
}

/** Predicts with one array in NumPy's format, the model's one input. */
async function invokeWithArray(target: Target): Promise<Reply> {
  const { services, call } = target;
  const file = await call.body();
  const waiting = started(services, call, file.length);
  const reply = waiting === undefined ? predictArray(target, file) : waiting.then(() => predictArray(target, file));
  return await call.withinDeadline(reply);
}

async function predictArray(target: Target, file: Uint8Array): Promise<Reply> {
  const [input, ...others] = inputsOf(modelInputs(target), "");
  if (input === undefined || others.length > 0) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "An array without a name goes with a model of one input only");
  }
  const tensor = decodeNpy(file, input.dtype);
  const body = { signatureName: "", format: "row", inputs: [{ name: input.name, tensor }] } as const;
  return await predictTensors(target, body);
}

/** The reply on one line where the client names a type of JSON it takes: lines are what it then puts together. */
function fitted(reply: Reply, { request }: Call): Reply {
  const accepted = request.headers.get("accept")?.split(",").map((type) => type.trim()) ?? [];
  if (!accepted.includes("application/json") && !accepted.includes("application/jsonlines")) return reply;
  const { status, body } = reply;
  const bytes = typeof body === "string" ? encoder.encode(body) : body ?? new Uint8Array(0);
  return { status, body: bytes.filter((byte) => byte !== NEW_LINE), contentType: accepted[0] ?? "application/json" };
}

/** A body for Predict out of one that may be an instance, a list of them, or one on each line. */
function predictJson(body: Uint8Array): Uint8Array {
  const text = decoder.decode(body);
  if (/"(instances|inputs|examples)"\s*:/.test(text)) return body;
  if (/[}\]]\s*[\[{]/.test(text)) return encoder.encode(`{"instances":[${linesOf(text)}]}`);
  return encoder.encode(`{"instances":${/^\s*\[\s*\[/.test(text) ? text : `[${text}]`}}`);
}

/** A body for Predict out of comma-separated values, an instance a line: numbers and strings in quotes as they are, other text quoted. */
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
