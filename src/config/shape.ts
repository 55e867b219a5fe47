/**
 * Shapes and batch sizes in the notation of ie_serving and model_server, for flags and configuration files: `(1,3,224,224)`,
 * `[1,3,224,224]`, `(-1,3,100:500)`, `{"image": "(1,3,-1,-1)"}`, `auto`.
 *
 * @module
 */
import type { Dimension } from "../base/signature.ts";
import type { BatchSize, ShapeSpec } from "../model/loading/reshape.ts";

/** The largest size of a dimension. */
const SIZE_MAX = 2 ** 31 - 1;
const EXAMPLES = `(1,3,224,224), {"image": "(1,3,-1,100:500)"} or auto`;

/** Reads the text of `--shape`. Errors say what was expected. */
export function parseShape(text: string): ShapeSpec {
  if (!text.trimStart().startsWith("{")) return shapeOf(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`expected a shape such as ${EXAMPLES}, found ${JSON.stringify(text)}, which is not JSON`);
  }
  return shapeOf(value);
}

/** Reads a shape from parsed JSON: a text, a list of sizes, or an object of these by input. */
export function shapeOf(value: unknown): ShapeSpec {
  if (typeof value === "string" && value.trimStart().startsWith("{")) return parseShape(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const shape = oneShapeOf(value);
    return shape === "auto" ? { kind: "auto" } : { kind: "all", shape };
  }
  const shapes = new Map(Object.entries(value).map(([input, shape]) => [input, oneShapeOf(shape)]));
  if (shapes.size === 0) throw new Error(`expected a shape such as ${EXAMPLES}, found {}`);
  return { kind: "byInput", shapes };
}

/** Reads the text of `--batch_size`: a size, a range `1:8`, -1 for any, or `auto`. Errors say what was expected. */
export function parseBatchSize(text: string): BatchSize {
  return batchSizeOf(text);
}

/** Reads a batch size from parsed JSON: a number or a text. */
export function batchSizeOf(value: unknown): BatchSize {
  if (value === "auto") return { kind: "auto" };
  const size = dimensionOf(value);
  if (size === undefined) {
    throw new Error(`expected a batch size of at least 1, a range such as 1:8, -1 or auto, found ${show(value)}`);
  }
  return { kind: "fixed", size };
}

function oneShapeOf(value: unknown): readonly Dimension[] | "auto" {
  if (value === "auto") return value;
  const sizes = Array.isArray(value) ? value : typeof value === "string" ? sizesIn(value) : undefined;
  const shape = sizes?.map(dimensionOf);
  if (shape === undefined) throw new Error(`expected a shape such as ${EXAMPLES}, found ${show(value)}`);
  return shape.map((dimension, axis) => {
    if (dimension !== undefined) return dimension;
    const found = show(sizes?.[axis]);
    throw new Error(
      `expected a size of at least 1, a range such as 100:500 or -1 in the shape ${show(value)}, found ${found}`,
    );
  });
}

function sizesIn(text: string): string[] | undefined {
  const inner = /^\s*(?:\(([^()]*)\)|\[([^[\]]*)\])\s*$/.exec(text);
  if (inner === null) return undefined;
  const sizes = (inner[1] ?? inner[2] ?? "").split(",").map((size) => size.trim());
  // Python writes a single dimension as (8,). The shape of a scalar is empty.
  if (sizes.at(-1) === "") sizes.pop();
  return sizes;
}

function dimensionOf(value: unknown): Dimension | undefined {
  const [, first, last] = /^(-1|\d{1,10})(?::(\d{1,10}))?$/.exec(String(value)) ?? [];
  if (first === undefined || (typeof value !== "number" && typeof value !== "string")) return undefined;
  if (first === "-1") return last === undefined ? { min: 0, max: Infinity } : undefined;
  const min = Number(first);
  const max = Number(last ?? first);
  return min >= 1 && min <= max && max <= SIZE_MAX ? { min, max } : undefined;
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value);
}
