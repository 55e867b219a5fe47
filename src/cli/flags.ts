/**
 * The flags, each with its name, meaning, default and the reading of its text. Names are those of the servers users come from
 * (ie_serving, tensorflow_model_server, model_server).
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { parseVersionPolicy } from "../config/version_policy.ts";
import type { VersionPolicy } from "../core/version_policy.ts";

/** A flag of the command line whose value is a `T`. */
export class Flag<T> {
  readonly #name: string;
  readonly #option: Option;

  constructor(
    name: string,
    spec: {
      readonly value: string;
      readonly description: string;
      readonly parse: (text: string) => T;
      readonly default?: T;
      readonly defaultText?: string;
      readonly isRequired?: boolean;
      readonly env?: string;
    },
  ) {
    this.#name = name;
    this.#option = new Option(`--${name} <${spec.value}>`, spec.description).argParser((text) => {
      try {
        return spec.parse(text);
      } catch (error) {
        throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
      }
    });
    if (spec.default !== undefined) this.#option.default(spec.default, spec.defaultText);
    if (spec.isRequired === true) this.#option.makeOptionMandatory();
    if (spec.env !== undefined) this.#option.env(spec.env);
  }

  /** What commander is to read. */
  get option(): Option {
    return this.#option;
  }

  /** The flag's value among those commander has read. */
  of(values: Record<string, unknown>): T {
    return values[this.#name] as T;
  }
}

/** Reads a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new Error(`expected a whole number from ${min} to ${max}, found "${text}"`);
    }
    return number;
  };
}

/** Reads a number of seconds in a range, to milliseconds. */
export function secondsAsMs(min: number, max: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (text.trim() === "" || !(seconds >= min && seconds <= max)) {
      throw new Error(`expected a number of seconds from ${min} to ${max}, found "${text}"`);
    }
    return Math.round(seconds * 1000);
  };
}

/** Reads one of several words, in either case. */
export function oneOf<T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    if (word === undefined) throw new Error(`expected one of ${words.join(", ")}, found "${text}"`);
    return word;
  };
}

function nonEmpty(text: string): string {
  if (text === "") throw new Error("expected a text that is not empty");
  return text;
}

/** Reads a JSON object of OpenVINO's properties; numbers and booleans become the texts OpenVINO reads. */
export function parsePluginConfig(text: string): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`expected a JSON object such as {"PERFORMANCE_HINT": "LATENCY"}, found "${text}"`);
  }
  const properties = new Map<string, string>();
  for (const [name, property] of Object.entries(value)) {
    if (typeof property === "boolean") properties.set(name, property ? "YES" : "NO");
    else if (typeof property === "string" || typeof property === "number") properties.set(name, String(property));
    else throw new Error(`expected a string, number or boolean for "${name}", found ${JSON.stringify(property)}`);
  }
  return properties;
}

export const MODEL_NAME = new Flag<string>("model_name", {
  value: "name",
  description: "name of the model, as clients ask for it",
  parse: nonEmpty,
  isRequired: true,
});

export const MODEL_PATH = new Flag<string>("model_path", {
  value: "folder",
  description: "folder of the model's version folders: FOLDER/1, FOLDER/2",
  parse: nonEmpty,
  isRequired: true,
});

export const MODEL_VERSION_POLICY = new Flag<VersionPolicy>("model_version_policy", {
  value: "json",
  description:
    'which versions to serve: {"latest": {"num_versions": 2}}, {"specific": {"versions": [1, 3]}} or {"all": {}}',
  parse: parseVersionPolicy,
  default: { kind: "latest", count: 1 },
  defaultText: '{"latest": {"num_versions": 1}}',
});

export const NIREQ = new Flag<number | undefined>("nireq", {
  value: "count",
  description: "infer requests at work at once (default: what OpenVINO finds optimal)",
  parse: wholeNumber(1, 100_000),
});

export const TARGET_DEVICE = new Flag<string>("target_device", {
  value: "device",
  description: "device to infer on: CPU, GPU, NPU, AUTO, HETERO:…, MULTI:…",
  parse: nonEmpty,
  default: "CPU",
});

export const PLUGIN_CONFIG = new Flag<ReadonlyMap<string, string>>("plugin_config", {
  value: "json",
  description: 'properties for OpenVINO: {"NUM_STREAMS": 4} (default: chosen by measuring the model)',
  parse: parsePluginConfig,
  default: new Map(),
  defaultText: "{}",
});

