/**
 * The gRPC server that a configuration describes: the main thread has one, and each serving thread.
 *
 * @module
 */
import type { Log } from "./base/log.ts";
import type { ServingError } from "./base/status.ts";
import type { GrpcConfig } from "./config/config.ts";
import type { CallObserver, Method } from "./grpc/call.ts";
import type { ConnectionCount } from "./grpc/connection_count.ts";
import { healthMethods } from "./grpc/health.ts";
import { reflectionMethods } from "./grpc/reflection.ts";
import { GrpcServer } from "./grpc/server.ts";
import { http2Limits } from "./http2/limits.ts";
import { type IdentifiedRequest, idsOf } from "./service/ended_request.ts";
import type { HealthSource } from "./service/readiness.ts";

/** What a server answers with, and who hears of it. */
export interface GrpcServerParts {
  /** Of the TensorFlow Serving API. Health and reflection come besides. */
  readonly methods: readonly Method[];
  readonly health: HealthSource;
  readonly observer: CallObserver;
  readonly connectionCount: ConnectionCount;
  readonly log: Log;
}

/** Makes a server. Bounds that are not on connections are shared out among the threads. */
export function newGrpcServer(
  grpc: GrpcConfig,
  { methods, health, observer, connectionCount, log }: GrpcServerParts,
): GrpcServer {
  const { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs } = grpc;
  const all = [...methods, ...healthMethods(health)];
  return new GrpcServer([...all, ...reflectionMethods(all)], {
    http2: http2Limits({ streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs }),
    connectionsMax: grpc.connectionsMax,
    connectionCount,
    inflightBytesMax: Math.ceil(grpc.inflightBytesMax / grpc.threads),
    messageBytesMax: grpc.messageBytesMax,
    onFault: (error, request) => logFault(log, error, request),
    observer,
  });
}

/** Logs what a client only hears of as an internal error. */
export function logFault(log: Log, error: ServingError, request: IdentifiedRequest): void {
  const { path } = request;
  const fields = { path, error: error.detail, cause: error.cause && String(error.cause) };
  log.error("request failed", fields, idsOf(request));
}
