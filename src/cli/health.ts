/**
 * `ovserve health`: asks a server whether it is ready, for health checks of containers, which hold no other program to ask with.
 *
 * @module
 */
import { Command } from "commander";
import { type ClientHttp2Session, connect } from "node:http2";
import { basename } from "node:path";
import { processArguments } from "../base/libc.ts";
import type { GrpcConfig } from "../config/config.ts";
import { addFlags, Flag, notEmpty, orNothing, readFlags, secondsAsMs, switched, wholeNumber } from "./flag.ts";

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

/** A gRPC message without fields: no service named, so the server itself is meant. */
const EMPTY_MESSAGE = new Uint8Array(5);
/** `HealthCheckResponse { status: SERVING }` as a gRPC message. */
const SERVING_MESSAGE = new Uint8Array([0, 0, 0, 0, 2, 0x08, 1]);

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

/** Whom to ask, and how long to wait for the answer. */
export interface HealthQuestion {
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly timeoutMs: number;
}

/**
 * Asks `grpc.health.v1.Health/Check`.
 *
 * @throws {Error} in a sentence unless the server says that it is ready.
 */
export async function checkHealth({ hostname, port, isTls, timeoutMs }: HealthQuestion): Promise<void> {
  const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  // Certificates are for the names clients use, which this machine's own address is not.
  const session = connect(`${isTls ? "https" : "http"}://${address}`, { rejectUnauthorized: false });
  const clock = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => clock.reject(new Error(`The server at ${address} did not answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    const { grpcStatus, body } = await Promise.race([ask(session), clock.promise]);
    if (grpcStatus !== "0") throw new Error(`The server at ${address} answered with gRPC status ${grpcStatus}`);
    if (body.toString() !== SERVING_MESSAGE.toString()) throw new Error(`The server at ${address} is not ready`);
  } catch (error) {
    if (!isConnectionError(error)) throw error;
    throw new Error(`No server answers at ${address}: ${error.message}`, { cause: error });
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

interface Answer {
  readonly grpcStatus: string;
  readonly body: Uint8Array;
}

function ask(session: ClientHttp2Session): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let grpcStatus = "missing";
  const parts: Uint8Array[] = [];
  const note = (headers: Readonly<Record<string, unknown>>): void => {
    if (headers["grpc-status"] !== undefined) grpcStatus = String(headers["grpc-status"]);
  };
  session.on("error", reject);
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    "te": "trailers",
  });
  stream.on("response", note);
  stream.on("trailers", note);
  stream.on("data", (part: Uint8Array) => parts.push(part));
  // The stream's own error only wraps the connection's.
  stream.on("error", (error: Error) => reject(error.cause ?? error));
  stream.on("end", () => resolve({ grpcStatus, body: new Uint8Array(parts.flatMap((part) => [...part])) }));
  stream.end(EMPTY_MESSAGE);
  return promise;
}

function isConnectionError(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
