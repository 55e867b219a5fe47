/**
 * The flags of the REST front end, under the names of tensorflow_model_server, model_server and ie_serving.
 *
 * @module
 */
import type { CertificateSource } from "../../config/certificate_files.ts";
import type { RestConfig } from "../../config/config.ts";
import { CONFIG_ACCESS_FLAG } from "./grpc_flags.ts";
import {
  addresses,
  type Defaults,
  readFlags,
  secondsAsMs,
  type Texts,
  toggle,
  topic,
  UsageError,
  wholeNumber,
} from "./flag.ts";

const DAY_SECONDS = 86_400;
const TIMEOUT_MAX_MS = 1000 * DAY_SECONDS;

/** Reads a port; undefined for none. `any` lets the system choose, because 0 means none in all three servers. */
function restPort(text: string): number | undefined {
  if (text === "any") return 0;
  return wholeNumber(0, 65535)(text) || undefined;
}

const rest = topic("REST");

/** A `RestConfig`, its certificate aside; it has one port of two names. */
export const REST_FLAGS = {
  port: rest("rest_port", {
    value: "port",
    help: "port for REST; 0 for none, any lets the system choose",
    parse: restPort,
    default: "0",
    isBasic: true,
  }),
  apiPort: rest("rest_api_port", {
    value: "port",
    help: "same as --rest_port",
    parse: restPort,
    default: "0",
  }),
  hostnames: rest("rest_bind_address", {
    value: "addresses",
    help: "address to listen on for REST, or several separated by commas",
    parse: addresses,
    default: "0.0.0.0",
  }),
  timeoutMs: rest("rest_api_timeout_in_ms", {
    value: "milliseconds",
    help: "time that a REST request may take",
    parse: wholeNumber(1, TIMEOUT_MAX_MS),
    default: "30000",
  }),
  corsSupport: rest("rest_api_enable_cors_support", toggle("let web pages of any origin send REST requests", false)),
  bodyBytesMax: rest("rest_max_body_bytes", {
    value: "bytes",
    help: "longest body of a REST request, both compressed and decompressed",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: String(2 ** 28),
  }),
  inflightBytesMax: rest("rest_max_inflight_bytes", {
    value: "bytes",
    help: "memory for the bodies of all REST requests together; further ones are answered with 503",
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    default: String(2 ** 31),
  }),
  connectionsMax: rest("rest_max_connections", {
    value: "count",
    help: "REST connections, and concurrent REST requests; further ones are closed, or answered with 503",
    parse: wholeNumber(1, 1_000_000),
    default: "10000",
  }),
  idleTimeoutMs: rest("rest_max_connection_idle_seconds", {
    value: "seconds",
    help: "close a REST connection that has had no request for this long, on Linux; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "650",
  }),
};

/** Reads where and how to serve REST; undefined if no port is given. */
export function readRestFlags(
  texts: Texts,
  defaults: Defaults,
  certificate: CertificateSource | undefined,
): RestConfig | undefined {
  const { apiPort, ...values } = readFlags({ ...REST_FLAGS, configAccess: CONFIG_ACCESS_FLAG }, texts, defaults);
  // A default of one name must not contradict what is given by the other.
  const ownPort = REST_FLAGS.apiPort.isGiven(texts) && !REST_FLAGS.port.isGiven(texts) ? undefined : values.port;
  if (ownPort !== undefined && apiPort !== undefined && ownPort !== apiPort) {
    throw new UsageError("--rest_port and --rest_api_port are the same and name different ports");
  }
  const port = ownPort ?? apiPort;
  return port === undefined ? undefined : { ...values, port, certificate };
}
