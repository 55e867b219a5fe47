/**
 * The flags of every command that serves, models aside. Names are those of the servers users come from (tensorflow_model_server,
 * model_server, ie_serving).
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import {
  type Defaults,
  type Flags,
  oneOf,
  optional,
  readFlags,
  secondsAsMs,
  type Texts,
  toggle,
  topic,
  UsageError,
  wholeNumber,
} from "./flag.ts";
import { CHANNEL_FLAGS, readChannelArguments } from "./channel_arguments.ts";
import { GRPC_FLAGS } from "./grpc_flags.ts";
import { OBSERVATION_FLAGS, readObservationFlags } from "./observation_flags.ts";
import { readRestFlags, REST_FLAGS } from "./rest_flags.ts";
import { readTlsFlags, TLS_FLAGS } from "./tls_flags.ts";

const DAY_SECONDS = 86_400;
const MICROS_MAX = DAY_SECONDS * 1e6;

/** What other servers call these levels. */
const LEVEL_SYNONYMS: Readonly<Record<string, LogLevel>> = {
  trace: "debug",
  warn: "warning",
  critical: "error",
  fatal: "error",
};

/** As in TensorFlow Serving, a negative pause is none. */
function microsAsMs(text: string): number {
  const micros = Number(text);
  if (!/^-?\d+$/.test(text) || micros > MICROS_MAX) {
    throw new Error(`expected a whole number of microseconds up to ${MICROS_MAX}, found "${text}"`);
  }
  return Math.max(micros, 0) / 1000;
}

/** Reads a count of which TensorFlow Serving takes 0 for 1. */
function countFromZero(max: number): (text: string) => number {
  return (text) => Math.max(wholeNumber(0, max)(text), 1);
}

const requests = topic("Requests");
const batching = topic("Batching");
const versions = topic("Versions of models");
const shutdown = topic("Shutdown");
const openvino = topic("OpenVINO");
const log = topic("Logging");

/** A `LoadingConfig`. */
const LOADING_FLAGS = {
  loadsMax: versions("num_load_threads", {
    value: "count",
    help: "versions to load at the same time; 0 means 1",
    parse: countFromZero(1024),
    default: "1",
  }),
  loadRetriesMax: versions("max_num_load_retries", {
    value: "count",
    help: "retries of a failed load while its files stay the same",
    parse: wholeNumber(0, 1_000_000),
    default: "5",
  }),
  loadRetryIntervalMs: versions("load_retry_interval_micros", {
    value: "microseconds",
    help: "pause before the first retry; it doubles with each, up to 16-fold",
    parse: microsAsMs,
    default: "60000000",
  }),
  warmUpIterations: versions("num_request_iterations_for_warmup", {
    value: "count",
    help: "runs of each request in a version's tf_serving_warmup_requests; 0 means 1",
    parse: countFromZero(1_000_000),
    default: "1",
  }),
  replaysWarmUp: versions(
    "enable_model_warmup",
    toggle("run the requests of a version's tf_serving_warmup_requests before it serves", true),
  ),
  savedModelTags: versions("saved_model_tags", {
    value: "tags",
    help: "tags of the graph to serve in a SavedModel, with commas between them",
    parse: (text) => text.split(",").map((tag) => tag.trim()).filter((tag) => tag !== ""),
    default: "serve",
  }),
  inferencePrecision: openvino(
    "inference_precision",
    optional(
      {
        value: "type",
        help: "type that floats are computed with: f32, bf16, f16, or auto for OpenVINO's choice",
        defaultWords: "f32 for SavedModels, as in TensorFlow; auto for other formats",
      },
      oneOf(["f32", "bf16", "f16", "auto"] as const),
    ),
  ),
  intraOpThreads: openvino("tensorflow_intra_op_parallelism", {
    value: "count",
    help: "threads of a model, OpenVINO's INFERENCE_NUM_THREADS; 0 chooses by measuring",
    parse: wholeNumber(0, 100_000),
    default: "0",
  }),
  interOpStreams: openvino("tensorflow_inter_op_parallelism", {
    value: "count",
    help: "inferences of a model that run side by side, OpenVINO's NUM_STREAMS; 0 chooses by measuring",
    parse: wholeNumber(0, 100_000),
    default: "0",
  }),
  sessionThreads: openvino("tensorflow_session_parallelism", {
    value: "count",
    help: "threads of a model if --tensorflow_intra_op_parallelism is not given; 0 chooses by measuring",
    parse: wholeNumber(0, 100_000),
    default: "0",
  }),
  cacheDir: openvino(
    "cache_dir",
    optional({ value: "folder", help: "folder for compiled models, which load faster next time" }),
  ),
};

