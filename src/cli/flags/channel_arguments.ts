/**
 * `--grpc_channel_arguments` of tensorflow_model_server: gRPC's own names of settings that have flags here.
 *
 * @module
 */
import { type Defaults, readFlags, type Texts, topic, UsageError } from "./flag.ts";

const DAY_MS = 86_400_000;
/** What gRPC takes for no limit. */
const UNLIMITED = 2 ** 31 - 1;

/** An argument that has a flag here, and the flag's text for its value. */
interface KnownArgument {
  readonly flag: string;
  readonly toText: (value: number) => string;
}

const KNOWN: ReadonlyMap<string, KnownArgument> = new Map([
  ["grpc.max_concurrent_streams", { flag: "grpc_max_concurrent_streams", toText: String }],
  ["grpc.max_connection_idle_ms", { flag: "grpc_max_connection_idle_seconds", toText: secondsOrNever }],
  ["grpc.keepalive_time_ms", { flag: "grpc_keepalive_time_seconds", toText: secondsOrNever }],
  [
    "grpc.keepalive_timeout_ms",
    { flag: "grpc_keepalive_timeout_seconds", toText: (ms) => String(Math.min(ms, DAY_MS) / 1000) },
  ],
  [
    "grpc.max_receive_message_length",
    { flag: "grpc_max_message_bytes", toText: (bytes) => String(bytes < 0 ? UNLIMITED : bytes) },
  ],
]);

/** The flag itself. */
export const CHANNEL_FLAGS = {
  channelArguments: topic("gRPC")("grpc_channel_arguments", {
    value: "list",
    help:
      "gRPC's names of the limits that have flags here: grpc.max_concurrent_streams=100,grpc.keepalive_time_ms=7000",
    parse: parseArguments,
    default: "",
    defaultWords: "none",
  }),
};

/**
 * Reads the arguments.
 *
 * @returns texts of other flags, for those that are not given, and a sentence for the log on each argument that is ignored.
 * @throws {UsageError} for a text that is not a list of `name=value`, and for a limit that is not a whole number.
 */
export function readChannelArguments(texts: Texts): { defaults: Defaults; notes: string[] } {
  const { channelArguments } = readFlags(CHANNEL_FLAGS, texts);
  const defaults: Record<string, string> = {};
  const notes: string[] = [];
  for (const [name, text] of channelArguments) {
    const known = KNOWN.get(name);
    if (known === undefined) {
      notes.push(`--grpc_channel_arguments: ${name} is ignored: it changes nothing here`);
      continue;
    }
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value > UNLIMITED) {
      throw new UsageError(`--grpc_channel_arguments: expected a whole number for ${name}, found "${text}"`);
    }
    defaults[known.flag] = known.toText(value);
  }
  return { defaults, notes };
}

/** Of an argument that is given twice, gRPC takes the last. */
function parseArguments(text: string): ReadonlyMap<string, string> {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return new Map(parts.map((part) => {
    const at = part.indexOf("=");
    if (at < 1) throw new Error(`expected name=value, separated by commas, found "${part}"`);
    return [part.slice(0, at), part.slice(at + 1)];
  }));
}

/** More than a day is never, as gRPC's default of INT_MAX is. */
function secondsOrNever(ms: number): string {
  return String(ms > DAY_MS ? 0 : ms / 1000);
}
