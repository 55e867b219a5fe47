/**
 * Reads `BatchingParameters` in text format, as `--batching_parameters_file` and a version's `batching_params.pbtxt` hold them
 * (tensorflow_serving/servables/tensorflow/session_bundle_config.proto).
 *
 * @module
 */
import type { BatchingOptions } from "../model/batching/batch_predictor.ts";
import { ConfigError, type Place } from "../base/config_error.ts";
import { booleanOf, Fields, integerOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";
import { readConfigFile } from "./config_file.ts";

/** Where the parameters for sharing inferences come from. */
export interface BatchingSource {
  /** A file with parameters for all models; undefined for the defaults. */
  readonly parametersPath: string | undefined;
  /** Parameters for all models if there is no file, in the same format. */
  readonly parametersText?: string;
  /**
   * Whether each version's own file replaces the parameters for all models, the number of threads aside. A version without the file
   * is not batched then.
   */
  readonly isPerModel: boolean;
}

/** How requests share inferences. */
export interface Batching extends Pick<BatchingSource, "isPerModel"> {
  readonly options: BatchingOptions;
}

/** The defaults of `SharedBatchScheduler` (tensorflow/core/kernels/batching_util/shared_batch_scheduler.h). */
const MAX_BATCH_SIZE = 1000;
const MAX_ENQUEUED_BATCHES = 10;

/** `thread_pool_name` has no effect: there are no such threads. */
const FIELDS: readonly string[] = [
  ...["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads", "thread_pool_name"],
  ...["enable_large_batch_splitting", "max_execution_batch_size", "allowed_batch_sizes", "pad_variable_length_inputs"],
];

/**
 * Reads batching parameters. What the text leaves out has TensorFlow Serving's default.
 *
 * @throws {ConfigError} with the place of what cannot be read, or TensorFlow Serving's sentence about a value out of range.
 */
export function parseBatchingParameters(text: string): BatchingOptions {
  const parameters = new Fields("BatchingParameters", parseTextProto(text), FIELDS);
  const requestRowsMax = positive(parameters, "max_batch_size", MAX_BATCH_SIZE);
  const batchTimeoutMicros = wrapped(parameters, "batch_timeout_micros")?.value ?? 0;
  if (batchTimeoutMicros < 0) {
    throw new ConfigError(
      `batch_timeout_micros must be non-negative; was ${batchTimeoutMicros}`,
      parameters.one("batch_timeout_micros")?.place,
    );
  }
  const isSplitting = booleanOf(parameters.message("enable_large_batch_splitting", ["value"]), "value");
  const batchRowsMax = isSplitting ? positive(parameters, "max_execution_batch_size", requestRowsMax) : requestRowsMax;
  if (batchRowsMax > requestRowsMax) {
    throw new ConfigError(
      `max_batch_size must be greater than or equal to max_execution_batch_size; was ${requestRowsMax}`,
      parameters.one("max_execution_batch_size")?.place,
    );
  }
  return {
    requestRowsMax,
    batchRowsMax,
    batchTimeoutMs: batchTimeoutMicros / 1000,
    waitingBatchesMax: positive(parameters, "max_enqueued_batches", MAX_ENQUEUED_BATCHES),
    batchesAtOnceMax: positive(parameters, "num_batch_threads", navigator.hardwareConcurrency),
    allowedBatchRows: allowedSizes(parameters, requestRowsMax),
    isPadding: booleanOf(parameters, "pad_variable_length_inputs"),
  };
}

/** Reads a number in a message of its own, which distinguishes 0 from absence. */
function wrapped(parameters: Fields, name: string): { value: number; place: Place | undefined } | undefined {
  const wrapper = parameters.message(name, ["value"]);
  if (wrapper === undefined) return undefined;
  const value = wrapper.one("value");
  return { value: value === undefined ? 0 : int64Of(value), place: parameters.one(name)?.place };
}

function positive(parameters: Fields, name: string, fallback: number): number {
  const found = wrapped(parameters, name);
  if (found === undefined) return fallback;
  if (found.value > 0) return found.value;
  throw new ConfigError(`${name} must be positive; was ${found.value}`, found.place);
}

function allowedSizes(parameters: Fields, requestRowsMax: number): readonly number[] {
  const fields = parameters.all("allowed_batch_sizes");
  const sizes = fields.map(int64Of);
  sizes.forEach((size, i) => {
    if (size > (sizes[i - 1] ?? 0)) return;
    throw new ConfigError("allowed_batch_sizes entries must be monotonically increasing", fields[i]?.place);
  });
  const last = sizes.at(-1);
  if (last === undefined || last === requestRowsMax) return sizes;
  throw new ConfigError(
    `Last entry in allowed_batch_sizes must match max_batch_size; last entry was ${last}; expected ${requestRowsMax}`,
    fields.at(-1)?.place,
  );
}

function int64Of(field: Parameters<typeof integerOf>[0]): number {
  return integerOf(field, { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
}

/**
 * Reads the parameters for all models.
 *
 * @throws {ConfigFileError} if the file cannot be used.
 */
export async function readBatching(
  { parametersPath, parametersText = "", isPerModel }: BatchingSource,
): Promise<Batching> {
  const options = parametersPath === undefined
    ? parseBatchingParameters(parametersText)
    : await readConfigFile(parametersPath, parseBatchingParameters);
  return { options, isPerModel };
}

/**
 * Returns how one version's requests share inferences; undefined if they do not.
 *
 * @param ownPath the version's own file of parameters, if it has one.
 * @throws {ConfigFileError} if that file cannot be used.
 */
export async function batchingOptionsOf(
  ownPath: string | undefined,
  { options, isPerModel }: Batching,
): Promise<BatchingOptions | undefined> {
  if (!isPerModel) return options;
  if (ownPath === undefined) return undefined;
  const own = await readConfigFile(ownPath, parseBatchingParameters);
  return { ...own, batchesAtOnceMax: options.batchesAtOnceMax };
}
