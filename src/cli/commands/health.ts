/**
 * `ovserve health`: asks a server whether it is ready, for health checks of containers, which hold no other program to ask with.
 *
 * @module
 */
import { Command } from "commander";
import { basename } from "node:path";
import { processArguments } from "../../system/libc.ts";
import type { GrpcConfig } from "../../config/config.ts";
import { checkHealth } from "../health_question.ts";
import { addFlags, Flag, notEmpty, orNothing, readFlags, secondsAsMs, switched, wholeNumber } from "../flags/flag.ts";

const FLAGS = {
  hostname: new Flag("host", {
    value: "address",
    description: "address of the server",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "that of a container's main process, or else 127.0.0.1",
  }),
  port: new Flag("port", {
    value: "port",
    description: "the server's port for gRPC",
    parse: orNothing(wholeNumber(1, 65535)),
    default: "",
    defaultWords: "that of a container's main process, or else 9000",
  }),
  isTls: new Flag("tls", {
    description: "use TLS, without asking who the server is",
    parse: orNothing(switched),
    default: "",
    defaultWords: "as a container's main process does, or else false",
  }),
  timeoutMs: new Flag("timeout_seconds", {
    value: "seconds",
    description: "how long the answer may take",
    parse: secondsAsMs(0.001, 3600),
    default: "5",
  }),
};

const DEFAULT_PORT = 9000;
/** Addresses that stand for all of a machine's, its own included. */
const WILDCARDS = ["0.0.0.0", "::", "[::]"];

/** In a container, the program it was started with. */
const MAIN_PROCESS = 1;
const OWN_NAMES = ["ovserve", "ie_serving"];

/** Reads arguments as the program itself does, as far as where gRPC is served. */
export type GrpcConfigOf = (args: readonly string[]) => Promise<GrpcConfig | undefined>;

/** The command. */
export function healthCommand(grpcConfigOf: GrpcConfigOf): Command {
  const command = new Command("health").description("ask a server whether it is ready; exit code 0 when it is");
  addFlags(command, FLAGS);
  return command.action(async (texts: Readonly<Record<string, unknown>>) => {
    const { hostname, port, isTls, timeoutMs } = readFlags(FLAGS, texts);
    const main = port === undefined ? await grpcConfigOfMainProcess(grpcConfigOf) : undefined;
    const named = main?.hostnames.find((name) => !WILDCARDS.includes(name));
    await checkHealth({
      hostname: hostname ?? named ?? "127.0.0.1",
      port: port ?? main?.port ?? DEFAULT_PORT,
      isTls: isTls ?? main?.certificate !== undefined,
      timeoutMs,
    });
    // deno-lint-ignore no-console
    console.log("ready");
  });
}

async function grpcConfigOfMainProcess(grpcConfigOf: GrpcConfigOf): Promise<GrpcConfig | undefined> {
  const args = processArguments(MAIN_PROCESS) ?? [];
  // Docker's own init stands before the program when it is asked for.
  const start = args.findIndex((arg) => OWN_NAMES.includes(basename(arg)));
  return start < 0 ? undefined : await grpcConfigOf(args.slice(start + 1));
}
