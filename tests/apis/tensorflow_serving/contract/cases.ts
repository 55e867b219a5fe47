/**
 * What TensorFlow Serving answers, as data: a request, what comes back, and where in its sources that stands. The same cases are
 * sent over every protocol that can say them.
 *
 * Files are named relative to tensorflow_serving/, unless they begin with tensorflow/. Where TensorFlow Serving leaves a check to
 * TensorFlow's kernels, whose sentences name no input, the sentences are model_server's.
 *
 * @module
 */
import { type ContractCase, floats, type PlainSpec } from "./contract_case.ts";

const PREDICT_UTIL = "servables/tensorflow/predict_util.cc";
const HALF: PlainSpec = { name: "half_plus_two" };
const SHAPES: PlainSpec = { name: "shapes" };
const SHAPES_INPUTS = {
  scalar: { dtype: "f32", shape: [], values: [1] },
  bounded: { dtype: "f32", shape: [1, 2], values: [1, 2] },
} as const;

/** Which servable, which signature. */
const SPEC_CASES: readonly ContractCase[] = [
  {
    name: "a request without a model spec",
    source: "servables/tensorflow/predict_impl.cc Predict",
    request: { api: "predict", inputs: { x: floats(1) } },
    answer: { code: "INVALID_ARGUMENT", message: "Missing ModelSpec" },
  },
  {
    name: "a model spec without a name",
    source: "model_servers/server_core.cc ServableRequestFromModelSpec",
    request: { api: "predict", spec: {}, inputs: { x: floats(1) } },
    answer: { code: "INVALID_ARGUMENT", message: "ModelSpec has no name specified." },
  },
  {
    name: "an unknown model",
    source: "core/basic_manager.cc GetUntypedServableHandle",
    request: { api: "predict", spec: { name: "none" }, inputs: { x: floats(1) } },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Latest(none)" },
    rest: true,
  },
  {
    name: "an unknown version",
    source: "core/basic_manager.cc GetUntypedServableHandle",
    request: { api: "predict", spec: { ...HALF, version: 9 }, inputs: { x: floats(1) } },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Specific(half_plus_two, 9)" },
    rest: true,
  },
  {
    name: "version 0 is a version like others, not the default",
    source: "model_servers/server_core.cc ServableRequestFromModelSpec (has_version)",
    request: { api: "predict", spec: { ...HALF, version: 0 }, inputs: { x: floats(1) } },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Specific(half_plus_two, 0)" },
    rest: true,
  },
  {
    name: "the largest version there can be",
    source: "core/basic_manager.cc GetUntypedServableHandle",
    request: { api: "predict", spec: { ...HALF, version: 2n ** 63n - 1n }, inputs: { x: floats(1) } },
    answer: {
      code: "NOT_FOUND",
      message: "Servable not found for request: Specific(half_plus_two, 9223372036854775807)",
    },
    rest: true,
  },
  {
    name: "a version that could not be loaded is not there to predict",
    source: "core/basic_manager.cc (only available versions are in the serving map)",
    request: { api: "predict", spec: { ...HALF, version: 3 }, inputs: { x: floats(1) } },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Specific(half_plus_two, 3)" },
    rest: true,
  },
  {
    name: "an unknown label",
    source: "model_servers/server_core.cc GetModelVersionForLabel",
    request: { api: "predict", spec: { ...HALF, label: "canary" }, inputs: { x: floats(1) } },
    answer: { code: "INVALID_ARGUMENT", message: "Unrecognized servable version label: canary" },
    rest: true,
  },
  {
    name: "a label stands for its version",
    source: "model_servers/server_core.cc GetModelVersionForLabel",
    request: { api: "predict", spec: { ...HALF, label: "stable" }, inputs: { x: floats(1, 2) } },
    answer: { outputs: { y: floats(2.5, 3) }, servedBy: { ...HALF, version: 1, signature: "serving_default" } },
    rest: true,
  },
  {
    name: "without a version the latest that is loaded answers, and the reply says who did",
    source: `core/manager.h Latest; ${PREDICT_UTIL} MakeModelSpec`,
    request: { api: "predict", spec: HALF, inputs: { x: floats(1, 2, 5) } },
    answer: { outputs: { y: floats(2.5, 3, 4.5) }, servedBy: { ...HALF, version: 2, signature: "serving_default" } },
    rest: true,
  },
  {
    name: "a version by its number",
    source: "model_servers/server_core.cc ServableRequestFromModelSpec",
    request: { api: "predict", spec: { ...HALF, version: 1 }, inputs: { x: floats(4) } },
    answer: { outputs: { y: floats(4) }, servedBy: { ...HALF, version: 1, signature: "serving_default" } },
    rest: true,
  },
  {
    name: "the default signature by its name",
    source: `${PREDICT_UTIL} RunPredict (kDefaultServingSignatureDefKey)`,
    request: { api: "predict", spec: { ...HALF, signature: "serving_default" }, inputs: { x: floats(4) } },
    answer: { outputs: { y: floats(4) } },
    rest: true,
  },
  {
    name: "an unknown signature",
    source: `${PREDICT_UTIL} RunPredict`,
    request: { api: "predict", spec: { ...HALF, signature: "other" }, inputs: { x: floats(1) } },
    answer: { code: "FAILED_PRECONDITION", message: 'Serving signature key "other" not found.' },
  },
];

