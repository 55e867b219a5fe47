/**
 * Flags that other servers have and this one does not: each is ignored with a note, or refused with what to use instead.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { type Texts, UsageError } from "./flag.ts";

/** A flag or variable of another server, and what to say if it is found. */
export interface Foreign {
  readonly name: string;
  /** Why ignoring it does no harm. */
  readonly ignored?: string;
  /** What to use instead, if it is refused. */
  readonly refused?: string;
  /** Values that change nothing and are ignored, in lower case. */
  readonly idle?: readonly string[];
}

/** A foreign flag; a switch takes no value but `=true` or `=false`. */
type ForeignFlag = Foreign & { readonly isSwitch?: true };

const NO_THREADS = "requests do not need a thread each";
const THREADS = "--tensorflow_intra_op_parallelism sets how many threads a model has";
const PREPROCESSING = "prepare the inputs in the client, or put it into the model with OpenVINO's PrePostProcessor";
const OFF: readonly string[] = ["false", "0"];
const EMPTY: readonly string[] = [""];

/** Grouped by the server that has them. */
const FOREIGN_FLAGS: readonly ForeignFlag[] = [
  // ie_serving
  { name: "rest_workers", ignored: NO_THREADS },

  // tensorflow_model_server
  { name: "grpc_max_threads", ignored: NO_THREADS },
  { name: "rest_api_num_threads", ignored: NO_THREADS },
  { name: "num_unload_threads", ignored: "unloading blocks nothing" },
  { name: "flush_filesystem_caches", isSwitch: true, ignored: "the system decides which files it caches" },
  { name: "remove_unused_fields_from_bundle_metagraph", isSwitch: true, ignored: "OpenVINO keeps no meta graph" },
  { name: "num_tflite_pools", ignored: "--nireq sets how many inferences run at once" },
  { name: "num_tflite_interpreters_per_pool", ignored: "--nireq sets how many inferences run at once" },
  { name: "enable_signature_method_name_check", isSwitch: true, ignored: "Predict works with every signature" },
  { name: "xla_cpu_compilation_enabled", isSwitch: true, ignored: "OpenVINO compiles models itself" },
  { name: "xla_gpu_compilation_enabled", isSwitch: true, ignored: "OpenVINO compiles models itself" },
  { name: "enable_profiler", isSwitch: true, ignored: "TensorFlow's profiler service is not served" },
  { name: "skip_initialize_tpu", isSwitch: true, ignored: "TPUs are not used" },
  { name: "tensorflow_session_config_file", ignored: "--plugin_config sets OpenVINO's properties" },
  { name: "thread_pool_factory_config_file", ignored: THREADS },
  { name: "platform_config_file", ignored: "--target_device and --plugin_config set how models run" },
  { name: "per_process_gpu_memory_fraction", ignored: "OpenVINO takes the memory that models need" },
  { name: "mixed_precision", ignored: "--inference_precision sets the type that floats are computed with" },
  {
    name: "prefer_tflite_model",
    isSwitch: true,
    ignored: "a version folder holds one model, and a .tflite file is served as such",
  },
  { name: "use_alts_credentials", isSwitch: true, ignored: "connections are encrypted by --tls_cert and --tls_key" },
  { name: "enable_grpc_healthcheck_service", isSwitch: true, ignored: "gRPC's health service is always served" },

  // model_server
  { name: "sequence_cleaner_poll_wait_minutes", ignored: "there are no sequences" },
  { name: "idle_sequence_cleanup", isSwitch: true, ignored: "there are no sequences" },
  { name: "max_sequence_number", ignored: "there are no sequences" },
  { name: "custom_node_resources_cleaner_interval_seconds", ignored: "there are no pipelines" },
  { name: "stateful", isSwitch: true, refused: "models with state between requests are not served", idle: OFF },
  { name: "low_latency_transformation", isSwitch: true, refused: "models with state are not served", idle: OFF },
  { name: "layout", refused: PREPROCESSING, idle: EMPTY },
  { name: "mean", refused: PREPROCESSING, idle: EMPTY },
  { name: "scale", refused: PREPROCESSING, idle: EMPTY },
  { name: "color_format", refused: PREPROCESSING, idle: EMPTY },
  { name: "precision", refused: PREPROCESSING, idle: EMPTY },
  { name: "grpc_memory_quota", refused: "use --max_inflight_bytes" },
  { name: "log_path", refused: "the log goes to standard error, redirect it: 2> FILE", idle: EMPTY },
  { name: "trace_path", refused: "leave it out", idle: EMPTY },
  { name: "metrics_enable", isSwitch: true, ignored: "metrics are always exposed, at /metrics of the REST port" },
  { name: "metrics_list", ignored: "all metrics are exposed" },
  { name: "api_key_file", refused: "let a proxy in front authenticate clients", idle: EMPTY },
  { name: "source_model", refused: "put the model on disk first and name its folder" },
  { name: "model_repository_path", refused: "list the models in a file for --config_path or --model_config_file" },
  { name: "pull", isSwitch: true, refused: "put the model on disk first and name its folder", idle: OFF },
  { name: "task", refused: "generative models are not served" },
];

/** Lets commander accept them; --help does not list them. */
export function addForeignFlags(command: Command): void {
  for (const { name, isSwitch } of FOREIGN_FLAGS) {
    const syntax = isSwitch === true ? `--${name} [true|false]` : `--${name} <value>`;
    command.addOption(new Option(syntax).preset("true").hideHelp());
  }
}

/**
 * Checks for flags of other servers.
 *
 * @returns a sentence for the log on each that is ignored.
 * @throws {UsageError} for one that is refused.
 */
export function judgeForeignFlags(texts: Texts): string[] {
  return FOREIGN_FLAGS.flatMap(({ name, ignored, refused, idle }) => {
    const text = texts[name];
    if (typeof text !== "string") return [];
    if (ignored !== undefined) return [`--${name} is ignored: ${ignored}`];
    if (idle?.includes(text.toLowerCase()) === true) return [`--${name} is ignored: it asks for nothing`];
    throw new UsageError(`--${name} is not supported: ${refused}`);
  });
}
