/**
 * The gRPC server of one thread, main or not: all of them serve the same methods within the same limits.
 *
 * @module
 */
import type { Api, ApiServices } from "../apis/api.ts";
import { type Config, type GrpcConfig, shareOfThread } from "../config/config.ts";
import { healthMethods, type HealthSource } from "../grpc/builtin/health.ts";
import { reflectionMethods } from "../grpc/builtin/reflection.ts";
import type { ConnectionCount } from "../grpc/connection_count.ts";
import { GrpcServer } from "../grpc/server.ts";
import { http2Limits } from "../http2/limits.ts";
import { StartGate } from "../service/start_gate.ts";
import type { RequestTelemetry } from "./request_telemetry.ts";

/** Makes the gate of one thread, with its share of what may wait for the first models. */
export function newStartGate({ waitersMax, grpc }: Pick<Config, "waitersMax" | "grpc">): StartGate {
  return new StartGate({
    waitersMax: shareOfThread(waitersMax, grpc),
    bytesMax: shareOfThread(grpc.inflightBytesMax, grpc),
  });
}

/** Makes a server with the methods of all APIs, health and reflection. It gets its share of bounds that hold for all threads together. */
export function newGrpcServer(
  grpc: GrpcConfig,
  { apis, services, gate, health, telemetry, connectionCount }: {
    apis: readonly Api[];
    services: ApiServices;
    gate: StartGate;
    health: HealthSource;
    telemetry: RequestTelemetry;
    connectionCount: ConnectionCount;
  },
): GrpcServer {
  const methods = [...apis.flatMap((api) => api.methods(services)), ...healthMethods(health)];
  return new GrpcServer([...methods, ...reflectionMethods(methods)], {
    ...grpc,
    http2: http2Limits(grpc),
    connectionCount,
    inflightBytesMax: shareOfThread(grpc.inflightBytesMax, grpc),
    gate,
    onFault: telemetry.onFault,
    observer: telemetry.grpcObserver(),
  });
}
