/**
 * Warms up a servable before it serves: with the requests recorded in its version
 * (tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc), or else with zeros. Checks the outputs.
 *
 * @module
 */
import { basename } from "node:path";
import {
  type Dimension,
  formatPartialShape,
  type PartialShape,
  type RequestInput,
  type TensorSpec,
} from "../../base/signature.ts";
import { CODE, ServingError, toServingError } from "../../base/status.ts";
import {
  type DType,
  DTYPE_BYTES,
  elementCount,
  formatShape,
  type NumericTensor,
  type Tensor,
} from "../../base/tensor.ts";
import type { Caller } from "../infer_request_pool.ts";
import { accessError } from "../source/model_files.ts";
import type { ModelServable } from "../model_servable.ts";
import { WireFields } from "../../protobuf/wire_fields.ts";
import { bindRequest } from "../request_binding.ts";
import type { ServableSignature } from "./signatures.ts";
import { readRecords } from "./tf_record.ts";

/** A recorded request. */
export interface WarmUpRequest {
  /** Empty for the default signature. */
  readonly signatureName: string;
  readonly inputs: readonly RequestInput[];
  readonly outputFilter: readonly string[];
}

/** Decodes the bytes of a `tensorflow.serving.PredictRequest`, which it may borrow. */
export type DecodeWarmUp = (predictRequest: Uint8Array) => WarmUpRequest;

/** TensorFlow Serving's `WarmupConsts::kMaxNumRecords`. */
const RECORDS_MAX = 1000;
/** `PredictionLog.log_type` (tensorflow_serving/apis/prediction_log.proto): the field of Predict, and those of other methods. */
const PREDICT_LOG = 6;
const OTHER_LOGS: ReadonlyMap<number, string> = new Map([
  [2, "Classify"],
  [3, "Regress"],
  [4, "MultiInference"],
  [5, "SessionRun"],
  [7, "PredictStreamed"],
]);

/** The most memory of zeros for a warm-up. */
const ZEROS_BYTES_MAX = 256 * 1024 * 1024;
/** The most numbers of an output that are checked. */
const NUMBERS_MAX = 1 << 20;

/** The caller of a warm-up, which never aborts. */
const LOADER: Caller = { signal: new AbortController().signal };

/**
 * Runs recorded requests, one after the other.
 *
 * @param options.path a TFRecord file of `tensorflow.serving.PredictionLog`.
 * @returns notes about the records and the outputs. `servable.warmUp` has the number of records and the time they took.
 * @throws {ServingError} when a record is damaged or cannot be decoded, a request fails, or there are more than 1,000 records.
 */
export async function replayRequests(
  servable: ModelServable,
  options: { path: string; iterations: number; decode: DecodeWarmUp },
): Promise<string[]> {
  const notes = new Set<string>();
  const startMs = performance.now();
  let count = 0;
  try {
    for await (const record of readRecords(options.path)) {
      if (++count > RECORDS_MAX) {
        throw new ServingError(CODE.INVALID_ARGUMENT, `there are more than ${RECORDS_MAX} records`);
      }
      const log = parseRecord(record);
      for (const [field, method] of OTHER_LOGS) {
        if (log.view(field) !== undefined) notes.add(`Warm-up requests of ${method} are skipped`);
      }
      const predictLog = log.view(PREDICT_LOG);
      if (predictLog === undefined) continue;
      const request = options.decode(parseRecord(predictLog).view(1) ?? new Uint8Array(0));
      for (let i = 0; i < options.iterations; i++) {
        for (const note of await replay(servable, request)) notes.add(note);
        await turnOfTheLoop();
      }
    }
  } catch (thrown) {
    const { path } = options;
    const error = thrown instanceof ServingError ? thrown : accessError({ path, name: basename(path) }, thrown);
    const place = error.code === CODE.DATA_LOSS ? "" : `record ${count}: `;
    throw new ServingError(error.code, `Cannot warm up with ${basename(path)}: ${place}${error.message}`, {
      detail: `Cannot warm up with ${path}: ${place}${error.detail}`,
      cause: error.cause ?? error,
    });
  }
  servable.warmUp = { records: count, ms: performance.now() - startMs };
  return [...notes];
}

