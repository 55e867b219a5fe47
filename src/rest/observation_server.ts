/**
 * A server for those who watch, on a port of its own: it answers from the start on, and clients are not in its way.
 *
 * @module
 */
import { answerObservation, type Observed } from "./observation_routes.ts";

/** Serves metrics and readiness until it is disposed. */
export class ObservationServer implements AsyncDisposable {
  readonly #observed: Observed;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;

  constructor(observed: Observed) {
    this.#observed = observed;
  }

  /**
   * Starts to answer. To be called once.
   *
   * @returns the address listened on, with the port the system chose when 0 was asked for.
   * @throws {Deno.errors.AddrInUse} and what else the system says.
   */
  listen({ hostname, port }: { hostname: string; port: number }): Deno.NetAddr {
    this.#server = Deno.serve(
      { hostname, port, onListen: () => {} },
      (request) => answerObservation(request, this.#observed) ?? new Response("Not Found\n", { status: 404 }),
    );
    return this.#server.addr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.shutdown();
  }
}