/** The name of a flag whose default depends on the command. */
export const VERSION_ZERO_FLAG_NAME = "version_zero_means_latest";
const CONVERT_FLAG_NAME = "convert_inputs";

/** Defaults for commands with the flags of ie_serving, whose clients send version 0 for the latest, and inputs that numpy converted. */
export const IE_SERVING_DEFAULTS: Defaults = { [VERSION_ZERO_FLAG_NAME]: "true", [CONVERT_FLAG_NAME]: "true" };

/** The fields of a `Config` that have no section. */
const SERVER_FLAGS = {
  waitersMax: requests("max_waiting_requests", {
    value: "count",
    help: "requests that may wait for one model; further ones are answered with RESOURCE_EXHAUSTED",
    parse: wholeNumber(1, 10_000_000),
    default: "10000",
  }),
  checksIntegerRange: requests(
    "check_integer_range",
    toggle("refuse 64-bit integers past 32 bits, which OpenVINO would cut to 32 bits", true),
  ),
  versionZeroMeansLatest: requests(VERSION_ZERO_FLAG_NAME, {
    ...toggle("take version 0 in requests for the latest version, as ie_serving and model_server do", false),
    defaultWords: "true with --config_path or --model_path, else false",
  }),
  convertsInputs: requests(
    CONVERT_FLAG_NAME,
    toggle(
      "convert inputs of other dtypes than the model's if no value changes beyond rounding, as ie_serving did",
      false,
    ),
  ),
  pollIntervalMs: versions("file_system_poll_wait_seconds", {
    value: "seconds",
    help: "pause between looks for new versions; 0 looks once, at the start",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "1",
    env: "FILE_SYSTEM_POLL_WAIT_SECONDS",
  }),
  allowLabelsForUnavailable: versions(
    "allow_version_labels_for_unavailable_models",
    toggle("allow a new version label for a version that is not available yet", false),
  ),
  shutdownDelayMs: shutdown("shutdown_delay_seconds", {
    value: "seconds",
    help: "after SIGTERM or SIGINT, go on serving for this long while not ready, for load balancers to notice",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "0",
  }),
  shutdownGraceMs: shutdown("shutdown_grace_seconds", {
    value: "seconds",
    help: "time for running requests to finish after that",
    parse: secondsAsMs(0, DAY_SECONDS),
    default: "30",
  }),
};

/** An `EngineLibraries`. */
export const RUNTIME_FLAGS = {
  openvinoDir: openvino(
    "openvino_dir",
    optional({
      value: "folder",
      help: "folder with OpenVINO's libraries, searched before all others",
      defaultWords: "where OpenVINO is usually installed",
      env: "OVSERVE_OPENVINO_DIR",
    }),
  ),
  runtimeDir: openvino(
    "runtime_dir",
    optional({
      value: "folder",
      help: "folder to which the executable unpacks OpenVINO's libraries at its first start",
      defaultWords: "the user's cache folder, or a temporary one",
      env: "OVSERVE_RUNTIME_DIR",
    }),
  ),
  extensions: openvino("cpu_extension", {
    value: "files",
    help: "libraries with operations that OpenVINO lacks, separated by commas",
    parse: (text) => text.split(",").map((path) => path.trim()).filter((path) => path !== ""),
    default: "",
    defaultWords: "none; openvino-tokenizers is loaded if it is beside OpenVINO",
    env: "CPU_EXTENSION",
  }),
};

const BATCHING_FLAGS = {
  isBatching: batching("enable_batching", {
    ...toggle("let concurrent requests for a model share inferences", false),
    isBasic: true,
  }),
  parametersPath: batching(
    "batching_parameters_file",
    optional({ value: "file", help: "BatchingParameters in protocol buffers' text format, for --enable_batching" }),
  ),
  isPerModel: batching(
    "enable_per_model_batching_parameters",
    toggle(
      "take BatchingParameters from each version's batching_params.pbtxt; a version without it is not batched",
      false,
    ),
  ),
};

