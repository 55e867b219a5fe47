/**
 * Flags that tools share: which server to ask, which version, how to print.
 *
 * @module
 */
import { notEmpty, oneOf, optional, secondsAsMs, toggle, topic, wholeNumber } from "./flag.ts";
import { GRPC_FLAGS } from "./grpc_flags.ts";

/** Makes flags about the server to ask. */
export const peerFlag = topic("Server");

/** Address that a server on the same machine has. */
export const LOCAL_HOSTNAME = "127.0.0.1";

/** A `Peer`. */
export const PEER_FLAGS = {
  hostname: peerFlag("host", {
    value: "address",
    help: "address of the server",
    parse: notEmpty,
    default: LOCAL_HOSTNAME,
  }),
  port: peerFlag("port", {
    value: "port",
    help: "gRPC port of the server",
    parse: wholeNumber(1, 65535),
    default: GRPC_FLAGS.port.default,
  }),
  isTls: peerFlag("tls", toggle("use TLS, without verifying the server's certificate", false)),
  timeoutMs: peerFlag("timeout_seconds", {
    value: "seconds",
    help: "time that a reply may take",
    parse: secondsAsMs(0.001, 86_400),
    default: "60",
  }),
};

const model = topic("Model");

/** Which version of a model is meant. */
export const VERSION_FLAGS = {
  version: model(
    "model_version",
    optional(
      { value: "version", help: "version of the model", defaultWords: "the server's choice" },
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    ),
  ),
  versionLabel: model(
    "version_label",
    optional({ value: "label", help: "label of the version, in place of its number" }),
  ),
};

/** How to print. */
export const FORMAT_FLAG = topic("Output")("format", {
  value: "format",
  help: "text for people or json for machines, on standard output",
  parse: oneOf<"text" | "json">(["text", "json"]),
  default: "text",
});
