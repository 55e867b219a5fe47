/**
 * Metrics of the gRPC servers' traffic: connections, streams, bytes.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";

/** The families, by the figure each one exposes. */
const FAMILIES = {
  connections: { name: "ovserve_grpc_connections", type: "gauge", help: "Connections open now." },
  acceptedConnections: {
    name: "ovserve_grpc_connections_total",
    type: "counter",
    help: "Connections accepted since the start.",
  },
  streams: { name: "ovserve_grpc_streams", type: "gauge", help: "Calls open now, on all connections." },
  receivedBytes: {
    name: "ovserve_grpc_received_bytes_total",
    type: "counter",
    help: "Bytes read from connections since the start.",
  },
  sentBytes: {
    name: "ovserve_grpc_sent_bytes_total",
    type: "counter",
    help: "Bytes written to connections since the start.",
  },
  inflightBytes: { name: "ovserve_inflight_bytes", type: "gauge", help: "Memory large messages take now." },
  waitingForMemory: { name: "ovserve_inflight_waiting", type: "gauge", help: "Calls that wait for such memory." },
} as const;

/** What one server has counted. */
export type TrafficFigures = Readonly<Record<keyof typeof FAMILIES, number>>;

/** Writes the families, each summed over all servers. */
export function collectTraffic(page: MetricsPage, servers: readonly TrafficFigures[]): void {
  for (const [figure, { name, type, help }] of Object.entries(FAMILIES)) {
    const sum = servers.reduce((total, traffic) => total + traffic[figure as keyof typeof FAMILIES], 0);
    page.family(name, { type, help }).add({}, sum);
  }
}
