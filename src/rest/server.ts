/**
 * The REST server: listens, lets requests wait until there are models, and leaves without dropping one.
 *
 * @module
 */
import { restHandler } from "./handlers.ts";
import type { RestOptions, RestServices } from "./route.ts";
import { WorkerCodec } from "./worker_codec.ts";

/** Where to listen: a TCP address, with TLS when there is a certificate, or a Unix socket. */
export type RestEndpoint =
  | { readonly hostname: string; readonly port: number; readonly tls?: { readonly cert: string; readonly key: string } }
  | { readonly path: string };

/** Serves the REST API until it is shut down. */
export class RestServer {
  readonly #handler: (request: Request) => Promise<Response>;
  readonly #servers: { readonly server: Deno.HttpServer<Deno.Addr>; readonly abort: AbortController }[] = [];
  readonly #accepting = Promise.withResolvers<void>();
  readonly #codec = new WorkerCodec();
  #isAccepting = false;

  constructor(services: RestServices, options: RestOptions) {
    const handler = restHandler(services, { ...options, codec: this.#codec });
    this.#handler = async (request) => {
      if (!this.#isAccepting) await this.#accepting.promise;
      return await handler(request);
    };
  }

  /**
   * Takes an endpoint, one of several perhaps. Requests wait until {@link accept}.
   *
   * @returns the address listened on, with the port the system chose when 0 was asked for.
   * @throws {Deno.errors.AddrInUse} and what else the system says.
   */
  listen(endpoint: RestEndpoint): Deno.Addr {
    const abort = new AbortController();
    const server = serve(endpoint, abort.signal, this.#handler);
    this.#servers.push({ server, abort });
    return server.addr;
  }

  /** Starts to answer requests. */
  accept(): void {
    this.#isAccepting = true;
    this.#accepting.resolve();
  }

  /** Accepts no more, lets running requests finish for `graceMs` at the most, then closes what is left. */
  async shutdown(graceMs: number): Promise<void> {
    this.accept();
    await Promise.all(this.#servers.map(async ({ server, abort }) => {
      const timer = setTimeout(() => abort.abort(), graceMs);
      await server.shutdown();
      clearTimeout(timer);
    }));
    this.#codec[Symbol.dispose]();
  }
}

function serve(
  endpoint: RestEndpoint,
  signal: AbortSignal,
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.Addr> {
  const options = { signal, onListen: () => {} };
  if ("path" in endpoint) return Deno.serve({ ...options, path: endpoint.path }, handler);
  const { hostname, port, tls } = endpoint;
  return Deno.serve({ ...options, hostname, port, ...tls }, handler);
}
