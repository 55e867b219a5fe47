/**
 * The flags of monitoring: readiness, metrics, the request log.
 *
 * @module
 */
import type { ObservationConfig } from "../../config/config.ts";
import { notEmpty, optional, readFlags, type Texts, toggle, topic, wholeNumber } from "./flag.ts";

const monitoring = topic("Monitoring");

/** An `ObservationConfig`, whose endpoint is two flags. */
export const OBSERVATION_FLAGS = {
  isReadinessStrict: monitoring(
    "strict_readiness",
    toggle("be ready only while every model has an available version", true),
  ),
  port: monitoring(
    "metrics_port",
    optional({
      value: "port",
      help: "port for metrics and readiness only, besides the REST port; 0 lets the system choose",
    }, wholeNumber(0, 65535)),
  ),
  hostname: monitoring("metrics_bind_address", {
    value: "address",
    help: "address to listen on for --metrics_port",
    parse: notEmpty,
    default: "0.0.0.0",
  }),
  monitoringPath: monitoring(
    "monitoring_config_file",
    optional({
      value: "file",
      help: "MonitoringConfig in protocol buffers' text format: whether to expose metrics, and at which path",
    }),
  ),
  logsRequests: monitoring("access_log", toggle("log every request", false)),
};

/** Reads what to report on the server, and where. */
export function readObservationFlags(texts: Texts): ObservationConfig {
  const { port, hostname, ...config } = readFlags(OBSERVATION_FLAGS, texts);
  return { ...config, endpoint: port === undefined ? undefined : { hostname, port } };
}
