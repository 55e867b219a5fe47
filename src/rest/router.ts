/**
 * A function from HTTP requests to responses over the routes of several APIs, with what surrounds each call: limits on memory and
 * requests, the gate at the start, the deadline, observers and the form of errors. Knows no API.
 *
 * @module
 */
import { echoedId, type OnFault, REQUEST_ID_HEADER, type RequestGate } from "../base/observed_request.ts";
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import { checkConfigAccess, type ConfigAccess } from "../system/config_access.ts";
import { BodyBudget } from "./body_budget.ts";
import { Call, type CallObserver } from "./call.ts";
import { errorReply, HttpError, type Reply, toResponse, withoutBody } from "./http_reply.ts";
import type { Handler, Route, RouteSet } from "./route.ts";
import { pathOf } from "./url_path.ts";

/** How requests are answered. */
export interface RouterOptions {
  /** Where requests that need a model wait while the server starts. Left out, they never wait. */
  readonly gate?: RequestGate;
  /** Called with failures that clients see only as an internal error. */
  readonly onFault: OnFault;
  readonly observer?: CallObserver;
  /** Which clients may change the configuration (`--config_api`). */
  readonly configAccess: ConfigAccess;
  /** Lets pages of any origin call (`--rest_api_enable_cors_support`). */
  readonly corsSupport: boolean;
  /** Time for a call once its body has arrived, and for the body before that (`--rest_api_timeout_in_ms`). */
  readonly timeoutMs: number;
  /** The longest body, before and after decompression. */
  readonly bodyBytesMax: number;
  /** Memory for the bodies of all requests together. */
  readonly inflightBytesMax: number;
  /** Connections, and requests in flight; beyond that the reply is 503 (`--rest_max_connections`). */
  readonly connectionsMax: number;
}

const CORS_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "POST, GET",
  "access-control-allow-headers": "Content-Type",
};

const NO_BODY = new Uint8Array(0);

/** Answers requests with the routes of several APIs. */
export class Router {
  readonly #apis: readonly RouteSet[];
  readonly #options: RouterOptions;
  readonly #budget: BodyBudget;
  readonly #limits: { readonly timeoutMs: number; readonly bodyBytesMax: number };
  readonly #headers: Readonly<Record<string, string>>;

  /** @param apis the first that owns a path answers. */
  constructor(apis: readonly RouteSet[], options: RouterOptions) {
    const { timeoutMs, bodyBytesMax, inflightBytesMax } = options;
    this.#apis = apis;
    this.#options = options;
    this.#budget = new BodyBudget(inflightBytesMax);
    this.#limits = { timeoutMs, bodyBytesMax: Math.min(bodyBytesMax, inflightBytesMax) };
    this.#headers = options.corsSupport ? CORS_HEADERS : {};
  }

  /**
   * Answers a request. Never rejects.
   *
   * @param peer the client's address, for the log.
   */
  async answer(request: Request, peer = ""): Promise<Response> {
    const { observer, onFault } = this.#options;
    const path = pathOf(request.url);
    using account = this.#budget.open();
    const call = new Call(request, { path, peer, ...this.#limits, account, observer });
    const api = this.#ownerOf(path);
    let reply: Reply;
    let code: Code = CODE.OK;
    try {
      reply = await this.#reply(call, api);
    } catch (thrown) {
      const error = thrown instanceof HttpError ? thrown : toServingError(thrown);
      if (error instanceof ServingError && error.code === CODE.INTERNAL) onFault(error, call);
      reply = errorReplyOf(api, error);
      code = error instanceof ServingError ? error.code : codeOfStatus(error.status);
    }
    observer?.onEnd(call, { code, replyBytes: bytesOf(reply) });
    const requestId = echoedId(request.headers.get(REQUEST_ID_HEADER));
    const response = await toResponse(reply, {
      acceptEncoding: request.headers.get("accept-encoding"),
      headers: requestId === undefined ? this.#headers : { ...this.#headers, [REQUEST_ID_HEADER]: requestId },
    });
    return request.method === "HEAD" ? await withoutBody(response) : response;
  }

  /** Returns the reply to a request that is not answered any more, in the form of its API. */
  refusal({ url }: Request, error: ServingError): Response {
    const { status, body, contentType = "application/json" } = errorReplyOf(this.#ownerOf(pathOf(url)), error);
    return new Response(body ?? null, { status, headers: { "content-type": contentType } });
  }

  #ownerOf(path: string): RouteSet | undefined {
    return this.#apis.find((api) => api.owns(path));
  }

  #reply(call: Call, api: RouteSet | undefined): Reply | Promise<Reply> {
    const { connectionsMax: requestsMax } = this.#options;
    // A HEAD request is a GET whose reply has no body.
    const method = call.method === "HEAD" ? "GET" : call.method;
    for (const route of api?.routes ?? []) {
      const handle = route.method === method ? route.match(call) : undefined;
      if (handle === undefined) continue;
      call.routeName = route.name;
      if (route.changesConfiguration === true) checkConfigAccess(this.#options.configAccess, call.peer);
      if (this.#budget.openCount > requestsMax) throw tooMany(requestsMax);
      return route.readsBody === true
        ? call.body().then((body) => this.#handle(call, { route, handle, body }))
        : this.#handle(call, { route, handle, body: NO_BODY });
    }
    if (this.#budget.openCount > requestsMax) throw tooMany(requestsMax);
    if (api?.unmatched === undefined) throw new HttpError(404, "Not Found");
    return api.unmatched(call);
  }

  /** Waits for the gate if it must, then runs the handler, both within the call's deadline. */
  #handle(
    call: Call,
    { route, handle, body }: { route: Route; handle: Handler; body: Uint8Array },
  ): Reply | Promise<Reply> {
    const { gate } = this.#options;
    const { waitsForGate = false, hasNoDeadline = false } = route;
    if (waitsForGate && gate !== undefined && !gate.isOpen) {
      const started = gate.wait(call, body.length);
      return hasNoDeadline
        ? call.withinDeadline(started).then(() => handle(body))
        : call.withinDeadline(started.then(() => handle(body)));
    }
    const reply = handle(body);
    return reply instanceof Promise && !hasNoDeadline ? call.withinDeadline(reply) : reply;
  }
}

function errorReplyOf(api: RouteSet | undefined, error: ServingError | HttpError): Reply {
  return api?.errorReply === undefined ? errorReply(error) : api.errorReply(error);
}

function tooMany(requestsMax: number): HttpError {
  return new HttpError(503, `${requestsMax} requests are being answered already`);
}

/** The length of a reply's body. */
function bytesOf({ body }: Reply): number {
  return typeof body === "string" ? new TextEncoder().encode(body).length : body?.length ?? 0;
}

/** The closest gRPC code for an HTTP-only status. */
function codeOfStatus(status: number): Code {
  if (status === 404) return CODE.NOT_FOUND;
  return status < 500 ? CODE.INVALID_ARGUMENT : CODE.UNAVAILABLE;
}
