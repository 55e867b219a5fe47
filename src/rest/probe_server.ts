/**
 * Probes over HTTP: on a port of their own, where they answer from the first moment on and clients do not get in their way.
 *
 * @module
 */
import { type Reply, toResponse, withoutBody } from "./http_reply.ts";
import type { Probe } from "./route.ts";
import { pathOf } from "./url_path.ts";

/** Answers a request with the first probe that knows its path; undefined if there is none. */
export function answerProbe(request: Request, probes: readonly Probe[]): Promise<Response> | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const path = pathOf(request.url);
  for (const probe of probes) {
    const reply = probe.replyTo(path);
    if (reply !== undefined) return respond(request, reply);
  }
  return undefined;
}

async function respond(request: Request, reply: Reply | Promise<Reply>): Promise<Response> {
  const acceptEncoding = request.headers.get("accept-encoding");
  const response = await toResponse(await reply, { acceptEncoding, headers: {} });
  return request.method === "HEAD" ? await withoutBody(response) : response;
}

/** Serves probes alone, until it is disposed. */
export class ProbeServer implements AsyncDisposable {
  readonly #probes: readonly Probe[];
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;

  constructor(probes: readonly Probe[]) {
    this.#probes = probes;
  }

  /**
   * Starts to answer. Must be called once only.
   *
   * @returns the address, with the port the system chose if 0 was requested.
   * @throws {Deno.errors.AddrInUse} and other errors of the system.
   */
  listen({ hostname, port }: { hostname: string; port: number }): Deno.NetAddr {
    this.#server = Deno.serve(
      { hostname, port, onListen: () => {} },
      (request) => answerProbe(request, this.#probes) ?? new Response("Not Found\n", { status: 404 }),
    );
    return this.#server.addr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.shutdown();
  }
}
