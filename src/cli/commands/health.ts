/**
 * `ovserve health`: asks a server whether it is ready, for health checks of containers, whose image holds no other
 * program to ask with.
 *
 * @module
 */
import { Command } from "commander";
import { basename } from "node:path";
import { processArguments } from "../../system/libc.ts";
import type { GrpcConfig } from "../../config/config.ts";
import { checkHealth } from "../health_question.ts";
import { addFlags, optional, readFlags, secondsAsMs, switched, type Texts, wholeNumber } from "../flags/flag.ts";
import { LOCAL_HOSTNAME, PEER_FLAGS, peerFlag } from "../flags/peer_flags.ts";

const FLAGS = {
  hostname: peerFlag(
    "host",
    optional({
      value: "address",
      help: "address of the server",
      defaultWords: `that of a container's main process, else ${LOCAL_HOSTNAME}`,
    }),
  ),
  port: peerFlag(
    "port",
    optional({
      value: "port",
      help: "gRPC port of the server",
      defaultWords: `that of a container's main process, else ${PEER_FLAGS.port.default}`,
    }, wholeNumber(1, 65535)),
  ),
  isTls: peerFlag(
    "tls",
    optional({
      help: "use TLS, without verifying the server's certificate",
      defaultWords: "as a container's main process does, else false",
    }, switched),
  ),
  timeoutMs: peerFlag("timeout_seconds", {
    value: "seconds",
    help: "time that the reply may take",
    parse: secondsAsMs(0.001, 3600),
    default: "5",
  }),
};

/** Addresses that mean all of a machine's addresses. */
const WILDCARDS = ["0.0.0.0", "::", "[::]"];

/** Process id of the program a container was started with. */
const MAIN_PROCESS = 1;
const OWN_NAMES = ["ovserve", "ie_serving", "tensorflow_model_server"];

/** Finds out where arguments of the program make it serve gRPC. */
export type GrpcConfigOf = (args: readonly string[]) => Promise<GrpcConfig | undefined>;

/** Makes the command. */
export function healthCommand(grpcConfigOf: GrpcConfigOf): Command {
  const command = new Command("health").description("ask a server whether it is ready; exit code 0 if it is");
  addFlags(command, [FLAGS]);
  return command.action(async (texts: Texts) => {
    const { hostname, port, isTls, timeoutMs } = readFlags(FLAGS, texts);
    const main = port === undefined ? await grpcConfigOfMainProcess(grpcConfigOf) : undefined;
    const named = main?.hostnames.find((name) => !WILDCARDS.includes(name));
    await checkHealth({
      hostname: hostname ?? named ?? LOCAL_HOSTNAME,
      port: port ?? main?.port ?? PEER_FLAGS.port.read({}),
      isTls: isTls ?? main?.certificate !== undefined,
      timeoutMs,
    });
    // deno-lint-ignore no-console
    console.log("ready");
  });
}

async function grpcConfigOfMainProcess(grpcConfigOf: GrpcConfigOf): Promise<GrpcConfig | undefined> {
  const args = processArguments(MAIN_PROCESS) ?? [];
  // Docker's own init precedes the program if it is enabled.
  const start = args.findIndex((arg) => OWN_NAMES.includes(basename(arg)));
  return start < 0 ? undefined : await grpcConfigOf(args.slice(start + 1));
}
