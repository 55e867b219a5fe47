/**
 * Reads `BatchingParameters` in text format, as `--batching_parameters_file` and a version's `batching_params.pbtxt` hold them
 * (tensorflow_serving/servables/tensorflow/session_bundle_config.proto).
 *
 * @module
 */
import { basename } from "node:path";
import { CODE, detailOf, ServingError } from "../base/status.ts";
import type { BatchingOptions } from "../model/batching/batch_predictor.ts";
import { ConfigError, type Place } from "../base/config_error.ts";
import { booleanOf, Fields, integerOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";

/** Where it stands how requests share inferences. */
export interface BatchingSource {
  /** A file with parameters for all models; undefined for the defaults. */
  readonly parametersPath: string | undefined;
  /** Parameters for all models where there is no file, in the same format. */
  readonly parametersText?: string;
  /**
   * Whether each version's own file counts, in place of those for all models but for the number of threads. A version without the
   * file is not batched then.
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

/** `thread_pool_name` names threads that are not there. */
const FIELDS: readonly string[] = [
  ...["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads", "thread_pool_name"],
  ...["enable_large_batch_splitting", "max_execution_batch_size", "allowed_batch_sizes", "pad_variable_length_inputs"],
];

/**
 * Reads batching parameters; what the text does not say is as TensorFlow Serving has it, an empty text all defaults.
 *
 * @throws {ConfigError} with the place of what cannot be read; for values that make no sense TensorFlow Serving's sentence.
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

/** A number in a message of its own, which tells one that is 0 from one that is not there. */
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
 * Reads what counts for all models.
 *
 * @throws {ServingError} INVALID_ARGUMENT with the file's path, and the place in it, when it cannot be read or is not there.
 */
export async function readBatching(
  { parametersPath, parametersText = "", isPerModel }: BatchingSource,
): Promise<Batching> {
  if (parametersPath === undefined) return { options: parseBatchingParameters(parametersText), isPerModel };
  const options = await readBatchingParameters(parametersPath);
  if (options === undefined) throw cannotFind(parametersPath);
  return { options, isPerModel };
}

/**
 * How one version's requests share inferences; undefined for not at all.
 *
 * @param ownPath the version's own file of parameters, if it has one.
 * @throws {ServingError} as {@link readBatching}.
 */
export async function batchingOptionsOf(
  ownPath: string | undefined,
  { options, isPerModel }: Batching,
): Promise<BatchingOptions | undefined> {
  if (!isPerModel) return options;
  const own = ownPath === undefined ? undefined : await readBatchingParameters(ownPath);
  return own && { ...own, batchesAtOnceMax: options.batchesAtOnceMax };
}

function cannotFind(path: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot find ${basename(path)}`, { detail: `Cannot find ${path}` });
}

/** Undefined when there is no such file. */
async function readBatchingParameters(path: string): Promise<BatchingOptions | undefined> {
  try {
    return parseBatchingParameters(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const name = basename(path);
    if (!(error instanceof ConfigError)) {
      const detail = `Cannot read ${path}: ${detailOf(error)}`;
      throw new ServingError(CODE.INVALID_ARGUMENT, `Cannot read ${name}`, { detail, cause: error });
    }
    const place = error.place === undefined ? "" : `:${error.place.line}:${error.place.column}`;
    const complaint = `${place}: ${error.message}`;
    throw new ServingError(CODE.INVALID_ARGUMENT, `${name}${complaint}`, {
      detail: `${path}${complaint}`,
      cause: error,
    });
  }
}
