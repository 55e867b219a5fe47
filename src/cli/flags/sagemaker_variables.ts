/**
 * The environment variables that TensorFlow Serving's container for SageMaker reads, with its defaults, and what it has besides that
 * is not to be had here.
 *
 * @module
 */
import { join } from "node:path";
import { Flag, type FlagSpec, orNothing, readFlags, switched, UsageError, wholeNumber } from "./flag.ts";

const COUNT_MAX = 2 ** 31 - 1;
const GRPC_PORT = 9000;
/** A batch transform job bounds its requests by itself: the container lets them all wait then. */
const BATCH_JOB_VARIABLE = "SAGEMAKER_BATCH";
const BATCH_JOB_ENQUEUED_MAX = 100_000_000;

/** Where the container looks for Python to run around each request. */
const HANDLER_FILE = "code/inference.py";

const VARIABLES = {
  restPort: variable("SAGEMAKER_BIND_TO_PORT", {
    description: "port for REST (default: 8080)",
    parse: wholeNumber(1, 65535),
    default: "8080",
  }),
  grpcPort: variable("SAGEMAKER_SAFE_PORT_RANGE", {
    description: `ports that are free, as 20000-20999; gRPC takes the first (default: ${GRPC_PORT} for gRPC)`,
    parse: orNothing(firstPort),
    default: "",
  }),
  defaultModel: variable("SAGEMAKER_TFS_DEFAULT_MODEL_NAME", {
    description: "model that is meant where a request names none (default: the first by its path)",
    parse: (text) => text === "" || text === "None" ? undefined : text,
    default: "",
  }),
  isBatching: variable("SAGEMAKER_TFS_ENABLE_BATCHING", {
    description: "true lets requests that wait for a model share inferences (default: false)",
    parse: switched,
    default: "false",
  }),
  batchSizeMax: variable("SAGEMAKER_TFS_MAX_BATCH_SIZE", {
    description: "rows that share an inference (default: 8)",
    parse: wholeNumber(1, COUNT_MAX),
    default: "8",
  }),
  batchTimeoutMicros: variable("SAGEMAKER_TFS_BATCH_TIMEOUT_MICROS", {
    description: "how long the first of them waits for others (default: 1000)",
    parse: wholeNumber(0, COUNT_MAX),
    default: "1000",
  }),
  batchThreads: variable("SAGEMAKER_TFS_NUM_BATCH_THREADS", {
    description: "batches inferred at once (default: one a processor)",
    parse: orNothing(wholeNumber(1, COUNT_MAX)),
    default: "",
  }),
  enqueuedBatchesMax: variable("SAGEMAKER_TFS_MAX_ENQUEUED_BATCHES", {
    description: "batches that wait (default: one a processor)",
    parse: orNothing(wholeNumber(1, COUNT_MAX)),
    default: "",
  }),
};

/** A variable that is passed over or refused. */
interface ForeignVariable {
  readonly name: string;
  /** Why it does no harm to pass it over. */
  readonly ignored?: string;
  /** What to do instead. */
  readonly refused?: string;
  /** Values that ask for nothing. */
  readonly idle?: readonly string[];
}

const NO_PYTHON = "there is no Python to run";
const THREADS = `--plugin_config '{"INFERENCE_NUM_THREADS": 4}' says it`;
const NO_SCRIPTS = "scripts are not run, prepare inputs in the client";

const FOREIGN_VARIABLES: readonly ForeignVariable[] = [
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
  { name: "SAGEMAKER_TFS_NGINX_LOGLEVEL", ignored: "--log_level says it" },
  { name: "SAGEMAKER_GUNICORN_WORKERS", ignored: NO_PYTHON },
  { name: "SAGEMAKER_GUNICORN_THREADS", ignored: NO_PYTHON },
  { name: "SAGEMAKER_GUNICORN_WORKER_CLASS", ignored: NO_PYTHON },
];

/** What the variables say. */
export interface SagemakerVariables {
  readonly restPort: number;
  readonly grpcPort: number;
  readonly defaultModel: string | undefined;
  readonly isBatching: boolean;
  /** `BatchingParameters` in text format. */
  readonly batchingParameters: string;
}

/** The variables that count, for --help. */
export const VARIABLES_HELP: string = [
  "Environment variables, for what no flag says:",
  ...Object.values(VARIABLES).map(({ name, description }) => `  ${name.padEnd(37)}${description}`),
].join("\n");

/**
 * Reads the variables.
 *
 * @throws {UsageError} for a value that cannot be read.
 */
export function readVariables(): SagemakerVariables {
  const { grpcPort = GRPC_PORT, restPort, defaultModel, isBatching, ...batching } = readFlags(VARIABLES, {});
  const processors = navigator.hardwareConcurrency;
  const enqueuedBatchesMax = Deno.env.has(BATCH_JOB_VARIABLE) ? BATCH_JOB_ENQUEUED_MAX : processors;
  const batchingParameters = [
    `max_batch_size { value: ${batching.batchSizeMax} }`,
    `batch_timeout_micros { value: ${batching.batchTimeoutMicros} }`,
    `num_batch_threads { value: ${batching.batchThreads ?? processors} }`,
    `max_enqueued_batches { value: ${batching.enqueuedBatchesMax ?? enqueuedBatchesMax} }`,
  ].join("\n");
  return { restPort, grpcPort, defaultModel, isBatching, batchingParameters };
}

/**
 * Judges what the container has besides.
 *
 * @returns a sentence for the log on each variable that was passed over.
 * @throws {UsageError} for what would make other answers of it than the container gives.
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

/** A flag that no argument gives. */
function variable<T>(name: string, spec: FlagSpec<T>): Flag<T> {
  return new Flag(name, { ...spec, env: name });
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
