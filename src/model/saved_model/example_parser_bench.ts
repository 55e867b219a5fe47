import { concat, field } from "../testing/loading.ts";
import { ExampleParser } from "./example_parser.ts";
import type { Feature } from "./plan.ts";

const features: Feature[] = Array.from(
  { length: 20 },
  (_, i): Feature =>
    i % 2 === 0
      ? { kind: "dense", key: `feature_${i}`, dtype: "f32", shape: [4], fallback: undefined }
      : { kind: "sparse", key: `feature_${i}`, dtype: "i64" },
);

const entries = features.map(({ key, dtype }) => {
  const list = dtype === "f32"
    ? field(2, [field(1, new Uint8Array(16))])
    : field(3, [field(1, Uint8Array.of(1, 2, 3))]);
  return field(1, [field(1, key), field(2, list)]);
});
const examples = Array.from({ length: 1000 }, () => concat([field(1, entries)]));
const parser = new ExampleParser(features);

Deno.bench("1,000 examples of 20 features", () => {
  const parsed = parser.parse(examples);
  features.forEach(({ kind }, i) => parsed.part(i, kind === "dense" ? "dense" : "indices"));
});
