/**
 * The REST server: listens, answers, and leaves without dropping a request.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { within } from "../base/timer.ts";
import { CAN_SHARE_PORTS, preferNewest } from "../system/tcp_sockets.ts";
import { ConnectionSweep } from "./connection_sweep.ts";
import { restHandler } from "./router.ts";
import { answerObservation, type Observed } from "./observation_routes.ts";
import { errorReply } from "./http_reply.ts";
import type { RestOptions, RestServices } from "./route.ts";
import { WorkerCodec } from "../apis/tensorflow_serving/rest/worker_codec.ts";

/** Where to listen: a TCP address, with TLS when there is a certificate, or a Unix socket. */
export type RestEndpoint =
  | { readonly hostname: string; readonly port: number; readonly tls?: RestCertificate | undefined }
  | { readonly path: string };

/** What a server shows to clients, and its secret: both PEM, the certificate followed by those it is signed with. */
export interface RestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** How long connections that were begun with the old certificate are waited for. */
const HANDOVER_MS = 2000;

/** How much longer than its grace a server that leaves waits for clients to take their last replies. */
const LAST_REPLIES_MS = 1000;

/** Where nothing else is said. */
const CONNECTIONS_MAX = 10_000;

/** The status after which a client's body has no end. */
const REQUEST_TIMEOUT = 408;

/** Serves the REST API until it is shut down. */
export class RestServer {
  readonly #codec = new WorkerCodec();
  readonly #handler: (request: Request, peer: string) => Promise<Response>;
  readonly #observed: Observed | undefined;
  readonly #servers = new Map<Deno.HttpServer<Deno.Addr>, RestEndpoint>();
  readonly #leaving = Promise.withResolvers<void>();
  readonly #sweep: ConnectionSweep;
  /** How to answer each running request, should there be no time to finish it. */
  readonly #running = new Set<(response: Response) => void>();

  constructor(services: RestServices, options: RestOptions) {
    this.#handler = restHandler(services, { ...options, codec: this.#codec });
    this.#observed = options.observed;
    const { connectionsMax = CONNECTIONS_MAX, idleTimeoutMs = 0 } = options;
    this.#sweep = new ConnectionSweep({ connectionsMax, idleTimeoutMs });
  }

  /**
   * Takes an endpoint, one of several perhaps, and answers there from now on.
   *
   * @returns the address listened on, with the port the system chose when 0 was asked for.
   * @throws {Deno.errors.AddrInUse} and what else the system says.
   */
  listen(endpoint: RestEndpoint): Deno.Addr {
    const server = serve(endpoint, (request, { remoteAddr }) => {
      const observation = this.#observed && answerObservation(request, this.#observed);
      return observation ?? this.#answer(request, remoteAddr);
    });
    if (server.addr.transport === "tcp") this.#sweep.watch(server.addr.port);
    this.#servers.set(server, endpoint);
    return server.addr;
  }

  /**
   * Shows another certificate to clients that connect from now on; requests that are being answered are answered to the end. Resolves
   * when the old one is shown no more. To be called again only then, and only where ports can be shared.
   *
   * @throws what the system says of the certificate; nothing has changed then.
   */
  async renewCertificate(tls: RestCertificate): Promise<void> {
    const old = [...this.#servers].flatMap(([server, endpoint]) =>
      "tls" in endpoint && endpoint.tls !== undefined ? [{ server, endpoint }] : []
    );
    for (const { server, endpoint } of old) {
      const { port } = server.addr as Deno.NetAddr;
      preferNewest(this.listen({ ...endpoint, port, tls }) as Deno.NetAddr);
    }
    await within(this.#leaving.promise, HANDOVER_MS);
    await Promise.all(old.map(async ({ server }) => {
      await server.shutdown();
      this.#servers.delete(server);
    }));
  }

  /** How many requests are being answered. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Accepts no more, lets running requests finish for `graceMs` at the most, answers 503 to those that are left, and closes. */
  async shutdown(graceMs: number): Promise<void> {
    this.#leaving.resolve();
    const closed = Promise.all([...this.#servers.keys()].map((server) => server.shutdown())).then(() => {});
    if (await within(closed.then(() => true), graceMs) !== true) {
      for (const answer of this.#running) answer(leavingResponse());
      // A client that does not read cannot be waited for; its connection ends with the process.
      await within(closed, LAST_REPLIES_MS);
    }
    this.#sweep[Symbol.dispose]();
    this.#codec[Symbol.dispose]();
  }

  #answer(request: Request, address: Deno.Addr): Promise<Response> {
    const port = address.transport === "tcp" ? address.port : undefined;
    if (port !== undefined) this.#sweep.begin(port);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#running.add(resolve);
    let isSpoiled = false;
    this.#handler(request, peerName(address)).then((response) => {
      isSpoiled = response.status === REQUEST_TIMEOUT;
      resolve(response);
    }, reject);
    return promise.finally(() => {
      this.#running.delete(resolve);
      if (port !== undefined) this.#sweep.end(port, { isSpoiled });
    });
  }
}

function leavingResponse(): Response {
  const { status, body } = errorReply(new ServingError(CODE.UNAVAILABLE, "The server is leaving"));
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}

function serve(
  endpoint: RestEndpoint,
  handler: (request: Request, info: Deno.ServeHandlerInfo<Deno.Addr>) => Promise<Response>,
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
