import assert from "node:assert/strict";
import { decodeExamplesBody, encodeClassificationBody, encodeRegressionBody } from "./example_codec.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function decode(body: string): ReturnType<typeof decodeExamplesBody> {
  return decodeExamplesBody(encoder.encode(body));
}

/** `Example { features { feature { key value } … } }` of features of up to 127 bytes. */
function example(...features: readonly (readonly [string, readonly number[]])[]): number[] {
  const entries = features.flatMap(([name, feature]) => {
    const entry = [0x0a, name.length, ...encoder.encode(name), 0x12, feature.length, ...feature];
    return [0x0a, entry.length, ...entry];
  });
  return [0x0a, entries.length, ...entries];
}

Deno.test("Values become features of their kind: bytes, floats, integers", () => {
  const { signatureName, examples } = decode(
    '{"signature_name": "s", "examples": [{"s": ["a", {"b64": "Yg=="}], "f": 1.5, "i": [1, true, -1], "n": []}]}',
  );
  assert.equal(signatureName, "s");
  const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  assert.deepEqual(examples.map((bytes) => [...bytes]), [
    example(
      ["s", [0x0a, 6, 0x0a, 1, 0x61, 0x0a, 1, 0x62]],
      ["f", [0x12, 6, 0x0a, 4, 0, 0, 0xc0, 0x3f]],
      ["i", [0x1a, 14, 0x0a, 12, 1, 1, ...minusOne]],
      ["n", []],
    ),
  ]);
});

Deno.test("The context precedes each example", () => {
  const { examples } = decode('{"context": {"c": 7}, "examples": [{"x": 1}, {}]}');
  const integer = (value: number) => [0x1a, 3, 0x0a, 1, value];
  const context = example(["c", integer(7)]);
  assert.deepEqual(examples.map((bytes) => [...bytes]), [
    [...context, ...example(["x", integer(1)])],
    [...context],
  ]);
});

Deno.test("Errors of examples are TensorFlow Serving's sentences", () => {
  const shown = (body: string) => `JSON Value: {\n    ${body}\n}`;
  const cases: readonly (readonly [string, string])[] = [
    [
      '{"instances": [1]}',
      `${shown('"instances": [1]')} When method is classify, key 'examples' is expected and was not found`,
    ],
    ['{"examples": 1}', `${shown('"examples": 1')} Expecting 'examples' value to be an list/array`],
    ['{"examples": []}', `${shown('"examples": []')} 'examples' value is an empty array`],
    ['{"examples": [1]}', "Example must be JSON object but got JSON Number"],
    ['{"examples": [[]]}', "Example must be JSON object but got JSON Array"],
    ['{"context": 1, "examples": [{}]}', "Example must be JSON object but got JSON Number"],
    ['{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"],
    ['{"examples": [{"x": [[1]]}]}', "Feature: x has element with unexpected JSON type: Array"],
    ['{"examples": [{"x": {"a": 1}}]}', "Feature: x has element with unexpected JSON type: Object"],
    ['{"examples": [{"x": [1, 2.5]}]}', "Unexpected element type in feature: x expecting type: int64"],
    ['{"examples": [{"x": [2.5, 1]}]}', "Unexpected element type in feature: x expecting type: float"],
    ['{"examples": [{"x": ["a", true]}]}', "Unexpected element type in feature: x expecting type: bytes"],
    [
      '{"examples": [{"x": 9223372036854775808}]}',
      "Feature: x has uint64_t element. Only int64_t is supported.",
    ],
    ['{"examples": [{"x": {"b64": "*"}}]}', "Unable to base64 decode"],
  ];
  for (const [body, message] of cases) assert.throws(() => decode(body), { name: "ServingError", message });
});

Deno.test("Results have TensorFlow Serving's layout", () => {
  const label = encoder.encode("dog");
  const classified = encodeClassificationBody([
    [{ label, score: 0.8 }, { label: new Uint8Array(0), score: 1 / 3 }],
    [],
  ]);
  assert.equal(
    decoder.decode(classified),
    '{\n    "results": [[["dog", 0.8], ["", 0.333333343]], []\n    ]\n}',
  );
  assert.equal(decoder.decode(encodeRegressionBody([42, 0.1, NaN])), '{\n    "results": [42.0, 0.1, NaN]\n}');
  assert.throws(() => encodeRegressionBody([]), { message: "Cannot convert empty RegressionResults to JSON" });
  assert.throws(() => encodeClassificationBody([]), { message: "Cannot convert empty ClassificationResults to JSON" });
});