/** Inputs by name, and outputs. */
const NAME_CASES: readonly ContractCase[] = [
  {
    name: "no inputs",
    source: `${PREDICT_UTIL} VerifyRequestInputsSize`,
    request: { api: "predict", spec: HALF },
    answer: {
      code: "INVALID_ARGUMENT",
      message:
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    },
  },
  {
    name: "one input too many",
    source: `${PREDICT_UTIL} VerifyRequestInputsSize`,
    request: { api: "predict", spec: HALF, inputs: { x: floats(1), b: floats(1), a: floats(1) } },
    answer: {
      code: "INVALID_ARGUMENT",
      message:
        "input size does not match signature: 3!=1 len({a,b,x}) != len({x}). Sent extra: {a,b}. Missing but required: {}.",
    },
  },
  {
    name: "others than those there are",
    source: `${PREDICT_UTIL} VerifyRequestInputsSize; predict_util_test.cc InputTensorsDontMatchModelSpecInputs`,
    request: { api: "predict", spec: HALF, inputs: { unknown_key1: floats(1), unknown_key2: floats(1) } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "input size does not match signature: 2!=1 len({unknown_key1,unknown_key2}) != len({x}). " +
        "Sent extra: {unknown_key1,unknown_key2}. Missing but required: {x}.",
    },
  },
  {
    name: "as many as there are, by another name",
    source: `${PREDICT_UTIL} PreProcessPrediction of older versions; see docs/differences.md`,
    request: { api: "predict", spec: HALF, inputs: { z: floats(1) } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "input tensor alias not found in signature: z. Inputs expected to be in the set {x}.",
    },
  },
  {
    name: "an output that is asked for, alone",
    source: `${PREDICT_UTIL} PreProcessPrediction`,
    request: { api: "predict", spec: SHAPES, inputs: SHAPES_INPUTS, outputFilter: ["scalar_out"] },
    answer: { outputs: { scalar_out: { dtype: "f32", shape: [], values: [2] } } },
  },
  {
    name: "an unknown output",
    source: `${PREDICT_UTIL} PreProcessPrediction; predict_util_test.cc OutputFiltersDontMatchModelSpecOutputs`,
    request: { api: "predict", spec: SHAPES, inputs: SHAPES_INPUTS, outputFilter: ["scalar_out", "z"] },
    answer: {
      code: "INVALID_ARGUMENT",
      message:
        "output tensor alias not found in signature: z Outputs expected to be in the set {bounded_out,scalar_out}.",
    },
  },
  {
    name: "an output twice",
    source: `${PREDICT_UTIL} PreProcessPrediction; predict_util_test.cc OutputFiltersDontMatchModelSpecOutputs`,
    request: { api: "predict", spec: HALF, inputs: { x: floats(1) }, outputFilter: ["y", "y"] },
    answer: { code: "INVALID_ARGUMENT", message: "duplicate output tensor alias: y" },
  },
  {
    name: "inputs are looked at before outputs",
    source: `${PREDICT_UTIL} PreProcessPrediction`,
    request: { api: "predict", spec: HALF, outputFilter: ["z"] },
    answer: {
      code: "INVALID_ARGUMENT",
      message:
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    },
  },
];

