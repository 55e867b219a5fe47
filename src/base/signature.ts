/**
 * The signatures of a model, and the checks of a request against them. The only place that checks names, dtypes and shapes of a
 * request; independent of wire formats and engines.
 *
 * @module
 */
import { findWide, isWideInteger, NARROW_RANGE } from "./integer_range.ts";
import { CODE, ServingError } from "./status.ts";
import {
  type DType,
  DTYPE_BYTES,
  elementCount,
  formatShape,
  type NumericDType,
  type NumericTensor,
  type Tensor,
} from "./tensor.ts";

/** The sizes that one dimension may have. `max` is `Infinity` if there is no upper bound. */
export interface Dimension {
  readonly min: number;
  readonly max: number;
}

/** The shapes that a tensor may have: a {@link Dimension} per axis; `undefined` if even the rank is open. */
export type PartialShape = readonly Dimension[] | undefined;

/** One input or output of a model. */
export interface TensorSpec {
  /** The name that clients use: the alias in a signature, else the runtime's tensor name. */
  readonly name: string;
  /** The name the tensor has in the model itself (`TensorInfo.name` of tensorflow/core/protobuf/meta_graph.proto). */
  readonly tensorName: string;
  readonly dtype: DType;
  readonly shape: PartialShape;
  /** Whether integers that need more than 32 bits are refused, because the runtime would truncate them. */
  readonly isNarrow?: boolean;
  /** Whether `shape` is what the model declares and no bound: whoever infers finds out whether it can with another. */
  readonly takesAnyShape?: boolean;
}

/** A named way to call a model. Inputs and outputs are in the order of the engine's ports. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The kind of call (`SignatureDef.method_name`); {@link PREDICT_METHOD_NAME} if left out. */
  readonly methodName?: string;
  /** What inputs are that a request leaves out (`SignatureDef.defaults`), by name. */
  readonly defaults?: ReadonlyMap<string, Tensor>;
}

/** TensorFlow's name for signatures that Predict calls (tensorflow/cc/saved_model/signature_constants.h). */
export const PREDICT_METHOD_NAME = "tensorflow/serving/predict";

/** An input that could not be decoded. Its error is kept, because an unknown model or name must be reported first. */
export interface MalformedTensor {
  readonly dtype: "malformed";
  readonly error: ServingError;
}

/** An input as a request names it. */
export interface RequestInput {
  readonly name: string;
  readonly tensor: Tensor | MalformedTensor;
}

/**
 * Orders the inputs of a request as in the signature.
 *
 * Codes and messages are those of `VerifyRequestInputsSize` (tensorflow_serving/servables/tensorflow/predict_util.cc) and of
 * TensorFlow's `GetInputValues`.
 *
 * @returns a new array of the same tensors, still borrowed.
 * @throws {ServingError} INVALID_ARGUMENT for a missing, unknown, repeated or malformed input.
 */
export function orderInputs(signature: Signature, inputs: readonly RequestInput[]): Tensor[] {
  const specs = signature.inputs;
  if (inputs.length !== specs.length) return orderWithDefaults(signature, inputs);
  // Allocated at its final length: an array that grows reserves room for many more.
  const ordered: Tensor[] = new Array(specs.length);
  for (let i = 0; i < specs.length; i++) {
    const { name } = specs[i] as TensorSpec;
    const input = inputs.length === 1 ? inputs[0] : inputs.find((candidate) => candidate.name === name);
    if (input === undefined || input.name !== name) throw unknownInputError(specs, inputs);
    if (input.tensor.dtype === "malformed") throw input.tensor.error;
    ordered[i] = input.tensor;
  }
  return ordered;
}

/** Fills in what a request leaves out (`VerifyRequestInputsSize` lets fewer inputs pass where there are defaults). */
function orderWithDefaults(
  { inputs: specs, defaults }: Signature,
  inputs: readonly RequestInput[],
): Tensor[] {
  if (defaults === undefined || inputs.length > specs.length) throw inputCountError(specs, inputs);
  if (inputs.some(({ name }) => !specs.some((spec) => spec.name === name))) throw unknownInputError(specs, inputs);
  return specs.map(({ name }) => {
    const tensor = inputs.find((input) => input.name === name)?.tensor ?? defaults.get(name);
    if (tensor === undefined) throw inputCountError(specs, inputs);
    if (tensor.dtype === "malformed") throw tensor.error;
    return tensor;
  });
}

function inputCountError(specs: readonly TensorSpec[], inputs: readonly RequestInput[]): ServingError {
  const sent = sortedNames(inputs);
  const expected = sortedNames(specs);
  const repeated = repeatedName(sent);
  if (repeated !== undefined) return repeatedInputError(repeated);
  const extra = sent.filter((name) => !expected.includes(name));
  const missing = expected.filter((name) => !sent.includes(name));
  return new ServingError(
    CODE.INVALID_ARGUMENT,
    `input size does not match signature: ${inputs.length}!=${specs.length} len({${sent}}) != len({${expected}}). ` +
      `Sent extra: {${extra}}. Missing but required: {${missing}}.`,
  );
}

function unknownInputError(specs: readonly TensorSpec[], inputs: readonly RequestInput[]): ServingError {
  const expected = sortedNames(specs);
  const sent = sortedNames(inputs);
  const unknown = sent.find((name) => !expected.includes(name));
  if (unknown === undefined) return repeatedInputError(repeatedName(sent) ?? "");
  return new ServingError(
    CODE.INVALID_ARGUMENT,
    `input tensor alias not found in signature: ${unknown}. Inputs expected to be in the set {${expected}}.`,
  );
}

