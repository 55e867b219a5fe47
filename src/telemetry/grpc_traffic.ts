/**
 * What goes through the gRPC server, told as metrics.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";
import type { GrpcTraffic } from "../grpc/server.ts";

/** Writes the families of gRPC's connections, those of several servers added up. */
export function collectTraffic(page: MetricsPage, traffics: readonly GrpcTraffic[]): void {
  const traffic = sumOf(traffics);
  const gauge = (name: string, { help, value }: { help: string; value: number }) =>
    page.family(name, { type: "gauge", help }).add({}, value);
  const counter = (name: string, { help, value }: { help: string; value: number }) =>
    page.family(name, { type: "counter", help }).add({}, value);
  gauge("ovserve_grpc_connections", { help: "Connections open now.", value: traffic.connections });
  counter("ovserve_grpc_connections_total", {
    help: "Connections accepted since the start.",
    value: traffic.acceptedConnections,
  });
  gauge("ovserve_grpc_streams", { help: "Calls open now, on all connections.", value: traffic.streams });
  counter("ovserve_grpc_received_bytes_total", {
    help: "Bytes read from connections since the start.",
    value: traffic.receivedBytes,
  });
  counter("ovserve_grpc_sent_bytes_total", {
    help: "Bytes written to connections since the start.",
    value: traffic.sentBytes,
  });
  gauge("ovserve_inflight_bytes", { help: "Memory large messages take now.", value: traffic.inflightBytes });
  gauge("ovserve_inflight_waiting", { help: "Calls that wait for such memory.", value: traffic.waitingForMemory });
}

function sumOf(traffics: readonly GrpcTraffic[]): GrpcTraffic {
  const sum = (figure: keyof GrpcTraffic) => traffics.reduce((total, traffic) => total + traffic[figure], 0);
  return {
    connections: sum("connections"),
    acceptedConnections: sum("acceptedConnections"),
    streams: sum("streams"),
    receivedBytes: sum("receivedBytes"),
    sentBytes: sum("sentBytes"),
    inflightBytes: sum("inflightBytes"),
    waitingForMemory: sum("waitingForMemory"),
  };
}
