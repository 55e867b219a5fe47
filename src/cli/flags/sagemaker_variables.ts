/**
 * The environment variables of TensorFlow Serving's container for SageMaker, with its defaults, and those features of it that this
 * server does not have.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Defaults,
  type Flag,
  type FlagSpec,
  optional,
  readFlags,
  toggle,
  topic,
  UsageError,
  wholeNumber,
} from "./flag.ts";
import type { Foreign } from "./foreign_flags.ts";
import { GRPC_FLAGS } from "./grpc_flags.ts";

const COUNT_MAX = 2 ** 31 - 1;
/** A batch transform job bounds its requests by itself: the container lets all of them wait. */
const BATCH_JOB_VARIABLE = "SAGEMAKER_BATCH";
const BATCH_JOB_ENQUEUED_MAX = 100_000_000;

/** Where the container looks for Python to run around each request. */
const HANDLER_FILE = "code/inference.py";

const VARIABLES = {
  restPort: variable("SAGEMAKER_BIND_TO_PORT", {
    help: "port for REST",
    parse: wholeNumber(1, 65535),
    default: "8080",
  }),
  grpcPort: variable(
    "SAGEMAKER_SAFE_PORT_RANGE",
    optional({
      help: "free ports, such as 20000-20999; gRPC takes the first",
      defaultWords: `${GRPC_FLAGS.port.default} for gRPC`,
    }, firstPort),
  ),
  defaultModel: variable(
    "SAGEMAKER_TFS_DEFAULT_MODEL_NAME",
    optional(
      { help: "model of requests that name none", defaultWords: "the first by its path" },
      (text) => text === "None" ? undefined : text,
    ),
  ),
  isBatching: variable(
    "SAGEMAKER_TFS_ENABLE_BATCHING",
    toggle("whether concurrent requests for a model share inferences", false),
  ),
  batchSizeMax: variable("SAGEMAKER_TFS_MAX_BATCH_SIZE", {
    help: "rows that share an inference",
    parse: wholeNumber(1, COUNT_MAX),
    default: "8",
  }),
  batchTimeoutMicros: variable("SAGEMAKER_TFS_BATCH_TIMEOUT_MICROS", {
    value: "microseconds",
    help: "time that the first row waits for others",
    parse: wholeNumber(0, COUNT_MAX),
    default: "1000",
  }),
  batchThreads: variable(
    "SAGEMAKER_TFS_NUM_BATCH_THREADS",
    optional({ help: "concurrent batches", defaultWords: "one per processor" }, wholeNumber(1, COUNT_MAX)),
  ),
  enqueuedBatchesMax: variable(
    "SAGEMAKER_TFS_MAX_ENQUEUED_BATCHES",
    optional({ help: "batches that may wait", defaultWords: "one per processor" }, wholeNumber(1, COUNT_MAX)),
  ),
};

/** Defaults of flags, as long as no variable is set. */
export const VARIABLE_DEFAULTS: Defaults = { "rest_port": VARIABLES.restPort.default };

const NO_PYTHON = "there is no Python to run";
const THREADS = `--plugin_config '{"INFERENCE_NUM_THREADS": 4}' sets it`;
const NO_SCRIPTS = "scripts are not run, prepare inputs in the client";

const FOREIGN_VARIABLES: readonly Foreign[] = [
  {
    name: "SAGEMAKER_MULTI_MODEL",
    refused: "models are not loaded on request, put all of them below one folder",
    idle: ["false"],
  },
  { name: "SAGEMAKER_MULTI_MODEL_UNIVERSAL_BUCKET", refused: NO_SCRIPTS },
  { name: "SAGEMAKER_MULTI_MODEL_UNIVERSAL_PREFIX", refused: NO_SCRIPTS },
  { name: "SAGEMAKER_TFS_INSTANCE_COUNT", ignored: "one process uses all processors", idle: ["1"] },
  { name: "SAGEMAKER_TFS_INTER_OP_PARALLELISM", ignored: THREADS, idle: ["0"] },
  { name: "SAGEMAKER_TFS_INTRA_OP_PARALLELISM", ignored: THREADS, idle: ["0"] },
  { name: "SAGEMAKER_TFS_FRACTIONAL_GPU_MEM_MARGIN", ignored: "OpenVINO takes memory as it needs it" },
  { name: "SAGEMAKER_TFS_NGINX_LOGLEVEL", ignored: "--log_level sets it" },
  { name: "SAGEMAKER_GUNICORN_WORKERS", ignored: NO_PYTHON },
  { name: "SAGEMAKER_GUNICORN_THREADS", ignored: NO_PYTHON },
  { name: "SAGEMAKER_GUNICORN_WORKER_CLASS", ignored: NO_PYTHON },
];

/** What the variables set. */
export interface SagemakerVariables {
  /** Of flags that are not given. */
  readonly defaults: Defaults;
  readonly defaultModel: string | undefined;
  /** `BatchingParameters` in text format. */
  readonly batchingParameters: string;
}

/** The variables that have an effect, for --help. */
export const VARIABLES_HELP: string = [
  "Environment variables, for what no flag says:",
  ...Object.values(VARIABLES).map((flag) => `  ${flag.name.padEnd(37)}${flag.help()}`),
].join("\n");

/**
 * Reads the variables.
 *
 * @throws {UsageError} for a value that cannot be read.
 */
export function readVariables(): SagemakerVariables {
  const { grpcPort, restPort, defaultModel, isBatching, ...batching } = readFlags(VARIABLES, {});
  const processors = navigator.hardwareConcurrency;
  const enqueuedBatchesMax = Deno.env.has(BATCH_JOB_VARIABLE) ? BATCH_JOB_ENQUEUED_MAX : processors;
  return {
    defaults: {
      ...(grpcPort !== undefined && { port: String(grpcPort) }),
      "rest_port": String(restPort),
      "enable_batching": String(isBatching),
    },
    defaultModel,
    batchingParameters: [
      `max_batch_size { value: ${batching.batchSizeMax} }`,
      `batch_timeout_micros { value: ${batching.batchTimeoutMicros} }`,
      `num_batch_threads { value: ${batching.batchThreads ?? processors} }`,
      `max_enqueued_batches { value: ${batching.enqueuedBatchesMax ?? enqueuedBatchesMax} }`,
    ].join("\n"),
  };
}

/**
 * Checks for features of the container that this server does not have.
 *
 * @returns a sentence for the log on each variable that is ignored.
 * @throws {UsageError} for what would change the replies.
 */
export function judgeForeign(modelDir: string): string[] {
  const handler = join(modelDir, HANDLER_FILE);
  if (isThere(handler)) throw new UsageError(`${handler} cannot be run: ${NO_SCRIPTS}`);
  return FOREIGN_VARIABLES.flatMap(({ name, ignored, refused, idle }) => {
    const text = Deno.env.get(name) ?? "";
    if (text === "" || idle?.includes(text.toLowerCase()) === true) return [];
    if (refused !== undefined) throw new UsageError(`The environment variable ${name} is not supported: ${refused}`);
    return [`${name} is ignored: ${ignored}`];
  });
}

/** Makes a flag that no argument gives. */
function variable<T>(name: string, spec: FlagSpec<T>): Flag<T> {
  return topic("Environment")(name, { ...spec, env: name });
}

function firstPort(text: string): number {
  const [, first = "", last = ""] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  if (first === "" || Number(first) < 1 || Number(first) > Number(last) || Number(last) > 65535) {
    throw new Error(`expected two ports such as 20000-20999, found "${text}"`);
  }
  return Number(first);
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
