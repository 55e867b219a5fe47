/**
 * The flags of every command that serves: where, within which limits, how to load and to log. Names are those of the servers
 * users come from (tensorflow_model_server, model_server, ie_serving).
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import {
  addresses,
  Flag,
  type FlagValues,
  notEmpty,
  oneOf,
  orNothing,
  readFlags,
  secondsAsMs,
  switched,
  UsageError,
  wholeNumber,
} from "./flag.ts";
import { OBSERVATION_FLAGS, observationConfig } from "./observation_flags.ts";
import { REST_FLAGS, restConfig } from "./rest_flags.ts";
import { certificateSources, TLS_FLAGS } from "./tls_flags.ts";

const DAY_SECONDS = 86_400;
const THREADS_MAX = 256;
const MICROS_MAX = DAY_SECONDS * 1e6;

/** Levels under the names other servers have for them. */
const LEVEL_SYNONYMS: Readonly<Record<string, LogLevel>> = {
  trace: "debug",
  warn: "warning",
  critical: "error",
  fatal: "error",
};

/** TensorFlow Serving does not pause where this is negative. */
function microsAsMs(text: string): number {
  const micros = Number(text);
  if (!/^-?\d+$/.test(text) || micros > MICROS_MAX) {
    throw new Error(`expected a whole number of microseconds up to ${MICROS_MAX}, found "${text}"`);
  }
  return Math.max(micros, 0) / 1000;
}

