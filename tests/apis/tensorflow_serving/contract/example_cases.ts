/**
 * Classify, Regress and MultiInference of TensorFlow Serving as data, like cases.ts.
 *
 * @module
 */
import type { ContractCase } from "./contract_case.ts";

const CLASSIFIER = "servables/tensorflow/classifier.cc";
const REGRESSOR = "servables/tensorflow/regressor.cc";
const MULTI = "servables/tensorflow/multi_inference.cc";
const UTIL = "servables/tensorflow/util.cc InputToSerializedExampleTensor";
const CLASSIFY = "tensorflow/serving/classify";
const REGRESS = "tensorflow/serving/regress";

/** The signature of half_plus_two as protobuf prints it. */
const HALF_PLUS_TWO_SIGNATURE = `inputs {
  key: "x"
  value {
    name: "x"
    dtype: DT_FLOAT
    tensor_shape {
      dim {
        size: -1
      }
    }
  }
}
outputs {
  key: "y"
  value {
    name: "y"
    dtype: DT_FLOAT
    tensor_shape {
      dim {
        size: -1
      }
    }
  }
}
method_name: "tensorflow/serving/predict"
`;

/** An example of one number below 128 as it is serialized: 14 bytes, all of them text. */
function serialized(feature: string, value: number): string {
  return `\n\f\n\n\n\x01${feature}\x12\x05\x1a\x03\n\x01${String.fromCharCode(value)}`;
}

const A = serialized("a", 11);
const B = serialized("b", 22);
const C = serialized("c", 33);