/** In Triton's words: TensorFlow Serving's requests cannot repeat a name. */
function repeatedInputError(name: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `input '${name}' already exists in request`);
}

function repeatedName(sorted: readonly string[]): string | undefined {
  return sorted.find((name, index) => index > 0 && sorted[index - 1] === name);
}

function sortedNames(named: readonly { readonly name: string }[]): string[] {
  return named.map(({ name }) => name).sort();
}

/**
 * Finds the outputs that a request asks for.
 *
 * @param filter names of outputs; empty for all.
 * @returns indices into `signature.outputs`, in the order of `filter`; undefined for all outputs in their own order.
 * @throws {ServingError} INVALID_ARGUMENT for an unknown or repeated name, in TensorFlow Serving's words (predict_util.cc).
 */
export function selectOutputs(signature: Signature, filter: readonly string[]): readonly number[] | undefined {
  if (filter.length === 0) return undefined;
  const selected: number[] = [];
  for (const name of filter) {
    const index = signature.outputs.findIndex((spec) => spec.name === name);
    if (index < 0) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        // TensorFlow Serving's sentence lacks its full stop too.
        `output tensor alias not found in signature: ${name} Outputs expected to be in the set {${
          sortedNames(signature.outputs)
        }}.`,
      );
    }
    if (selected.includes(index)) {
      throw new ServingError(CODE.INVALID_ARGUMENT, `duplicate output tensor alias: ${name}`);
    }
    selected.push(index);
  }
  return selected;
}

/** model_server's names of the dtypes, for its messages about inputs. */
const PRECISION_NAMES: Readonly<Record<DType, string>> = {
  f16: "FP16",
  bf16: "BF16",
  f32: "FP32",
  f64: "FP64",
  i8: "I8",
  i16: "I16",
  i32: "I32",
  i64: "I64",
  u8: "U8",
  u16: "U16",
  u32: "U32",
  u64: "U64",
  bool: "BOOL",
  string: "STRING",
};

/**
 * Checks tensors against their specs: dtype, rank, shape, size, in model_server's order and words, and the range of values if the
 * spec asks for it. TensorFlow Serving leaves these checks to its kernels, which name no input.
 *
 * @param tensors in the order of `specs`, as {@link orderInputs} returns them.
 * @throws {ServingError} INVALID_ARGUMENT with the input's name, what was expected and what was received.
 */
export function checkTensors(specs: readonly TensorSpec[], tensors: readonly Tensor[]): void {
  for (let i = 0; i < specs.length; i++) {
    checkTensor(specs[i] as TensorSpec, tensors[i] as Tensor);
  }
}

function checkTensor(spec: TensorSpec, tensor: Tensor): void {
  if (tensor.dtype !== spec.dtype) {
    throw mismatch("Invalid input precision", PRECISION_NAMES[spec.dtype], PRECISION_NAMES[tensor.dtype], spec.name);
  }
  const { shape } = tensor;
  const expected = spec.shape;
  if (expected !== undefined && spec.takesAnyShape !== true) {
    if (shape.length !== expected.length) {
      throw mismatch("Invalid number of shape dimensions", formatPartialShape(expected), formatShape(shape), spec.name);
    }
    for (let axis = 0; axis < shape.length; axis++) {
      const size = shape[axis] as number;
      const bound = expected[axis] as Dimension;
      if (size < bound.min || size > bound.max) {
        throw mismatch("Invalid input shape", formatPartialShape(expected), formatShape(shape), spec.name);
      }
    }
  }
  const count = elementCount(shape);
  if (tensor.dtype === "string") {
    if (tensor.strings.length !== count) {
      throw mismatch("Invalid number of values in tensor", String(count), String(tensor.strings.length), spec.name);
    }
  } else if (tensor.bytes.byteLength !== count * DTYPE_BYTES[tensor.dtype as NumericDType]) {
    const bytes = count * DTYPE_BYTES[tensor.dtype as NumericDType];
    throw mismatch(
      "Invalid content size of tensor",
      `${bytes} bytes`,
      `${tensor.bytes.byteLength} bytes`,
      spec.name,
    );
  } else if (spec.isNarrow === true) {
    checkRange(tensor, spec.name);
  }
}

function checkRange(tensor: NumericTensor, name: string): void {
  const { dtype } = tensor;
  if (!isWideInteger(dtype)) return;
  const value = findWide({ ...tensor, dtype });
  if (value === undefined) return;
  const { min, max } = NARROW_RANGE[dtype];
  const range = `${min} to ${max}, since the runtime computes ${PRECISION_NAMES[dtype]} in 32 bits`;
  throw mismatch("Invalid input value", range, String(value), name);
}

function mismatch(what: string, expected: string, actual: string, name: string): ServingError {
  return new ServingError(
    CODE.INVALID_ARGUMENT,
    `${what} - Expected: ${expected}; Actual: ${actual}; input name: ${name}`,
  );
}

/** Prints a partial shape as model_server does: `(-1,3,[100..500],224)`; `(...)` if the rank is open. */
export function formatPartialShape(shape: PartialShape): string {
  if (shape === undefined) return "(...)";
  return `(${shape.map(formatDimension).join(",")})`;
}

function formatDimension({ min, max }: Dimension): string {
  if (min === max) return String(min);
  if (min === 0 && max === Infinity) return "-1";
  return `[${min}..${max === Infinity ? "" : max}]`;
}
