/**
 * The REST API as a function from requests to replies: a table of routes, and what happens around each (tensorflow_serving/
 * model_servers/{http_server,http_rest_api_handler}.cc).
 *
 * @module
 */
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import { echoedId, REQUEST_ID_HEADER } from "../base/observed_request.ts";
import { BodyBudget } from "./body_budget.ts";
import { Call } from "./call.ts";
import { errorReply, HttpError, type Reply, toResponse, withoutBody } from "./http_reply.ts";
import { pathOf } from "../apis/tensorflow_serving/rest/request_path.ts";
import { modelRoutes } from "../apis/tensorflow_serving/routes.ts";
import type { RestServices, Route, RouteOptions } from "./route.ts";
import { sagemakerRoutes } from "../apis/sagemaker/routes.ts";

const TIMEOUT_MS = 30_000;
const BODY_BYTES_MAX = 1 << 30;
const INFLIGHT_BYTES_MAX = 2 ** 31;

const CORS_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "POST, GET",
  "access-control-allow-headers": "Content-Type",
};

/** Makes the function that answers requests. It never rejects. */
export function restHandler(
  services: RestServices,
  options: RouteOptions,
): (request: Request, peer?: string) => Promise<Response> {
  const { corsSupport = false, timeoutMs = TIMEOUT_MS, bodyBytesMax = BODY_BYTES_MAX, sagemaker, observer } = options;
  const { inflightBytesMax = INFLIGHT_BYTES_MAX, connectionsMax: requestsMax = Infinity } = options;
  const budget = new BodyBudget(inflightBytesMax);
  const limits = { timeoutMs, bodyBytesMax: Math.min(bodyBytesMax, inflightBytesMax) };
  const headers = corsSupport ? CORS_HEADERS : {};
  const routes = [
    ...modelRoutes(services, options),
    ...(sagemaker === undefined ? [] : sagemakerRoutes(services, { ...options, ...sagemaker })),
  ];

  return async (request, peer = "") => {
    const path = pathOf(request.url);
    using account = budget.open();
    const call = new Call(request, { path, peer, ...limits, account, observer });
    let reply: Reply;
    let code: Code = CODE.OK;
    try {
      if (budget.openCount > requestsMax) {
        throw new HttpError(503, `${requestsMax} requests are being answered already`);
      }
      reply = await answer(call, routes);
    } catch (thrown) {
      const error = thrown instanceof HttpError ? thrown : toServingError(thrown);
      if (error instanceof ServingError && error.code === CODE.INTERNAL) options.onFault(error, call);
      reply = errorReply(error);
      code = error instanceof ServingError ? error.code : codeOfStatus(error.status);
    }
    observer?.onEnd(call, { code, replyBytes: bytesOf(reply) });
    const requestId = echoedId(request.headers.get(REQUEST_ID_HEADER));
    const response = await toResponse(reply, {
      acceptEncoding: request.headers.get("accept-encoding"),
      headers: requestId === undefined ? headers : { ...headers, [REQUEST_ID_HEADER]: requestId },
    });
    return request.method === "HEAD" ? await withoutBody(response) : response;
  };
}

/** The length of a reply's body. */
function bytesOf({ body }: Reply): number {
  return typeof body === "string" ? new TextEncoder().encode(body).length : body?.length ?? 0;
}

function answer(call: Call, routes: readonly Route[]): Reply | Promise<Reply> {
  const { method, path } = call;
  const isBelowV1 = /^\/v1\//i.test(path);
  if (method === "OPTIONS" && isBelowV1) return preflight(call);
  // TensorFlow Serving knows no HEAD; here it is a GET without a body.
  const asked = method === "HEAD" ? "GET" : method;
  for (const route of routes) {
    const reply = route.method === asked ? route.handle(call) : undefined;
    if (reply !== undefined) return reply;
  }
  if (!isBelowV1) throw new HttpError(404, "Not Found");
  throw new ServingError(CODE.INVALID_ARGUMENT, `Malformed request: ${method} ${path}`);
}

/** The code that says most of what a status without a code of its own says. */
function codeOfStatus(status: number): Code {
  if (status === 404) return CODE.NOT_FOUND;
  return status < 500 ? CODE.INVALID_ARGUMENT : CODE.UNAVAILABLE;
}

/** What a browser asks before it lets a page of another origin call. */
function preflight({ request }: Call): Reply {
  if (/https?:\/\//.test(request.headers.get("origin") ?? "")) return { status: 200 };
  throw new ServingError(CODE.FAILED_PRECONDITION, "Origin header is missing in CORS preflight");
}
