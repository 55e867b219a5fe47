/**
 * Flags that tools share: whom to ask, which version, how to print.
 *
 * @module
 */
import { Flag, notEmpty, oneOf, orNothing, secondsAsMs, switched, wholeNumber } from "./flag.ts";

/** Whom to ask. */
export const PEER_FLAGS = {
  hostname: new Flag("host", {
    value: "address",
    description: "address of the server",
    parse: notEmpty,
    default: "127.0.0.1",
  }),
  port: new Flag("port", {
    value: "port",
    description: "the server's port for gRPC",
    parse: wholeNumber(1, 65535),
    default: "9000",
  }),
  isTls: new Flag("tls", {
    description: "use TLS, without asking who the server is",
    parse: switched,
    default: "false",
  }),
  timeoutMs: new Flag("timeout_seconds", {
    value: "seconds",
    description: "how long an answer may take",
    parse: secondsAsMs(0.001, 86_400),
    default: "60",
  }),
};

/** Which version of a model is meant. */
export const VERSION_FLAGS = {
  version: new Flag("model_version", {
    value: "version",
    description: "version of the model",
    parse: orNothing(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    default: "",
    defaultWords: "the server's choice",
  }),
  versionLabel: new Flag("version_label", {
    value: "label",
    description: "the same by its label",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
};

/** How to print. */
export const FORMAT_FLAG = new Flag("format", {
  value: "format",
  description: "text for people or json for machines, on standard output",
  parse: oneOf<"text" | "json">(["text", "json"]),
  default: "text",
});
