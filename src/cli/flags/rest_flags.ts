/**
 * The flags of the REST front end, under the names of tensorflow_model_server, model_server and ie_serving.
 *
 * @module
 */
import type { CertificateSource } from "../../config/certificate_files.ts";
import type { RestConfig } from "../../config/config.ts";
import { addresses, Flag, type FlagValues, secondsAsMs, switched, UsageError, wholeNumber } from "./flag.ts";

const DAY_SECONDS = 86_400;
const TIMEOUT_MAX_MS = 1000 * DAY_SECONDS;

/** A port; undefined for none. The word `any` lets the system choose, for 0 stands for none in all three servers. */
function restPort(text: string): number | undefined {
  if (text === "any") return 0;
  return wholeNumber(0, 65535)(text) || undefined;
}

/** In the order of --help. */
export const REST_FLAGS = {
  restPort: new Flag("rest_port", {
    value: "port",
    description: "port for REST; 0 for none, any lets the system choose",
    parse: restPort,
    default: "0",
  }),
  restApiPort: new Flag("rest_api_port", {
    value: "port",
    description: "the same",
    parse: restPort,
    default: "0",
  }),
  restHostnames: new Flag("rest_bind_address", {
    value: "addresses",
    description: "address REST listens on, or several with commas between",
    parse: addresses,
    default: "0.0.0.0",
  }),
  restTimeoutMs: new Flag("rest_api_timeout_in_ms", {
    value: "milliseconds",
    description: "how long a REST request may take",
    parse: wholeNumber(1, TIMEOUT_MAX_MS),
    default: "30000",
  }),
  restCorsSupport: new Flag("rest_api_enable_cors_support", {
    description: "let pages of any origin send REST requests",
    parse: switched,
    default: "false",
  }),
  restBodyBytesMax: new Flag("rest_max_body_bytes", {
    value: "bytes",
    description: "longest body of a REST request, before and after it is unpacked",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: String(2 ** 28),
  }),
  restInflightBytesMax: new Flag("rest_max_inflight_bytes", {
    value: "bytes",
    description: "memory for the bodies of all REST requests together; past it the answer is 503",
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    default: String(2 ** 31),
  }),
  restConnectionsMax: new Flag("rest_max_connections", {
    value: "count",
    description: "connections to REST, and requests answered at once; more are hung up on, or refused with 503",
    parse: wholeNumber(1, 1_000_000),
    default: "10000",
  }),
  restIdleTimeoutMs: new Flag("rest_max_connection_idle_seconds", {
    value: "seconds",
    description: "a connection to REST without requests is closed after this long, on Linux; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "650",
  }),
};

/** Where and how REST is served; undefined where no port is given. */
export function restConfig(
  values: FlagValues<typeof REST_FLAGS>,
  certificate: CertificateSource | undefined,
): RestConfig | undefined {
  const { restPort, restApiPort } = values;
  if (restPort !== undefined && restApiPort !== undefined && restPort !== restApiPort) {
    throw new UsageError("--rest_port and --rest_api_port are the same and name different ports");
  }
  const port = restPort ?? restApiPort;
  if (port === undefined) return undefined;
  return {
    hostnames: values.restHostnames,
    port,
    certificate,
    timeoutMs: values.restTimeoutMs,
    corsSupport: values.restCorsSupport,
    bodyBytesMax: values.restBodyBytesMax,
    inflightBytesMax: values.restInflightBytesMax,
    connectionsMax: values.restConnectionsMax,
    idleTimeoutMs: values.restIdleTimeoutMs,
  };
}