export const PORT = new Flag<number>("port", {
  value: "port",
  description: "port for gRPC; 0 lets the system choose",
  parse: wholeNumber(0, 65535),
  default: 9000,
});

export const GRPC_BIND_ADDRESS = new Flag<string>("grpc_bind_address", {
  value: "address",
  description: "address gRPC listens on",
  parse: nonEmpty,
  default: "0.0.0.0",
});

export const GRPC_MAX_MESSAGE_BYTES = new Flag<number>("grpc_max_message_bytes", {
  value: "bytes",
  description: "longest message a client may send",
  parse: wholeNumber(1, 2 ** 31 - 1),
  default: 2 ** 31 - 1,
});

export const GRPC_MAX_CONNECTIONS = new Flag<number>("grpc_max_connections", {
  value: "count",
  description: "connections served at once; more are closed as they come",
  parse: wholeNumber(1, 1_000_000),
  default: 10_000,
});

export const MAX_INFLIGHT_BYTES = new Flag<number>("max_inflight_bytes", {
  value: "bytes",
  description: "memory for the large messages of all requests together; past it clients wait",
  parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  default: 2 ** 31,
});

export const MAX_WAITING_REQUESTS = new Flag<number>("max_waiting_requests", {
  value: "count",
  description: "requests that may wait for a model; more are answered with RESOURCE_EXHAUSTED",
  parse: wholeNumber(1, 10_000_000),
  default: 10_000,
});

export const FILE_SYSTEM_POLL_WAIT_SECONDS = new Flag<number>("file_system_poll_wait_seconds", {
  value: "seconds",
  description: "pause between looks for new versions; 0 looks once, at the start",
  parse: secondsAsMs(0, 86_400),
  default: 1000,
  defaultText: "1",
});

export const SHUTDOWN_GRACE_SECONDS = new Flag<number>("shutdown_grace_seconds", {
  value: "seconds",
  description: "how long running requests may take to finish after SIGTERM or SIGINT",
  parse: secondsAsMs(0, 86_400),
  default: 30_000,
  defaultText: "30",
});

export const OPENVINO_DIR = new Flag<string | undefined>("openvino_dir", {
  value: "folder",
  description: "folder with OpenVINO's libraries, used before all others",
  parse: nonEmpty,
  env: "OVSERVE_OPENVINO_DIR",
});

export const LOG_LEVEL = new Flag<LogLevel>("log_level", {
  value: "level",
  description: `least grave events to log: ${LOG_LEVELS.join(", ")}`,
  parse: oneOf(LOG_LEVELS),
  default: "info",
});

export const LOG_FORMAT = new Flag<"json" | "text">("log_format", {
  value: "format",
  description: "json for machines or text for people",
  parse: oneOf(["json", "text"]),
  default: "json",
});

/** The flags of every command that serves. */
export const SERVER_FLAGS: readonly Flag<unknown>[] = [
  PORT,
  GRPC_BIND_ADDRESS,
  GRPC_MAX_MESSAGE_BYTES,
  GRPC_MAX_CONNECTIONS,
  MAX_INFLIGHT_BYTES,
  MAX_WAITING_REQUESTS,
  FILE_SYSTEM_POLL_WAIT_SECONDS,
  SHUTDOWN_GRACE_SECONDS,
  OPENVINO_DIR,
  LOG_LEVEL,
  LOG_FORMAT,
];

/** What {@link SERVER_FLAGS} say. */
export function serverConfig(values: Record<string, unknown>): Omit<Config, "models"> {
  return {
    grpc: {
      hostname: GRPC_BIND_ADDRESS.of(values),
      port: PORT.of(values),
      messageBytesMax: GRPC_MAX_MESSAGE_BYTES.of(values),
      connectionsMax: GRPC_MAX_CONNECTIONS.of(values),
      inflightBytesMax: MAX_INFLIGHT_BYTES.of(values),
    },
    pollIntervalMs: FILE_SYSTEM_POLL_WAIT_SECONDS.of(values),
    waitersMax: MAX_WAITING_REQUESTS.of(values),
    shutdownGraceMs: SHUTDOWN_GRACE_SECONDS.of(values),
    openvinoDir: OPENVINO_DIR.of(values),
    log: { level: LOG_LEVEL.of(values), format: LOG_FORMAT.of(values) },
  };
}
