/**
 * The gRPC server that a configuration describes: the main thread has one, and each serving thread.
 *
 * @module
 */
import type { OnFault, RequestObserver } from "../base/observed_request.ts";
import { type GrpcConfig, shareOfThread } from "../config/config.ts";
import type { Method } from "../grpc/call.ts";
import type { ConnectionCount } from "../grpc/connection_count.ts";
import { healthMethods, type HealthSource } from "../grpc/builtin/health.ts";
import { reflectionMethods } from "../grpc/builtin/reflection.ts";
import { GrpcServer } from "../grpc/server.ts";
import { http2Limits } from "../http2/limits.ts";

/** What a server answers with, and who hears of it. */
export interface GrpcServerParts {
  /** Of the TensorFlow Serving API. Health and reflection come besides. */
  readonly methods: readonly Method[];
  readonly health: HealthSource;
  readonly observer: RequestObserver;
  readonly connectionCount: ConnectionCount;
  readonly onFault: OnFault;
}

/** Makes a server. Bounds that are not on connections are shared out among the threads. */
export function newGrpcServer(
  grpc: GrpcConfig,
  { methods, health, observer, connectionCount, onFault }: GrpcServerParts,
): GrpcServer {
  const { streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs } = grpc;
  const all = [...methods, ...healthMethods(health)];
  return new GrpcServer([...all, ...reflectionMethods(all)], {
    http2: http2Limits({ streamsMax, idleTimeoutMs, keepaliveIntervalMs, keepaliveTimeoutMs }),
    connectionsMax: grpc.connectionsMax,
    connectionCount,
    inflightBytesMax: shareOfThread(grpc.inflightBytesMax, grpc),
    messageBytesMax: grpc.messageBytesMax,
    onFault,
    observer,
  });
}