/** Which versions there are, and in which state. */
const STATUS_CASES: readonly ContractCase[] = [
  {
    name: "a status without a model spec",
    source: "model_servers/get_model_status_impl.cc GetModelStatus",
    request: { api: "status" },
    answer: { code: "INVALID_ARGUMENT", message: "Missing ModelSpec" },
  },
  {
    name: "the status of a model without a name",
    source: "model_servers/get_model_status_impl.cc GetModelStatusWithModelSpec",
    request: { api: "status", spec: {} },
    answer: { code: "NOT_FOUND", message: "Could not find any versions of model " },
  },
  {
    name: "the status of an unknown model",
    source: "model_servers/get_model_status_impl.cc GetModelStatusWithModelSpec",
    request: { api: "status", spec: { name: "none" } },
    answer: { code: "NOT_FOUND", message: "Could not find any versions of model none" },
    rest: true,
  },
  {
    name: "the status of an unknown version",
    source: "model_servers/get_model_status_impl.cc GetModelStatusWithModelSpec",
    request: { api: "status", spec: { ...HALF, version: 9 } },
    answer: { code: "NOT_FOUND", message: "Could not find version 9 of model half_plus_two" },
    rest: true,
  },
  {
    name: "the status of one version",
    source: "model_servers/get_model_status_impl_test.cc SingleVersionSuccess",
    request: { api: "status", spec: { ...HALF, version: 1 } },
    answer: { result: [{ version: 1, state: "AVAILABLE", code: "OK", message: "" }] },
    rest: true,
  },
  {
    name: "a label does not narrow a status over gRPC",
    source: "model_servers/get_model_status_impl.cc (looks at has_version alone)",
    request: { api: "status", spec: { name: "shapes", label: "none" } },
    answer: { result: [{ version: 1, state: "AVAILABLE", code: "OK", message: "" }] },
  },
];

/** The model's signatures. */
const METADATA_CASES: readonly ContractCase[] = [
  {
    name: "metadata without a model spec",
    source: "servables/tensorflow/get_model_metadata_impl.cc GetModelMetadata",
    request: { api: "metadata", fields: ["signature_def"] },
    answer: { code: "INVALID_ARGUMENT", message: "Missing ModelSpec" },
  },
  {
    name: "metadata without a field",
    source: "servables/tensorflow/get_model_metadata_impl.cc ValidateGetModelMetadataRequest",
    request: { api: "metadata", spec: HALF, fields: [] },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "GetModelMetadataRequest must specify at least one metadata_field",
    },
  },
  {
    name: "metadata of another field",
    source: "servables/tensorflow/get_model_metadata_impl.cc ValidateGetModelMetadataRequest",
    request: { api: "metadata", spec: HALF, fields: ["signature_def", "some_stuff"] },
    answer: { code: "INVALID_ARGUMENT", message: "Metadata field some_stuff is not supported" },
  },
  {
    name: "fields are looked at before the model's name",
    source: "servables/tensorflow/get_model_metadata_impl.cc GetModelMetadataWithModelSpec",
    request: { api: "metadata", spec: {}, fields: [] },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "GetModelMetadataRequest must specify at least one metadata_field",
    },
  },
  {
    name: "metadata of a model without a name",
    source: "servables/tensorflow/get_model_metadata_impl.cc SavedModelGetSignatureDef",
    request: { api: "metadata", spec: {}, fields: ["signature_def"] },
    answer: { code: "INVALID_ARGUMENT", message: "ModelSpec has no name specified." },
  },
  {
    name: "metadata of an unknown model",
    source: "servables/tensorflow/get_model_metadata_impl.cc SavedModelGetSignatureDef",
    request: { api: "metadata", spec: { name: "none" }, fields: ["signature_def"] },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Latest(none)" },
    rest: true,
  },
  {
    name: "metadata with fixed, open and no dimensions; who answered, but by no signature",
    source: "servables/tensorflow/get_model_metadata_impl_test.cc ReturnsSignaturesForValidModel",
    request: { api: "metadata", spec: SHAPES, fields: ["signature_def", "signature_def"] },
    answer: {
      result: {
        serving_default: {
          method: "tensorflow/serving/predict",
          inputs: {
            scalar: { name: "scalar", dtype: "DT_FLOAT", shape: [] },
            bounded: { name: "bounded", dtype: "DT_FLOAT", shape: [-1, 2] },
          },
          outputs: {
            scalar_out: { name: "scalar_out", dtype: "DT_FLOAT", shape: [] },
            bounded_out: { name: "bounded_out", dtype: "DT_FLOAT", shape: [-1, 2] },
          },
        },
      },
      servedBy: { ...SHAPES, version: 1, signature: "" },
    },
    rest: true,
  },
];

/** The cases of every API but those with examples and odd tensors, which have files of their own. */
export const CONTRACT_CASES: readonly ContractCase[] = [
  ...SPEC_CASES,
  ...NAME_CASES,
  ...STATUS_CASES,
  ...METADATA_CASES,
];