/** Classify. */
const CLASSIFY_CASES: readonly ContractCase[] = [
  {
    name: "classes with scores, an example after the other",
    source: `${CLASSIFIER} PostProcessClassificationResult; classifier_test.cc ExampleList`,
    request: { api: "classify", spec: { name: "classifier" }, examples: [{ a: [11] }, { b: [22] }] },
    answer: {
      result: [
        [{ label: A, score: 14 }, { label: A, score: -14 }],
        [{ label: B, score: 14 }, { label: B, score: -14 }],
      ],
      servedBy: { name: "classifier", version: 1, signature: "serving_default" },
    },
    rest: true,
  },
  {
    name: "a context stands in front of each example",
    source: `${UTIL}; classifier_test.cc ExampleListWithContext`,
    request: { api: "classify", spec: { name: "labels" }, examples: [{ a: [11] }, { b: [22] }], context: { c: [33] } },
    answer: { result: [[{ label: C + A, score: 0 }], [{ label: C + B, score: 0 }]] },
    rest: true,
  },
  {
    name: "classes without scores",
    source: "servables/tensorflow/classifier_test.cc ClassesOnly",
    request: { api: "classify", spec: { name: "labels" }, examples: [{ a: [11] }] },
    answer: { result: [[{ label: A, score: 0 }]] },
    rest: true,
  },
  {
    name: "a classification without a model spec",
    source: "servables/tensorflow/classification_service.cc Classify",
    request: { api: "classify", examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Missing ModelSpec" },
  },
  {
    name: "a classification of an unknown model",
    source: "core/basic_manager.cc GetUntypedServableHandle",
    request: { api: "classify", spec: { name: "none" }, examples: [{ a: [11] }] },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Latest(none)" },
    rest: true,
  },
  {
    name: "a classification by an unknown signature",
    source: `${CLASSIFIER} GetClassificationSignatureDef; classifier_test.cc InvalidNamedSignature`,
    request: { api: "classify", spec: { name: "classifier", signature: "other" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "No signature was found with the name: other" },
    rest: true,
  },
  {
    name: "a classification without examples",
    source: `${UTIL}; classifier_test.cc EmptyExampleList`,
    request: { api: "classify", spec: { name: "classifier" }, examples: [] },
    answer: { code: "INVALID_ARGUMENT", message: "Input is empty." },
  },
  {
    name: "a classification without input",
    source: `${UTIL}; classifier_test.cc EmptyInput`,
    request: { api: "classify", spec: { name: "classifier" } },
    answer: { code: "INVALID_ARGUMENT", message: "Input is empty." },
  },
  {
    name: "a classification with a context alone",
    source: `${UTIL}; util_test.cc ExampleListWithContext_OnlyContext`,
    request: { api: "classify", spec: { name: "classifier" }, examples: [], context: { c: [33] } },
    answer: { code: "INVALID_ARGUMENT", message: "Input is empty." },
  },
  {
    name: "a classification by a signature with several inputs",
    source: `${CLASSIFIER} PreProcessClassification`,
    request: { api: "classify", spec: { name: "shapes" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Expected one input Tensor." },
    rest: true,
  },
  {
    name: "a classification by a signature with many outputs",
    source: `${CLASSIFIER} PreProcessClassification`,
    request: { api: "classify", spec: { name: "pixels" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Expected one or two output Tensors, found 3" },
    rest: true,
  },
  {
    name: "a classification by a signature without inputs of that name",
    source: `${CLASSIFIER} PreProcessClassification`,
    request: { api: "classify", spec: { name: "half_plus_two" }, examples: [{ a: [11] }] },
    answer: {
      code: "INVALID_ARGUMENT",
      message: `No classification inputs found in SignatureDef: ${HALF_PLUS_TWO_SIGNATURE}`,
    },
    rest: true,
  },
  {
    name: "scores of another rank",
    source: `${CLASSIFIER} PostProcessClassificationResult`,
    request: { api: "classify", spec: { name: "misclassifier" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Expected Tensor shape: [batch_size num_classes] but got [1,1,1]" },
    rest: true,
  },
];

/** Regress. */
const REGRESS_CASES: readonly ContractCase[] = [
  {
    name: "a value an example",
    source: `${REGRESSOR} PostProcessRegressionResult; regressor_test.cc BasicExampleList`,
    request: { api: "regress", spec: { name: "regressor" }, examples: [{ a: [11] }, {}] },
    answer: { result: [14, 0], servedBy: { name: "regressor", version: 1, signature: "serving_default" } },
    rest: true,
  },
  {
    name: "a value an example with its context",
    source: `${UTIL}; regressor_test.cc BasicExampleListWithContext`,
    request: { api: "regress", spec: { name: "regressor" }, examples: [{ a: [11] }, {}], context: { c: [33] } },
    answer: { result: [28, 14] },
    rest: true,
  },
  {
    name: "a regression without a model spec",
    source: "servables/tensorflow/regression_service.cc Regress",
    request: { api: "regress", examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Missing ModelSpec" },
  },
  {
    name: "a regression by an unknown signature",
    source: `${REGRESSOR} GetRegressionSignatureDef; regressor_test.cc InvalidNamedSignature`,
    request: { api: "regress", spec: { name: "regressor", signature: "other" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "No signature was found with the name: other" },
    rest: true,
  },
  {
    name: "a regression without examples",
    source: `${UTIL}; regressor_test.cc EmptyExampleList`,
    request: { api: "regress", spec: { name: "regressor" }, examples: [] },
    answer: { code: "INVALID_ARGUMENT", message: "Input is empty." },
  },
  {
    name: "a regression by a signature with two outputs",
    source: `${REGRESSOR} PreProcessRegression`,
    request: { api: "regress", spec: { name: "classifier" }, examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "Expected one output Tensor." },
    rest: true,
  },
  {
    name: "a regression by a signature without inputs of that name",
    source: `${REGRESSOR} PreProcessRegression`,
    request: { api: "regress", spec: { name: "half_plus_two" }, examples: [{ a: [11] }] },
    answer: {
      code: "INVALID_ARGUMENT",
      message: `No regression inputs found in SignatureDef: ${HALF_PLUS_TWO_SIGNATURE}`,
    },
    rest: true,
  },
  {
    name: "a regression of another shape",
    source: `${REGRESSOR} PostProcessRegressionResult`,
    request: { api: "regress", spec: { name: "misregressor" }, examples: [{ a: [11] }] },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
    },
    rest: true,
  },
];

/** MultiInference, which REST does not have. */
const MULTI_INFERENCE_CASES: readonly ContractCase[] = [
  {
    name: "one classification",
    source: `${MULTI} Infer; multi_inference_test.cc ValidSingleSignatureTest`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "classifier" }, method: CLASSIFY }],
      examples: [{ a: [11] }],
    },
    answer: {
      result: [{
        classifications: [[{ label: A, score: 14 }, { label: A, score: -14 }]],
        servedBy: { name: "classifier", version: 1, signature: "serving_default" },
      }],
    },
  },
  {
    name: "one regression",
    source: `${MULTI} Infer; multi_inference_test.cc ValidSingleSignatureTest`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "regressor" }, method: REGRESS }],
      examples: [{ a: [11] }, {}],
    },
    answer: {
      result: [{ regressions: [14, 0], servedBy: { name: "regressor", version: 1, signature: "serving_default" } }],
    },
  },
  {
    name: "no task at all",
    source: "servables/tensorflow/multi_inference_helper.cc GetModelSpecFromRequest",
    request: { api: "multi_inference", tasks: [], examples: [{ a: [11] }] },
    answer: { code: "INVALID_ARGUMENT", message: "ModelSpec has no name specified." },
  },
  {
    name: "tasks of an unknown model",
    source: "core/basic_manager.cc GetUntypedServableHandle",
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "none" }, method: REGRESS }],
      examples: [{ a: [11] }],
    },
    answer: { code: "NOT_FOUND", message: "Servable not found for request: Latest(none)" },
  },
  {
    name: "a later task without a model name",
    source: `${MULTI} Infer`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "regressor" }, method: REGRESS }, { method: REGRESS }],
      examples: [{ a: [11] }],
    },
    answer: { code: "INVALID_ARGUMENT", message: "Found ModelSpec with an empty model name." },
  },
  {
    name: "tasks of two models",
    source: `${MULTI} Infer; multi_inference_test.cc InconsistentModelSpecsInRequestTest`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "regressor" }, method: REGRESS }, { spec: { name: "classifier" }, method: CLASSIFY }],
      examples: [{ a: [11] }],
    },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    },
  },
  {
    name: "a signature twice",
    source: `${MULTI} Infer; multi_inference_test.cc EvaluateDuplicateSignaturesTest`,
    request: {
      api: "multi_inference",
      tasks: [
        { spec: { name: "regressor" }, method: REGRESS },
        { spec: { name: "regressor", signature: "serving_default" }, method: REGRESS },
      ],
      examples: [{ a: [11] }],
    },
    answer: { code: "INVALID_ARGUMENT", message: "Duplicate evaluation of signature: serving_default" },
  },
  {
    name: "a task by an unknown signature",
    source: `${MULTI} Infer; multi_inference_test.cc UndefinedSignatureTest`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "regressor", signature: "ada" }, method: REGRESS }],
      examples: [{ a: [11] }],
    },
    answer: { code: "INVALID_ARGUMENT", message: "Requested signature not found in model graph: ada" },
  },
  {
    name: "a task of another kind",
    source: `${MULTI} Infer; multi_inference_test.cc UsupportedSignatureTypeTest`,
    request: {
      api: "multi_inference",
      tasks: [{ spec: { name: "regressor" }, method: "tensorflow/serving/predict" }],
      examples: [{ a: [11] }],
    },
    answer: {
      code: "UNIMPLEMENTED",
      message: "Unsupported signature method_name: tensorflow/serving/predict",
    },
  },
  {
    name: "tasks without examples",
    source: `${UTIL}; multi_inference_test.cc MissingInputTest`,
    request: { api: "multi_inference", tasks: [{ spec: { name: "regressor" }, method: REGRESS }] },
    answer: { code: "INVALID_ARGUMENT", message: "Input is empty." },
  },
];

/** The cases of the APIs that take examples. */
export const EXAMPLE_CASES: readonly ContractCase[] = [
  ...CLASSIFY_CASES,
  ...REGRESS_CASES,
  ...MULTI_INFERENCE_CASES,
];