/** @throws {ServingError} DATA_LOSS if the bytes of a record are no message. */
function parseRecord(bytes: Uint8Array): WireFields {
  try {
    return new WireFields(bytes);
  } catch (error) {
    throw new ServingError(CODE.DATA_LOSS, "The bytes are no protobuf message", { cause: error });
  }
}

function replay(servable: ModelServable, request: WarmUpRequest): string[] | Promise<string[]> {
  const { signature, inputs } = bindRequest(servable, request.signatureName, request);
  return servable.predict(inputs, {
    signature,
    caller: LOADER,
    isAlone: true,
    use: (outputs) => judgeOutputs(signature.outputs, outputs),
  });
}

/** Yields to requests of other models. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Infers zeros once. A model that rejects them may still serve well, so that is not an error.
 *
 * @returns notes for the log.
 */
export async function inferZeros(servable: ModelServable, signature: ServableSignature): Promise<string[]> {
  const inputs = zerosOf(signature.inputs);
  if (inputs === undefined) return ["Not warmed up: a shape is open or too large for zeros"];
  try {
    return await servable.predict(inputs, {
      signature,
      caller: LOADER,
      isAlone: true,
      use: (outputs) => judgeOutputs(signature.outputs, outputs),
    });
  } catch (thrown) {
    return [`Not warmed up: the model does not infer zeros: ${toServingError(thrown).message}`];
  }
}

/**
 * Returns tensors of zeros, with `rows` rows if the shape allows it and 1 for other dynamic dimensions; undefined if a rank is dynamic
 * or they would be too large.
 */
export function zerosOf(
  specs: readonly { readonly dtype: DType; readonly shape: PartialShape }[],
  rows = 1,
): Tensor[] | undefined {
  const zeros: Tensor[] = [];
  let bytesLeft = ZEROS_BYTES_MAX;
  for (const { shape, dtype } of specs) {
    if (shape === undefined) return undefined;
    const sizes = shape.map(({ min, max }: Dimension, axis) => Math.min(Math.max(min, axis === 0 ? rows : 1), max));
    const count = sizes.reduce((product, size) => product * size, 1);
    bytesLeft -= count * (dtype === "string" ? 64 : DTYPE_BYTES[dtype]);
    if (!(bytesLeft >= 0)) return undefined;
    if (dtype === "string") zeros.push({ dtype, shape: sizes, strings: Array(count).fill(new Uint8Array(0)) });
    else zeros.push({ dtype, shape: sizes, bytes: new Uint8Array(count * DTYPE_BYTES[dtype]) });
  }
  return zeros;
}

function judgeOutputs(specs: readonly TensorSpec[], outputs: readonly Tensor[]): string[] {
  const notes: string[] = [];
  specs.forEach(({ name, shape }, i) => {
    const tensor = outputs[i] as Tensor;
    if (!fits(tensor.shape, shape)) {
      notes.push(`The output ${name} has the shape ${formatShape(tensor.shape)}, not ${formatPartialShape(shape)}`);
    }
    if (tensor.dtype !== "string" && !isFinite(tensor)) notes.push(`The output ${name} has values that are not finite`);
  });
  return notes;
}

function fits(shape: readonly number[], expected: PartialShape): boolean {
  if (expected === undefined) return true;
  return shape.length === expected.length && expected.every(({ min, max }, axis) => {
    const size = shape[axis] as number;
    return size >= min && size <= max;
  });
}

/** Whether the first million numbers of a tensor are all finite. */
function isFinite({ dtype, shape, bytes }: NumericTensor): boolean {
  const count = Math.min(elementCount(shape), NUMBERS_MAX);
  // A copy, since a view of wide numbers must be aligned.
  const copy = () => bytes.slice(0, count * DTYPE_BYTES[dtype]).buffer;
  switch (dtype) {
    case "f16":
      return new Uint16Array(copy()).every((bits) => (bits & 0x7c00) !== 0x7c00);
    case "bf16":
      return new Uint16Array(copy()).every((bits) => (bits & 0x7f80) !== 0x7f80);
    case "f32":
      return new Float32Array(copy()).every(Number.isFinite);
    case "f64":
      return new Float64Array(copy()).every(Number.isFinite);
    default:
      return true;
  }
}
