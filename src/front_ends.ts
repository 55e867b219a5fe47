/**
 * The servers that clients talk to, gRPC and REST, over the same services: opened, started and left together.
 *
 * @module
 */
import type { Log } from "./base/log.ts";
import type { ServingError } from "./base/status.ts";
import type { Config, GrpcConfig, RestConfig } from "./config/config.ts";
import type { Method } from "./grpc/call.ts";
import { callObserver as grpcCallObserver } from "./grpc/call_observer.ts";
import { healthMethods } from "./grpc/health.ts";
import { reflectionMethods } from "./grpc/reflection.ts";
import { GrpcServer } from "./grpc/server.ts";
import { collectTraffic } from "./grpc/traffic_metrics.ts";
import { http2Limits } from "./http2/limits.ts";
import type { Observation } from "./observation.ts";
import { callObserver as restCallObserver } from "./rest/call_observer.ts";
import { ObservationServer } from "./rest/observation_server.ts";
import type { RestOptions, RestServices } from "./rest/route.ts";
import { RestServer } from "./rest/server.ts";

/** What the servers answer with. */
export interface FrontEndParts {
  readonly methods: readonly Method[];
  readonly services: RestServices;
  readonly modelNames: RestOptions["modelNames"];
  readonly reloadConfig: RestOptions["reloadConfig"];
  readonly observation: Observation;
  readonly log: Log;
}

/** Where the servers listen, as texts for the log: `127.0.0.1:9000`. */
export interface Addresses {
  readonly grpc: string;
  readonly rest?: string;
  /** Metrics and readiness alone. */
  readonly metrics?: string;
}

/** A server of either kind. */
interface Server {
  accept(): void;
  shutdown(graceMs: number): Promise<void>;
}

/** The servers of one process. Disposing them lets running requests finish; who watches sees that to its end. */
export class FrontEnds implements AsyncDisposable {
  readonly addresses: Addresses;
  readonly #servers: readonly Server[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    servers: readonly Server[],
    parts: { addresses: Addresses; resources: AsyncDisposableStack },
  ) {
    this.#servers = servers;
    this.addresses = parts.addresses;
    this.#resources = parts.resources;
  }

  /**
   * Takes the ports. Connections wait until {@link accept}, so that clients which come early wait for the models.
   *
   * @throws {Error} with the sentence to show when a port cannot be had.
   */
  static async open(config: Config, parts: FrontEndParts): Promise<FrontEnds> {
    await using resources = new AsyncDisposableStack();
    const { endpoint } = config.observation;
    const watching = endpoint && resources.use(new ObservationServer(parts.observation.observed));
    const grpc = newGrpcServer(config.grpc, parts);
    const rest = config.rest && newRestServer(config.rest, parts);
    const servers = rest === undefined ? [grpc] : [grpc, rest];
    resources.defer(async () => {
      await Promise.all(servers.map((server) => server.shutdown(config.shutdownGraceMs)));
    });
    const addresses = {
      grpc: listen(grpc, { ...config.grpc, flag: "--port" }),
      ...(config.rest && rest && { rest: listen(rest, { ...config.rest, flag: "--rest_port" }) }),
      ...(endpoint && watching && { metrics: listen(watching, { ...endpoint, flag: "--metrics_port" }) }),
    };
    return new FrontEnds(servers, { addresses, resources: resources.move() });
  }

  /** Starts to answer. */
  accept(): void {
    for (const server of this.#servers) server.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function newGrpcServer(grpc: GrpcConfig, { methods, observation, log }: FrontEndParts): GrpcServer {
  const { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs } = grpc;
  const all = [...methods, ...healthMethods(observation.readiness)];
  const server = new GrpcServer([...all, ...reflectionMethods(all)], {
    http2: http2Limits({ streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs }),
    connectionsMax: grpc.connectionsMax,
    inflightBytesMax: grpc.inflightBytesMax,
    messageBytesMax: grpc.messageBytesMax,
    onFault: (error, path) => logFault(log, { error, path }),
    onEnd: grpcCallObserver(observation.requests, observation.listeners),
  });
  observation.register((page) => collectTraffic(page, server.traffic));
  return server;
}

function newRestServer(rest: RestConfig, parts: FrontEndParts): RestServer {
  const { services, modelNames, reloadConfig, observation, log } = parts;
  const { timeoutMs, corsSupport, bodyBytesMax, sagemaker } = rest;
  return new RestServer(services, {
    modelNames,
    reloadConfig,
    timeoutMs,
    corsSupport,
    bodyBytesMax,
    ...(sagemaker && { sagemaker }),
    onFault: (error, path) => logFault(log, { error, path }),
    onEnd: restCallObserver(observation.requests, observation.listeners),
    observed: observation.observed,
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