const QUARANTINE_FLAGS = {
  isQuarantining: versions(
    "quarantine_crashing_versions",
    toggle("stop loading a version with which the process has died twice; needs --state_dir", false),
  ),
  stateDir: versions(
    "state_dir",
    optional({
      value: "folder",
      help: "folder, used by this server alone, that records with which versions the process died",
    }),
  ),
};

const LOG_FLAGS = {
  level: log("log_level", {
    value: "level",
    help: `least severe events to log: ${LOG_LEVELS.join(", ")}`,
    parse: oneOf(LOG_LEVELS, LEVEL_SYNONYMS),
    default: "info",
    env: "LOG_LEVEL",
    isBasic: true,
  }),
  format: log("log_format", {
    value: "format",
    help: "json for machines or text for people",
    parse: oneOf<"json" | "text">(["json", "text"]),
    default: "json",
  }),
};

/** Which models are loaded, and when. */
const MODEL_CONTROL_FLAGS = {
  isExplicit: versions("model_control_mode", {
    value: "mode",
    help: "poll: load the configured models and watch them; explicit: load and unload them by requests of the Open " +
      "Inference Protocol",
    parse: (text) => oneOf<"poll" | "none" | "explicit">(["poll", "none", "explicit"])(text) === "explicit",
    default: "poll",
  }),
  loadModels: versions("load_model", {
    value: "names",
    help: "with --model_control_mode explicit, models to load at the start, with commas between them; * for all",
    parse: (text) => text.split(",").map((name) => name.trim()).filter((name) => name !== ""),
    default: "",
    defaultWords: "none",
  }),
};

/** In the order of --help. */
export const SERVER_SECTIONS: readonly Flags[] = [
  ...[
    GRPC_FLAGS,
    CHANNEL_FLAGS,
    REST_FLAGS,
    TLS_FLAGS,
    SERVER_FLAGS,
    MODEL_CONTROL_FLAGS,
    BATCHING_FLAGS,
    LOADING_FLAGS,
    QUARANTINE_FLAGS,
    RUNTIME_FLAGS,
  ],
  ...[OBSERVATION_FLAGS, LOG_FLAGS],
];

/** Reads the part of the configuration that all commands have. */
export function readServerFlags(
  texts: Texts,
  defaults: Defaults = {},
): Omit<Config, "models" | "load" | "waitsForModels" | "notes"> {
  const certificates = readTlsFlags(texts);
  const grpcDefaults = { ...defaults, ...readChannelArguments(texts).defaults };
  return {
    ...readFlags(SERVER_FLAGS, texts, defaults),
    ...readFlags(RUNTIME_FLAGS, texts),
    explicitModels: explicitModels(texts),
    loading: readFlags(LOADING_FLAGS, texts, defaults),
    grpc: { ...readFlags(GRPC_FLAGS, texts, grpcDefaults), certificate: certificates.grpc },
    rest: readRestFlags(texts, defaults, certificates.rest),
    observation: readObservationFlags(texts),
    batching: batchingSource(texts, defaults),
    quarantineDir: quarantineDir(texts),
    log: readFlags(LOG_FLAGS, texts),
  };
}

/** Models to load at the start are named only where models are loaded by request. */
function explicitModels(texts: Texts): Config["explicitModels"] {
  const { isExplicit, loadModels } = readFlags(MODEL_CONTROL_FLAGS, texts);
  if (isExplicit) return loadModels;
  if (loadModels.length > 0) throw new UsageError("--load_model needs --model_control_mode explicit");
  return undefined;
}

function quarantineDir(texts: Texts): string | undefined {
  const { isQuarantining, stateDir } = readFlags(QUARANTINE_FLAGS, texts);
  if (!isQuarantining) return undefined;
  if (stateDir === undefined) throw new UsageError("--quarantine_crashing_versions needs --state_dir");
  return stateDir;
}

/** As in TensorFlow Serving, a file without the switch is a mistake. */
function batchingSource(texts: Texts, defaults: Defaults): Config["batching"] {
  const { isBatching, ...source } = readFlags(BATCHING_FLAGS, texts, defaults);
  if (isBatching) return source;
  if (source.parametersPath === undefined) return undefined;
  throw new UsageError("--batching_parameters_file is set without setting --enable_batching to true");
}
