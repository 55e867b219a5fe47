/**
 * The protocol's REST routes, `/v2` (open_inference_rest.yaml) with Triton's extensions: configuration, statistics and repository.
 * Health is answered by `probes.ts`.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Call } from "../../rest/call.ts";
import { HttpError, type Reply } from "../../rest/http_reply.ts";
import type { Handler, Route, RouteSet } from "../../rest/route.ts";
import { percentDecode } from "../../rest/url_path.ts";
import type { RestServices } from "../api.ts";
import { EXTENSIONS, modelMetadata, type ModelName, repositoryIndex, statisticsOf } from "./models.ts";
import { InferCodec } from "./rest/codec.ts";
import { inferOverRest } from "./rest/infer.ts";
import {
  decodeIndexBody,
  decodeLoadBody,
  encodeIndex,
  encodeModelConfig,
  encodeModelMetadata,
  encodeModelNames,
  encodeStatistics,
} from "./rest/message_codec.ts";

const OWN_REGEXP = /^\/v2(?:\/|$)/;
const SERVER_REGEXP = /^\/v2\/?$/;
const LIST_REGEXP = /^\/v2\/models\/?$/;
const ALL_STATISTICS_REGEXP = /^\/v2\/models\/stats$/;
/** A model, perhaps a version of it, and what of it is asked for. */
const MODEL_REGEXP = /^\/v2\/models\/([^/]+)(?:\/versions\/([0-9]+))?(?:\/(infer|config|stats))?\/?$/;
const INDEX_REGEXP = /^\/v2\/repository\/index$/;
const REPOSITORY_MODEL_REGEXP = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/;

/** The routes of the protocol. */
export function openInferenceRoutes(services: RestServices): RouteSet {
  const { server, model } = services;
  const codec = new InferCodec(services.codecThread);
  return {
    owns: (path) => OWN_REGEXP.test(path),
    unmatched,
    routes: [
      {
        method: "POST",
        name: "ModelInfer",
        waitsForGate: true,
        readsBody: true,
        match: ofModel(
          "infer",
          (name, call) => (body) => inferOverRest(services.prediction, codec, { name, call, body }),
        ),
      },
      {
        method: "GET",
        name: "ServerMetadata",
        match: exactly(SERVER_REGEXP, () => json({ ...server, extensions: EXTENSIONS })),
      },
      {
        method: "GET",
        name: "RepositoryIndex",
        match: exactly(LIST_REGEXP, () => json(encodeModelNames(model.index()))),
      },
      {
        method: "GET",
        name: "ModelStatistics",
        match: exactly(
          ALL_STATISTICS_REGEXP,
          async () => json(encodeStatistics(await statisticsOf(services, ALL_MODELS))),
        ),
      },
      {
        method: "GET",
        name: "ModelStatistics",
        match: ofModel("stats", (name) => async () => json(encodeStatistics(await statisticsOf(services, name)))),
      },
      {
        method: "GET",
        name: "ModelConfig",
        waitsForGate: true,
        match: ofModel(
          "config",
          (name, call) => async () => json(encodeModelConfig(await modelMetadata(services, name, call))),
        ),
      },
      {
        method: "GET",
        name: "ModelMetadata",
        waitsForGate: true,
        match: ofModel(
          undefined,
          (name, call) => async () => json(encodeModelMetadata(await modelMetadata(services, name, call))),
        ),
      },
      {
        method: "POST",
        name: "RepositoryIndex",
        readsBody: true,
        match: exactly(
          INDEX_REGEXP,
          (body) => json(encodeIndex(repositoryIndex(model.index(), decodeIndexBody(body)))),
        ),
      },
      repositoryRoute("RepositoryModelLoad", "load", async (name, body) => {
        await model.load(name, decodeLoadBody(body));
      }),
      repositoryRoute("RepositoryModelUnload", "unload", async (name) => {
        await model.unload(name);
      }),
    ],
  };
}

const ALL_MODELS: ModelName = { name: "", version: "" };

/** A change of the repository; it takes as long as loading takes. */
function repositoryRoute(name: string, verb: string, change: (name: string, body: Uint8Array) => Promise<void>): Route {
  return {
    method: "POST",
    name,
    waitsForGate: true,
    readsBody: true,
    changesConfiguration: true,
    hasNoDeadline: true,
    match: (call) => {
      const [, encodedName = "", asked] = REPOSITORY_MODEL_REGEXP.exec(call.path) ?? [];
      if (asked !== verb) return undefined;
      return async (body) => {
        await change(percentDecode(encodedName), body);
        return { status: 200 };
      };
    },
  };
}

/** Matches the path of a model and what of it is asked for. */
function ofModel(what: string | undefined, handlerOf: (name: ModelName, call: Call) => Handler): Route["match"] {
  return (call) => {
    const match = MODEL_REGEXP.exec(call.path);
    if (match === null || match[3] !== what) return undefined;
    const [, name = "", version = ""] = match;
    return handlerOf({ name: percentDecode(name), version: percentDecode(version) }, call);
  };
}

/** Matches paths by a regular expression alone. */
function exactly(path: RegExp, handle: Handler): Route["match"] {
  return (call) => path.test(call.path) ? handle : undefined;
}

function json(value: unknown): Reply {
  return { status: 200, body: JSON.stringify(value) };
}

/** Answers a browser's CORS preflight, and refuses everything else. */
function unmatched({ method, path, request }: Call): Reply {
  if (method !== "OPTIONS") throw new HttpError(404, `There is no ${method} ${path}`);
  if (/https?:\/\//.test(request.headers.get("origin") ?? "")) {
    // A browser asks before it sends a header of its own.
    return {
      status: 200,
      headers: { "access-control-allow-headers": "Content-Type, Inference-Header-Content-Length" },
    };
  }
  throw new ServingError(CODE.FAILED_PRECONDITION, "Origin header is missing in CORS preflight");
}
