/**
 * The flags of the gRPC front end, under the names of tensorflow_model_server, model_server and ie_serving.
 *
 * @module
 */
import { CONFIG_ACCESS } from "../../system/config_access.ts";
import { addresses, oneOf, optional, secondsAsMs, toggle, topic, wholeNumber } from "./flag.ts";

const DAY_SECONDS = 86_400;
const THREADS_MAX = 256;

const grpc = topic("gRPC");

/** Which clients may change the configuration, over gRPC and REST. */
export const CONFIG_ACCESS_FLAG = topic("Security")("config_api", {
  value: "access",
  help:
    "clients that may reload the configuration, and load and unload models: off for none, local for those on this " +
    "machine, all",
  parse: oneOf(CONFIG_ACCESS),
  default: "local",
});

/** A `GrpcConfig`, its certificate aside. */
export const GRPC_FLAGS = {
  configAccess: CONFIG_ACCESS_FLAG,
  port: grpc("port", {
    value: "port",
    help: "port for gRPC; 0 lets the system choose",
    parse: wholeNumber(0, 65535),
    default: "9000",
    isBasic: true,
  }),
  hostnames: grpc("grpc_bind_address", {
    value: "addresses",
    help: "address to listen on for gRPC, or several separated by commas",
    parse: addresses,
    default: "0.0.0.0",
  }),
  socketPath: grpc(
    "grpc_socket_path",
    optional({ value: "path", help: "Unix socket to listen on for gRPC besides the port" }),
  ),
  threads: grpc("grpc_workers", {
    value: "count",
    help: "threads that serve gRPC, each with its own connections",
    parse: wholeNumber(1, THREADS_MAX),
    default: "1",
    isBasic: true,
  }),
  messageBytesMax: grpc("grpc_max_message_bytes", {
    value: "bytes",
    help: "longest message that a client may send",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: String(2 ** 31 - 1),
  }),
  inflightBytesMax: grpc("max_inflight_bytes", {
    value: "bytes",
    help: "memory for the large gRPC messages of all requests together; clients wait for room",
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    default: String(2 ** 31),
  }),
  connectionsMax: grpc("grpc_max_connections", {
    value: "count",
    help: "open gRPC connections; further ones are closed at once",
    parse: wholeNumber(1, 1_000_000),
    default: "10000",
  }),
  streamsMax: grpc("grpc_max_concurrent_streams", {
    value: "count",
    help: "concurrent requests on one gRPC connection; further ones are refused for the client to retry",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: "1000",
  }),
  idleTimeoutMs: grpc("grpc_max_connection_idle_seconds", {
    value: "seconds",
    help: "close a gRPC connection that has had no request for this long; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "0",
  }),
  keepaliveIntervalMs: grpc("grpc_keepalive_time_seconds", {
    value: "seconds",
    help: "ping a gRPC client that has been silent for this long; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "60",
  }),
  keepaliveTimeoutMs: grpc("grpc_keepalive_timeout_seconds", {
    value: "seconds",
    help: "close the connection if the ping is not answered for this long",
    parse: secondsAsMs(0.001, DAY_SECONDS),
    default: "20",
  }),
  encodesAsTensorContent: grpc(
    "enable_serialization_as_tensor_content",
    toggle("send tensors as raw bytes (tensor_content) instead of in the field of their type", false),
  ),
};
