/**
 * The routes below `/v1`: calls of models, their states and metadata, the list of models, the configuration.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Call } from "../../rest/call.ts";
import type { Reply } from "../../rest/http_reply.ts";
import type { Handler, Route, RouteSet } from "../../rest/route.ts";
import type { RestServices } from "../api.ts";
import { METHODS, modelSpecOf } from "./rest/calls.ts";
import { PredictCodec } from "./rest/codec.ts";
import {
  encodeConfigBody,
  encodeModelListBody,
  encodeModelMetadataBody,
  encodeModelStatusBody,
} from "./rest/model_codec.ts";
import { type ModelPath, parseAboutPath, parseCallPath } from "./rest/request_path.ts";

const OWN_REGEXP = /^\/v1\//i;
const LIST_REGEXP = /^\/v1\/models$/i;
const CONFIG_REGEXP = /^\/v1\/config$/i;
const RELOAD_REGEXP = /^\/v1\/config\/reload$/i;

/** The routes of the API (tensorflow_serving/model_servers/{http_server,http_rest_api_handler}.cc). */
export function tensorFlowServingRoutes(services: RestServices): RouteSet {
  const codec = new PredictCodec(services.codecThread);
  return {
    owns: (path) => OWN_REGEXP.test(path),
    unmatched,
    routes: [
      callRoute("Predict", { services, codec }),
      callRoute("Classify", { services, codec }),
      callRoute("Regress", { services, codec }),
      listRoute(services),
      metadataRoute(services),
      statusRoute(services),
      configRoute(services),
      reloadRoute(services),
    ],
  };
}

function callRoute(
  name: string,
  { services: { prediction }, codec }: { services: RestServices; codec: PredictCodec },
): Route {
  const suffix = name.toLowerCase();
  const method = METHODS.get(suffix);
  return {
    method: "POST",
    name,
    waitsForGate: true,
    readsBody: true,
    match: (call) => {
      const path = parseCallPath(call.path);
      if (method === undefined || path?.suffix !== suffix) return undefined;
      const target = { prediction, codec, call, modelSpec: modelSpecOf(path) };
      return (body) => method(target, body);
    },
  };
}

/** A form of this server's own. */
function listRoute({ model }: RestServices): Route {
  return {
    method: "GET",
    name: "GetModelStatus",
    match: exactly(LIST_REGEXP, () => ({ status: 200, body: encodeModelListBody(model.index()) })),
  };
}

function metadataRoute({ prediction }: RestServices): Route {
  return {
    method: "GET",
    name: "GetModelMetadata",
    waitsForGate: true,
    match: (call) => {
      const path = parseAboutPath(call.path);
      // TensorFlow Serving compares this word case-sensitively, after a match that is not.
      if (path?.suffix !== "metadata") return undefined;
      const modelSpec = namedSpec(path);
      return () => {
        const metadata = prediction.getModelMetadata({ modelSpec, metadataFields: ["signature_def"] }, call);
        return { status: 200, body: encodeModelMetadataBody(metadata) };
      };
    },
  };
}

function statusRoute({ model }: RestServices): Route {
  return {
    method: "GET",
    name: "GetModelStatus",
    match: (call) => {
      const path = parseAboutPath(call.path);
      if (path === undefined) return undefined;
      const modelSpec = namedSpec(path);
      return () => ({ status: 200, body: encodeModelStatusBody(model.getModelStatus({ modelSpec }, call)) });
    },
  };
}

function configRoute({ model }: RestServices): Route {
  return {
    method: "GET",
    name: "GetModelStatus",
    match: exactly(CONFIG_REGEXP, () => ({ status: 200, body: encodeConfigBody(model.index()) })),
  };
}

/** As in model_server, 201 means that something has changed, 200 that nothing had to. */
function reloadRoute({ model }: RestServices): Route {
  return {
    method: "POST",
    name: "HandleReloadConfigRequest",
    waitsForGate: true,
    changesConfiguration: true,
    hasNoDeadline: true,
    match: exactly(RELOAD_REGEXP, async () => {
      const hasChanged = await model.refresh();
      return { status: hasChanged ? 201 : 200, body: encodeConfigBody(model.index()) };
    }),
  };
}

/** Matches paths by a regular expression alone. */
function exactly(path: RegExp, handle: Handler): Route["match"] {
  return (call) => path.test(call.path) ? handle : undefined;
}

/** @throws {ServingError} INVALID_ARGUMENT if the path names no model. */
function namedSpec(path: ModelPath): ReturnType<typeof modelSpecOf> {
  if (path.name === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing model name in request.");
  return modelSpecOf(path);
}

/** Answers a browser's CORS preflight, and refuses everything else. */
function unmatched({ method, path, request }: Call): Reply {
  if (method !== "OPTIONS") throw new ServingError(CODE.INVALID_ARGUMENT, `Malformed request: ${method} ${path}`);
  if (/https?:\/\//.test(request.headers.get("origin") ?? "")) return { status: 200 };
  throw new ServingError(CODE.FAILED_PRECONDITION, "Origin header is missing in CORS preflight");
}
