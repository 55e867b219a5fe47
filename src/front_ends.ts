/**
 * The servers that clients talk to, gRPC and REST, over the same services: opened, started and left together.
 *
 * @module
 */
import type { Log } from "./base/log.ts";
import type { ServingError } from "./base/status.ts";
import type { Config, GrpcConfig, RestConfig } from "./config/config.ts";
import type { Method } from "./grpc/call.ts";
import { GrpcServer } from "./grpc/server.ts";
import { http2Limits } from "./http2/limits.ts";
import type { RestOptions, RestServices } from "./rest/route.ts";
import { RestServer } from "./rest/server.ts";

/** What the servers answer with. */
export interface FrontEndParts {
  readonly methods: readonly Method[];
  readonly services: RestServices;
  readonly modelNames: RestOptions["modelNames"];
  readonly reloadConfig: RestOptions["reloadConfig"];
  readonly log: Log;
}

/** Where the servers listen, as texts for the log: `127.0.0.1:9000`. */
export interface Addresses {
  readonly grpc: string;
  readonly rest?: string;
}

/** A server of either kind. */
interface Server {
  accept(): void;
  shutdown(graceMs: number): Promise<void>;
}

/** The servers of one process. Disposing them lets running requests finish. */
export class FrontEnds implements AsyncDisposable {
  readonly addresses: Addresses;
  readonly #servers: readonly Server[];
  readonly #graceMs: number;

  private constructor(servers: readonly Server[], parts: { addresses: Addresses; graceMs: number }) {
    this.#servers = servers;
    this.addresses = parts.addresses;
    this.#graceMs = parts.graceMs;
  }

  /**
   * Takes the ports. Connections wait until {@link accept}, so that clients which come early wait for the models.
   *
   * @throws {Error} with the sentence to show when a port cannot be had.
   */
  static async open(config: Config, parts: FrontEndParts): Promise<FrontEnds> {
    await using opened = new AsyncDisposableStack();
    const graceMs = config.shutdownGraceMs;
    const grpc = newGrpcServer(config.grpc, parts);
    opened.defer(() => grpc.shutdown(graceMs));
    const grpcAddress = listen(grpc, { ...config.grpc, flag: "--port" });
    if (config.rest === undefined) {
      opened.move();
      return new FrontEnds([grpc], { addresses: { grpc: grpcAddress }, graceMs });
    }
    const rest = newRestServer(config.rest, parts);
    opened.defer(() => rest.shutdown(graceMs));
    const restAddress = listen(rest, { ...config.rest, flag: "--rest_port" });
    opened.move();
    return new FrontEnds([grpc, rest], { addresses: { grpc: grpcAddress, rest: restAddress }, graceMs });
  }

  /** Starts to answer. */
  accept(): void {
    for (const server of this.#servers) server.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.shutdown(this.#graceMs)));
  }
}

function newGrpcServer(grpc: GrpcConfig, { methods, log }: FrontEndParts): GrpcServer {
  const { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs } = grpc;
  return new GrpcServer(methods, {
    http2: http2Limits({ streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs }),
    connectionsMax: grpc.connectionsMax,
    inflightBytesMax: grpc.inflightBytesMax,
    messageBytesMax: grpc.messageBytesMax,
    onFault: (error, path) => logFault(log, { error, path }),
  });
}

function newRestServer(rest: RestConfig, { services, modelNames, reloadConfig, log }: FrontEndParts): RestServer {
  const { timeoutMs, corsSupport, bodyBytesMax } = rest;
  return new RestServer(services, {
    modelNames,
    reloadConfig,
    timeoutMs,
    corsSupport,
    bodyBytesMax,
    onFault: (error, path) => logFault(log, { error, path }),
  });
}

function logFault(log: Log, { error, path }: { error: ServingError; path: string }): void {
  log.error("request failed", { path, error: error.message, cause: error.cause && String(error.cause) });
}

function listen(
  server: { listen(endpoint: { hostname: string; port: number }): Deno.Addr },
  { hostname, port, flag }: { hostname: string; port: number; flag: string },
): string {
  try {
    const address = server.listen({ hostname, port }) as Deno.NetAddr;
    return `${address.hostname}:${address.port}`;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on ${hostname}:${port}: the port is in use, choose another with ${flag}`);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
  }
}