/** In the order of --help. */
export const SERVER_FLAGS = {
  port: new Flag("port", {
    value: "port",
    description: "port for gRPC; 0 lets the system choose",
    parse: wholeNumber(0, 65535),
    default: "9000",
  }),
  hostnames: new Flag("grpc_bind_address", {
    value: "addresses",
    description: "address gRPC listens on, or several with commas between",
    parse: addresses,
    default: "0.0.0.0",
  }),
  socketPath: new Flag("grpc_socket_path", {
    value: "path",
    description: "Unix socket gRPC listens on besides",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  ...REST_FLAGS,
  ...TLS_FLAGS,
  threads: new Flag("grpc_workers", {
    value: "count",
    description: "threads that serve gRPC, each with connections of its own",
    parse: wholeNumber(1, THREADS_MAX),
    default: "1",
  }),
  messageBytesMax: new Flag("grpc_max_message_bytes", {
    value: "bytes",
    description: "longest message a client may send",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: String(2 ** 31 - 1),
  }),
  connectionsMax: new Flag("grpc_max_connections", {
    value: "count",
    description: "connections served at once; more are closed as they come",
    parse: wholeNumber(1, 1_000_000),
    default: "10000",
  }),
  streamsMax: new Flag("grpc_max_concurrent_streams", {
    value: "count",
    description: "requests at once on one connection; more are refused, for clients to send later",
    parse: wholeNumber(1, 2 ** 31 - 1),
    default: "1000",
  }),
  idleTimeoutMs: new Flag("grpc_max_connection_idle_seconds", {
    value: "seconds",
    description: "a connection without requests is closed after this long; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "0",
  }),
  keepaliveIntervalMs: new Flag("grpc_keepalive_time_seconds", {
    value: "seconds",
    description: "a client that says nothing is asked for a sign of life after this long; 0 for never",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "60",
  }),
  keepaliveTimeoutMs: new Flag("grpc_keepalive_timeout_seconds", {
    value: "seconds",
    description: "and hung up on when it gives none for this long",
    parse: secondsAsMs(0.001, DAY_SECONDS),
    default: "20",
  }),
  encodesAsTensorContent: new Flag("enable_serialization_as_tensor_content", {
    description: "send tensors as they lie in memory (tensor_content) instead of in the field of their type",
    parse: switched,
    default: "false",
  }),
  inflightBytesMax: new Flag("max_inflight_bytes", {
    value: "bytes",
    description: "memory for the large messages of all requests together; past it clients wait",
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    default: String(2 ** 31),
  }),
  waitersMax: new Flag("max_waiting_requests", {
    value: "count",
    description: "requests that may wait for a model; more are answered with RESOURCE_EXHAUSTED",
    parse: wholeNumber(1, 10_000_000),
    default: "10000",
  }),
  checksIntegerRange: new Flag("check_integer_range", {
    description:
      "refuse integers past 32 bits for inputs of 64, which OpenVINO computes in 32; false lets it drop the rest",
    parse: switched,
    default: "true",
  }),
  isBatching: new Flag("enable_batching", {
    description: "let requests that wait for a model share inferences",
    parse: switched,
    default: "false",
  }),
  batchingPath: new Flag("batching_parameters_file", {
    value: "file",
    description: "file with BatchingParameters in protocol buffers' text format, for --enable_batching",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  isBatchingPerModel: new Flag("enable_per_model_batching_parameters", {
    description: "take BatchingParameters from batching_params.pbtxt of each version, and batch no version without it",
    parse: switched,
    default: "false",
  }),
  pollIntervalMs: new Flag("file_system_poll_wait_seconds", {
    value: "seconds",
    description: "pause between looks for new versions; 0 looks once, at the start",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "1",
    env: "FILE_SYSTEM_POLL_WAIT_SECONDS",
  }),
  loadsMax: new Flag("num_load_threads", {
    value: "count",
    description: "models loaded at the same time; 0 is as good as 1",
    parse: wholeNumber(0, 1024),
    default: "1",
  }),
  retriesMax: new Flag("max_num_load_retries", {
    value: "count",
    description: "how often a failed load is tried again while its files stay the same",
    parse: wholeNumber(0, 1_000_000),
    default: "5",
  }),
  retryIntervalMs: new Flag("load_retry_interval_micros", {
    value: "microseconds",
    description: "pause before the first retry; it doubles with each, up to 16 times itself",
    parse: microsAsMs,
    default: "60000000",
  }),
  allowLabelsForUnavailable: new Flag("allow_version_labels_for_unavailable_models", {
    description: "let a new version label stand for a version that is not available yet",
    parse: switched,
    default: "false",
  }),
  cacheDir: new Flag("cache_dir", {
    value: "folder",
    description: "folder where compiled models are kept, to load faster next time",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  warmUpIterations: new Flag("num_request_iterations_for_warmup", {
    value: "count",
    description: "how often each request of a version's tf_serving_warmup_requests is run; 0 is as good as 1",
    parse: wholeNumber(0, 1_000_000),
    default: "1",
  }),
  isQuarantining: new Flag("quarantine_crashing_versions", {
    description: "load a version no more with which the process has died twice; needs --state_dir",
    parse: switched,
    default: "false",
  }),
  stateDir: new Flag("state_dir", {
    value: "folder",
    description: "folder, of this server alone, where it is remembered with which versions the process died",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  shutdownDelayMs: new Flag("shutdown_delay_seconds", {
    value: "seconds",
    description: "how long to go on after SIGTERM or SIGINT, not ready any more, until load balancers have seen it",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "0",
  }),
  shutdownGraceMs: new Flag("shutdown_grace_seconds", {
    value: "seconds",
    description: "how long running requests may take to finish after SIGTERM or SIGINT",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "30",
  }),
  openvinoDir: new Flag("openvino_dir", {
    value: "folder",
    description: "folder with OpenVINO's libraries, used before all others",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "where OpenVINO is usually found",
    env: "OVSERVE_OPENVINO_DIR",
  }),
  runtimeDir: new Flag("runtime_dir", {
    value: "folder",
    description: "folder to which the executable unpacks OpenVINO's libraries when it first starts",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "the user's cache folder, or a temporary one",
    env: "OVSERVE_RUNTIME_DIR",
  }),
  ...OBSERVATION_FLAGS,
  logLevel: new Flag("log_level", {
    value: "level",
    description: `least grave events to log: ${LOG_LEVELS.join(", ")}`,
    parse: oneOf(LOG_LEVELS, LEVEL_SYNONYMS),
    default: "info",
    env: "LOG_LEVEL",
  }),
  logFormat: new Flag("log_format", {
    value: "format",
    description: "json for machines or text for people",
    parse: oneOf<"json" | "text">(["json", "text"]),
    default: "json",
  }),
};

/** What {@link SERVER_FLAGS}, or others with the same names, say. */
export function readServerFlags(
  flags: typeof SERVER_FLAGS,
  texts: Readonly<Record<string, unknown>>,
): Omit<Config, "models" | "load" | "waitsForModels" | "notes"> {
  const values = readFlags(flags, texts);
  const certificates = certificateSources(values);
  return {
    allowLabelsForUnavailable: values.allowLabelsForUnavailable,
    loading: {
      loadsMax: Math.max(values.loadsMax, 1),
      retriesMax: values.retriesMax,
      retryIntervalMs: values.retryIntervalMs,
      cacheDir: values.cacheDir,
      warmUpIterations: Math.max(values.warmUpIterations, 1),
    },
    pollIntervalMs: values.pollIntervalMs,
    grpc: {
      hostnames: values.hostnames,
      port: values.port,
      socketPath: values.socketPath,
      certificate: certificates.grpc,
      threads: values.threads,
      messageBytesMax: values.messageBytesMax,
      connectionsMax: values.connectionsMax,
      inflightBytesMax: values.inflightBytesMax,
      streamsMax: values.streamsMax,
      idleTimeoutMs: values.idleTimeoutMs,
      keepaliveIntervalMs: values.keepaliveIntervalMs,
      keepaliveTimeoutMs: values.keepaliveTimeoutMs,
      encodesAsTensorContent: values.encodesAsTensorContent,
    },
    rest: restConfig(values, certificates.rest),
    observation: observationConfig(values),
    waitersMax: values.waitersMax,
    checksIntegerRange: values.checksIntegerRange,
    batching: batchingSource(values),
    shutdownDelayMs: values.shutdownDelayMs,
    shutdownGraceMs: values.shutdownGraceMs,
    quarantineDir: quarantineDir(values),
    openvinoDir: values.openvinoDir,
    runtimeDir: values.runtimeDir,
    log: { level: values.logLevel, format: values.logFormat },
  };
}

function quarantineDir({ isQuarantining, stateDir }: FlagValues<typeof SERVER_FLAGS>): string | undefined {
  if (!isQuarantining) return undefined;
  if (stateDir === undefined) throw new UsageError("--quarantine_crashing_versions needs --state_dir");
  return stateDir;
}

/** As TensorFlow Serving has it, a file without the switch is a mistake. */
function batchingSource(
  { isBatching, batchingPath, isBatchingPerModel }: FlagValues<typeof SERVER_FLAGS>,
): Config["batching"] {
  if (isBatching) return { parametersPath: batchingPath, isPerModel: isBatchingPerModel };
  if (batchingPath === undefined) return undefined;
  throw new UsageError("--batching_parameters_file is set without setting --enable_batching to true");
}
