/**
 * The servers that clients talk to, gRPC and REST, over the same services: opened, renewed and shut down together.
 *
 * @module
 */
import { within } from "../base/timer.ts";
import type { Api, RestServices } from "../apis/api.ts";
import { addressText } from "../system/tcp_sockets.ts";
import type { Config, GrpcConfig, ListenConfig, RestConfig } from "../config/config.ts";
import { type CertificateTexts, readCertificate } from "../config/certificate_files.ts";
import { removeStaleSocket } from "../grpc/endpoint.ts";
import { ConnectionCount } from "../grpc/connection_count.ts";
import type { TcpEndpoint } from "../grpc/endpoint.ts";
import { collectTraffic } from "../telemetry/grpc_traffic.ts";
import { newGrpcServer } from "./grpc_server.ts";
import type { Observation } from "./observation.ts";
import { CodecThread } from "../rest/codec_thread.ts";
import { ProbeServer } from "../rest/probe_server.ts";
import { RestServer } from "../rest/server.ts";
import type { StartGate } from "../service/start_gate.ts";
import type { ServingThreads } from "../threads/serving_threads.ts";
import { ThreadedGrpc } from "../threads/threaded_grpc.ts";

/** What the servers answer with. All of it is borrowed. */
export interface FrontEndParts {
  readonly apis: readonly Api[];
  readonly services: RestServices;
  readonly gate: StartGate;
  readonly observation: Observation;
  /** Those besides the main one. */
  readonly threads: ServingThreads;
}

/** Where the servers listen, for the log: `127.0.0.1:9000`; several addresses are separated by commas. */
export interface Addresses {
  readonly grpc: string;
  /** A Unix socket's path. */
  readonly grpcSocket?: string;
  readonly rest?: string;
  /** Of metrics and readiness only. */
  readonly metrics?: string;
}

/** A server for gRPC or REST. */
interface Server {
  /** The server will shut down soon: clients that reuse connections must not rely on theirs. */
  leave?(): void;
  shutdown(graceMs: number): Promise<void>;
  /** Presents another certificate beside the old one, until the returned function is called. */
  presentCertificate(certificate: CertificateTexts): Promise<() => Promise<void>> | (() => Promise<void>);
}

/** How long to wait for connections that were opened with the old certificate. */
const HANDOVER_MS = 2000;

