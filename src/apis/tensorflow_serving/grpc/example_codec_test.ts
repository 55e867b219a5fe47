// deno-lint-ignore-file camelcase -- fields have their names on the wire
import assert from "node:assert/strict";
import { CODE, ServingError } from "../../../base/status.ts";
import {
  decodeClassificationRequest,
  decodeMultiInferenceRequest,
  decodeRegressionRequest,
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
} from "./example_codec.ts";
import { loadProtos, type ProtoObject } from "../../../protobuf/testing/protos.ts";
import { lengthField, message } from "../../../protobuf/testing/wire_messages.ts";

const protos = await loadProtos();

const SERVED = { modelName: "m", modelVersion: 3, signatureName: "s" };
const MODEL_SPEC = { name: "m", signature_name: "s", version: { value: "3" }, version_choice: "version" };

function example(feature: string, value: number): ProtoObject {
  return { features: { feature: { [feature]: { int64_list: { value: [String(value)] } } } } };
}

function decodeExample(bytes: Uint8Array): Record<string, unknown> {
  const decoded = protos.decode("tensorflow.Example", bytes) as { features: { feature: Record<string, ProtoObject> } };
  const entries = Object.entries(decoded.features.feature);
  return Object.fromEntries(entries.map(([name, { int64_list: list }]) => [name, (list as ProtoObject).value]));
}

function request(input: ProtoObject): Uint8Array {
  return protos.encode("tensorflow.serving.ClassificationRequest", { model_spec: { name: "m" }, input });
}

Deno.test("examples of a classification and a regression are decoded as protobufjs encoded them", () => {
  const message = request({ example_list: { examples: [example("a", 1), example("b", 2)] } });
  for (const decode of [decodeClassificationRequest, decodeRegressionRequest]) {
    const { modelSpec, examples } = decode(message);
    assert.deepEqual(modelSpec, { name: "m", signatureName: "" });
    assert.deepEqual(examples.map(decodeExample), [{ a: ["1"] }, { b: ["2"] }]);
  }
});

Deno.test("a context precedes each example, whose fields override it when protobuf merges the two", () => {
  const encode = (name: string, value: number): number[] => [
    ...protos.encode("tensorflow.Example", example(name, value)),
  ];
  const { examples } = decodeClassificationRequest(
    request({
      example_list_with_context: { examples: [example("a", 1), example("c", 64)], context: example("c", 33) },
    }),
  );
  assert.deepEqual(examples.map((bytes) => [...bytes]), [
    [...encode("c", 33), ...encode("a", 1)],
    [...encode("c", 33), ...encode("c", 64)],
  ]);
});

Deno.test("no input, an empty list and a context alone give no examples", () => {
  for (const input of [{}, { example_list: {} }, { example_list_with_context: { context: example("c", 33) } }]) {
    assert.deepEqual(decodeClassificationRequest(request(input)).examples, []);
  }
  assert.deepEqual(decodeClassificationRequest(new Uint8Array(0)), { modelSpec: undefined, examples: [] });
});

Deno.test("the last of two kinds of input counts, and repeated parts merge", () => {
  const list = (name: string): number[] => lengthField(1, lengthField(1, name));
  const withContext = lengthField(2, lengthField(2, "c"), lengthField(1, "d"));
  const texts = (...fields: number[][]): string[] =>
    decodeClassificationRequest(message(lengthField(2, ...fields))).examples.map((bytes) =>
      new TextDecoder().decode(bytes)
    );
  assert.deepEqual(texts(list("a"), list("b")), ["a", "b"]);
  assert.deepEqual(texts(list("a"), withContext), ["cd"]);
  assert.deepEqual(texts(withContext, list("a")), ["a"]);
});

Deno.test("the tasks of several inferences are decoded in order", () => {
  const encoded = protos.encode("tensorflow.serving.MultiInferenceRequest", {
    tasks: [
      { model_spec: { name: "m", signature_name: "s" }, method_name: "tensorflow/serving/classify" },
      { method_name: "" },
    ],
    input: { example_list: { examples: [example("a", 1)] } },
  });
  const { tasks, examples } = decodeMultiInferenceRequest(encoded);
  assert.deepEqual(tasks, [
    { modelSpec: { name: "m", signatureName: "s" }, methodName: "tensorflow/serving/classify" },
    { modelSpec: undefined, methodName: "" },
  ]);
  assert.equal(examples.length, 1);
});

Deno.test("protobufjs decodes replies", () => {
  const label = new TextEncoder().encode("cat");
  const classes = [[{ label, score: 0.5 }, { label: new Uint8Array(0), score: -0 }], []];
  const shown = {
    classifications: [{ classes: [{ label: "cat", score: 0.5 }, { label: "", score: -0 }] }, { classes: [] }],
  };
  assert.deepEqual(
    protos.decode(
      "tensorflow.serving.ClassificationResponse",
      encodeClassificationResponse({ ...SERVED, result: classes }),
    ),
    { result: shown, model_spec: MODEL_SPEC },
  );
  const regressions = { regressions: [{ value: 1.5 }, { value: 0 }] };
  assert.deepEqual(
    protos.decode("tensorflow.serving.RegressionResponse", encodeRegressionResponse({ ...SERVED, result: [1.5, 0] })),
    { result: regressions, model_spec: MODEL_SPEC },
  );
  const results = [
    { kind: "regression", ...SERVED, result: [1.5, 0] } as const,
    { kind: "classification", ...SERVED, result: classes } as const,
  ];
  assert.deepEqual(
    protos.decode("tensorflow.serving.MultiInferenceResponse", encodeMultiInferenceResponse({ results })),
    {
      results: [
        { model_spec: MODEL_SPEC, regression_result: regressions, result: "regression_result" },
        { model_spec: MODEL_SPEC, classification_result: shown, result: "classification_result" },
      ],
    },
  );
});

Deno.test("every decoder rejects bytes that are not protobuf", () => {
  for (const decode of [decodeClassificationRequest, decodeRegressionRequest, decodeMultiInferenceRequest]) {
    assert.throws(() => decode(Uint8Array.of(10, 5, 0)), (error) => {
      return error instanceof ServingError && error.code === CODE.INVALID_ARGUMENT;
    });
  }
});
