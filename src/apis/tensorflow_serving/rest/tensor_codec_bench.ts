/**
 * The cost of decoding and encoding bodies, beside `JSON.parse` and `JSON.stringify` with the pass that turns arrays into a tensor or
 * back.
 *
 * @module
 */
import type { NamedTensor } from "../../../base/tensor.ts";
import { decodePredictBody, encodePredictBody } from "./predict_codec.ts";

const SHAPE = [1, 224, 224, 3] as const;
const COUNT = 224 * 224 * 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The values of an image as nested lists, as clients send them. */
function nested(value: () => number): unknown {
  const list = (axis: number): unknown =>
    axis === SHAPE.length ? value() : Array.from({ length: SHAPE[axis] ?? 0 }, () => list(axis + 1));
  return list(0);
}

function flatten(value: unknown, into: { array: Float32Array; count: number }): void {
  if (typeof value === "number") into.array[into.count++] = value;
  else for (const element of value as unknown[]) flatten(element, into);
}

const KINDS: readonly (readonly [name: string, value: () => number])[] = [
  ["float32 as Python prints it", () => Math.fround(Math.random())],
  ["six decimals", () => Math.round(Math.random() * 1e6) / 1e6],
  ["0 to 255", () => Math.floor(Math.random() * 256)],
];

for (const [name, value] of KINDS) {
  const body = encoder.encode(JSON.stringify({ instances: nested(value) }));
  const group = `decode 1 x 224 x 224 x 3, ${name}: ${Math.round(body.length / 1e4) / 100} MB`;
  const signatures = new Map([["serving_default", [{ name: "x", dtype: "f32" }] as const]]);
  Deno.bench(`decodePredictBody: ${name}`, { group, baseline: true }, () => {
    decodePredictBody(body, { signatures });
  });
  Deno.bench(`JSON.parse and a pass: ${name}`, { group }, () => {
    const into = { array: new Float32Array(COUNT), count: 0 };
    flatten(JSON.parse(decoder.decode(body)).instances, into);
  });
  Deno.bench(`JSON.parse: ${name}`, { group }, () => {
    JSON.parse(decoder.decode(body));
  });

  const array = Float32Array.from({ length: COUNT }, value);
  const outputs: NamedTensor[] = [
    { name: "y", tensor: { dtype: "f32", shape: [1, COUNT], bytes: new Uint8Array(array.buffer) } },
  ];
  const encodeGroup = `encode 1 x ${COUNT}, ${name}`;
  Deno.bench(`encodePredictBody: ${name}`, { group: encodeGroup, baseline: true }, () => {
    encodePredictBody(outputs, "row");
  });
  Deno.bench(`JSON.stringify: ${name}`, { group: encodeGroup }, () => {
    encoder.encode(JSON.stringify({ predictions: [Array.from(array)] }));
  });
}

const small = encoder.encode('{"instances": [[1, 2.5, 3, 4.25, 5, 6, 7, 8, 9, 10]]}');
const smallSignatures = new Map([["serving_default", [{ name: "x", dtype: "f32" }] as const]]);
Deno.bench("decodePredictBody: ten numbers", { group: "small", baseline: true }, () => {
  decodePredictBody(small, { signatures: smallSignatures });
});
Deno.bench("JSON.parse and a pass: ten numbers", { group: "small" }, () => {
  flatten(JSON.parse(decoder.decode(small)).instances, { array: new Float32Array(10), count: 0 });
});