/** The servers of one process. Disposing them lets running requests finish, and closes the metrics port last. */
export class FrontEnds implements AsyncDisposable {
  readonly addresses: Addresses;
  /** The certificate at the start; undefined without TLS. */
  readonly certificate: CertificateTexts | undefined;
  readonly #servers: readonly Server[];
  /** Resolves when they start to shut down. */
  readonly #leaving: Promise<void>;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    servers: readonly Server[],
    parts: {
      addresses: Addresses;
      certificate: CertificateTexts | undefined;
      leaving: Promise<void>;
      resources: AsyncDisposableStack;
    },
  ) {
    this.#servers = servers;
    this.#leaving = parts.leaving;
    this.certificate = parts.certificate;
    this.addresses = parts.addresses;
    this.#resources = parts.resources;
  }

  /**
   * Opens the ports and answers there from now on.
   *
   * @throws {Error} with the sentence to show if a port cannot be opened.
   */
  static async open(config: Config, parts: FrontEndParts): Promise<FrontEnds> {
    await using resources = new AsyncDisposableStack();
    const { endpoint } = config.observation;
    // If both front ends use TLS, they share the certificate.
    const certificate = config.grpc.certificate && await readCertificate(config.grpc.certificate);
    const watching = endpoint && resources.use(new ProbeServer(parts.observation.probes));
    const grpc = newGrpc(config.grpc, parts);
    const codecThread = resources.use(new CodecThread(new URL("./codec_worker.ts", import.meta.url)));
    const rest = config.rest && newRestServer(config.rest, { ...parts, services: { ...parts.services, codecThread } });
    const servers = rest === undefined ? [grpc] : [grpc, rest];
    const { promise: leaving, resolve: leave } = Promise.withResolvers<void>();
    resources.defer(async () => {
      leave();
      await Promise.all(servers.map((server) => server.shutdown(config.shutdownGraceMs)));
    });
    const { socketPath } = config.grpc;
    const watched = endpoint && { ...endpoint, hostnames: [endpoint.hostname], certificate: undefined };
    const addresses = {
      grpc: listen(grpc, { ...config.grpc, tls: certificate, flag: "--port", isShared: grpc.isShared }),
      ...(socketPath !== undefined && { grpcSocket: await listenOnSocket(grpc, socketPath) }),
      ...(config.rest && rest && { rest: listen(rest, { ...config.rest, tls: certificate, flag: "--rest_port" }) }),
      ...(watched && watching && { metrics: listen(watching, { ...watched, flag: "--metrics_port" }) }),
    };
    await grpc.shareEndpoints();
    grpc.accept();
    return new FrontEnds(servers, { addresses, certificate, leaving, resources: resources.move() });
  }

  /**
   * Presents another certificate to clients that connect from now on; connections stay. Resolves when the old certificate is out of
   * use. Must not be called again before that, and needs ports that can be shared.
   *
   * @throws the system's error about the certificate; the old one then stays in use.
   */
  async renewCertificate(certificate: CertificateTexts): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.#servers.map(async (server) => await server.presentCertificate(certificate)),
    );
    const [failed] = outcomes.filter(({ status }) => status === "rejected");
    await within(this.#leaving, HANDOVER_MS);
    await Promise.all(outcomes.map((outcome) => outcome.status === "fulfilled" ? outcome.value() : undefined));
    if (failed?.status === "rejected") throw failed.reason;
  }

  /** The servers will shut down soon; they answer until then. */
  leave(): void {
    for (const server of this.#servers) server.leave?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function newGrpc(grpc: GrpcConfig, { apis, services, gate, observation, threads }: FrontEndParts): ThreadedGrpc {
  const server = newGrpcServer(grpc, {
    apis,
    services,
    gate,
    health: observation.readiness,
    telemetry: observation.requests,
    connectionCount: new ConnectionCount(threads.connectionCounts, 0),
  });
  observation.register((page) =>
    collectTraffic(page, [server.traffic, ...threads.figures.map(({ traffic }) => traffic)])
  );
  return new ThreadedGrpc(server, threads);
}

function newRestServer(rest: RestConfig, { apis, services, gate, observation }: FrontEndParts): RestServer {
  return new RestServer(apis.flatMap((api) => api.routes(services) ?? []), {
    ...rest,
    gate,
    onFault: observation.requests.onFault,
    observer: observation.requests.restObserver(),
    probes: observation.probes,
  });
}

/** Listens on all addresses at one port: if the system chooses it, it does so for the first address. */
function listen(
  server: { listen(endpoint: TcpEndpoint): Deno.Addr },
  { hostnames, port, certificate, tls, flag, isShared = false }: ListenConfig & {
    tls?: CertificateTexts | undefined;
    flag: string;
    isShared?: boolean;
  },
): string {
  let chosen = port;
  return hostnames.map((hostname) => {
    const place = addressText({ hostname, port: chosen });
    try {
      const endpoint = { hostname, port: chosen, tls: certificate && tls };
      if ((endpoint.tls !== undefined || isShared) && chosen !== 0) checkUnused(endpoint);
      const address = server.listen(endpoint) as Deno.NetAddr;
      chosen = address.port;
      return addressText(address);
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) {
        throw new Error(`Cannot listen on ${place}: the port is in use, choose another with ${flag}`);
      }
      throw new Error(`Cannot listen on ${place}: ${reasonOf(error)}`, { cause: error });
    }
  }).join(",");
}

/** Listeners with TLS, and those of several threads, share their port, so a second server would not fail to listen. */
function checkUnused({ hostname, port }: TcpEndpoint): void {
  Deno.listen({ hostname, port }).close();
}

async function listenOnSocket(server: ThreadedGrpc, path: string): Promise<string> {
  try {
    await removeStaleSocket(path);
    server.listenOnSocket(path);
    return path;
  } catch (error) {
    const isTaken = error instanceof Deno.errors.AddrInUse;
    const reason = isTaken ? "another server listens there, or it is another file" : reasonOf(error);
    throw new Error(`Cannot listen on ${path}: ${reason}; choose another with --grpc_socket_path`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
