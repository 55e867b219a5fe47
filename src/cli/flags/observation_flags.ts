/**
 * The flags for those who watch the server: readiness, metrics, the log of requests.
 *
 * @module
 */
import type { ObservationConfig } from "../../config/config.ts";
import { Flag, type FlagValues, notEmpty, orNothing, switched, wholeNumber } from "./flag.ts";

/** In the order of --help. */
export const OBSERVATION_FLAGS = {
  isReadinessStrict: new Flag("strict_readiness", {
    description: "be ready only when every model has a version to answer with",
    parse: switched,
    default: "true",
  }),
  metricsPort: new Flag("metrics_port", {
    value: "port",
    description: "port for metrics and readiness alone, which REST's port tells too; 0 lets the system choose",
    parse: orNothing(wholeNumber(0, 65535)),
    default: "",
    defaultWords: "none",
  }),
  metricsHostname: new Flag("metrics_bind_address", {
    value: "address",
    description: "address that port is listened to on",
    parse: notEmpty,
    default: "0.0.0.0",
  }),
  monitoringPath: new Flag("monitoring_config_file", {
    value: "file",
    description:
      "file with a MonitoringConfig in protocol buffers' text format: whether to tell metrics, and at which path",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  logsRequests: new Flag("access_log", {
    description: "log each request",
    parse: switched,
    default: "false",
  }),
};

/** What the flags say. */
export function observationConfig(values: FlagValues<typeof OBSERVATION_FLAGS>): ObservationConfig {
  const { isReadinessStrict, metricsHostname: hostname, metricsPort: port, monitoringPath, logsRequests } = values;
  const endpoint = port === undefined ? undefined : { hostname, port };
  return { isReadinessStrict, endpoint, monitoringPath, logsRequests };
}
