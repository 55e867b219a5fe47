/**
 * The REST server: it listens, answers requests by its router, and shuts down without dropping a request.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { within } from "../base/timer.ts";
import { CAN_SHARE_PORTS, preferNewest } from "../system/tcp_sockets.ts";
import { ConnectionSweep } from "./connection_sweep.ts";
import { answerProbe } from "./probe_server.ts";
import type { Probe, RouteSet } from "./route.ts";
import { Router, type RouterOptions } from "./router.ts";

/** Where to listen: a TCP address, with TLS when there is a certificate, or a Unix socket. */
export type RestEndpoint =
  | { readonly hostname: string; readonly port: number; readonly tls?: RestCertificate | undefined }
  | { readonly path: string };

/** A certificate chain and its key, both PEM; the server's own certificate comes first. */
export interface RestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Extra time after the grace period in which clients may read their last replies. */
const LAST_REPLIES_MS = 1000;

/** The status after which a connection is unusable: the rest of the body may still arrive. */
const REQUEST_TIMEOUT = 408;

/** How the server behaves. */
export interface RestServerOptions extends RouterOptions {
  /** Paths answered beside the APIs. */
  readonly probes?: readonly Probe[];
  /** How long a connection may stay without a request; 0 means forever (`--rest_max_connection_idle_seconds`). */
  readonly idleTimeoutMs: number;
}

/** Serves APIs over HTTP until it is shut down. */
export class RestServer {
  readonly #router: Router;
  readonly #probes: readonly Probe[];
  readonly #servers = new Map<Deno.HttpServer<Deno.Addr>, RestEndpoint>();
  readonly #sweep: ConnectionSweep;
  /** Requests in flight, and how to answer each if the grace period ends first. */
  readonly #running = new Map<(response: Response) => void, Request>();
  #isLeaving = false;

  constructor(apis: readonly RouteSet[], options: RestServerOptions) {
    const { connectionsMax, idleTimeoutMs, probes = [] } = options;
    this.#router = new Router(apis, options);
    this.#probes = probes;
    this.#sweep = new ConnectionSweep({ connectionsMax, idleTimeoutMs });
  }

  /**
   * Listens on an endpoint, possibly one of several, and starts to answer there.
   *
   * @returns the address, with the port the system chose if 0 was requested.
   * @throws {Deno.errors.AddrInUse} and other errors of the system.
   */
  listen(endpoint: RestEndpoint): Deno.Addr {
    const server = serve(endpoint, (request, { remoteAddr }) => {
      if (isAmbiguous(request)) return closing(new Response("Bad Request\n", { status: 400 }));
      const response = answerProbe(request, this.#probes) ?? this.#answer(request, remoteAddr);
      return this.#isLeaving ? response.then(closing) : response;
    });
    if (server.addr.transport === "tcp") this.#sweep.watch(server.addr.port);
    this.#servers.set(server, endpoint);
    return server.addr;
  }

  /**
   * Presents another certificate to clients that connect from now on. Needs ports that can be shared.
   *
   * @returns a function that stops presenting the old one; it resolves when the requests of its connections have been answered.
   * @throws the system's error about the certificate; the old one then stays in use.
   */
  presentCertificate(tls: RestCertificate): () => Promise<void> {
    const old = [...this.#servers].flatMap(([server, endpoint]) =>
      "tls" in endpoint && endpoint.tls !== undefined ? [{ server, endpoint }] : []
    );
    for (const { server, endpoint } of old) {
      const { port } = server.addr as Deno.NetAddr;
      preferNewest(this.listen({ ...endpoint, port, tls }) as Deno.NetAddr);
    }
    return async () => {
      await Promise.all(old.map(async ({ server }) => {
        await server.shutdown();
        this.#servers.delete(server);
      }));
    };
  }

  /** Number of requests in flight. */
  get runningCount(): number {
    return this.#running.size;
  }

  /**
   * From now on each reply says that its connection ends with it, so that clients and proxies that reuse connections have let go of
   * them when the server shuts down. Requests are answered as before.
   */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Stops accepting, waits up to `graceMs` for requests in flight, answers 503 to the remaining ones, and closes. */
  async shutdown(graceMs: number): Promise<void> {
    this.leave();
    const closed = Promise.all([...this.#servers.keys()].map((server) => server.shutdown())).then(() => {});
    if (await within(closed.then(() => true), graceMs) !== true) {
      const error = new ServingError(CODE.UNAVAILABLE, "The server is leaving");
      for (const [answer, request] of this.#running) answer(this.#router.refusal(request, error));
      // A client that does not read is not waited for; its connection ends with the process.
      await within(closed, LAST_REPLIES_MS);
    }
    this.#sweep[Symbol.dispose]();
  }

  #answer(request: Request, address: Deno.Addr): Promise<Response> {
    const port = address.transport === "tcp" ? address.port : undefined;
    if (port !== undefined) this.#sweep.requestStarted(port);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#running.set(resolve, request);
    let isUnusable = false;
    this.#router.answer(request, peerName(address)).then((response) => {
      isUnusable = this.#isLeaving || response.status === REQUEST_TIMEOUT;
      resolve(response);
    }, reject);
    return promise.finally(() => {
      this.#running.delete(resolve);
      if (port !== undefined) this.#sweep.requestEnded(port, { isUnusable });
    });
  }
}

/**
 * Whether two servers in a row could read a request differently: it names two hosts, or its length in two ways (RFC 9112 sections 3.2
 * and 6.1). Newer versions of Deno refuse such requests by themselves.
 */
function isAmbiguous({ headers }: Request): boolean {
  return (headers.has("transfer-encoding") && headers.has("content-length")) ||
    headers.get("host")?.includes(",") === true;
}

/** Marks a reply as the last one of its connection. HTTP/2 has no such mark, and the header is left out there. */
function closing(response: Response): Response {
  response.headers.set("connection", "close");
  return response;
}

function serve(
  endpoint: RestEndpoint,
  handler: (request: Request, info: Deno.ServeHandlerInfo<Deno.Addr>) => Response | Promise<Response>,
): Deno.HttpServer<Deno.Addr> {
  const onListen = () => {};
  if ("path" in endpoint) return Deno.serve({ onListen, path: endpoint.path }, handler);
  const { hostname, port, tls } = endpoint;
  const options = { onListen, hostname, port };
  return Deno.serve(tls === undefined ? options : { ...options, ...tls, reusePort: CAN_SHARE_PORTS }, handler);
}

function peerName(address: Deno.Addr): string {
  if (address.transport === "tcp") return `${address.hostname}:${address.port}`;
  return address.transport === "unix" ? `unix:${address.path}` : address.transport;
}
