/**
 * Fake models: the files that describe them, and their computations.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { assert } from "../../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type NumericDType, type Tensor } from "../../base/tensor.ts";
import type { Port } from "../engine.ts";

/**
 * A fake model's file, as JSON. Output `i` is computed from input `i`, or from the last one if there are fewer.
 */
export interface FakeModelFile {
  readonly inputs: readonly FakePort[];
  readonly outputs: readonly FakePort[];
  /** `identity` copies; `add` adds `value` to numbers; `constant` fills with `value`. Identity when absent. */
  readonly compute?: "identity" | "add" | "constant";
  readonly value?: number;
  /** The sentence with which reading, compiling or inferring fails. */
  readonly failRead?: string;
  readonly failCompile?: string;
  readonly failInfer?: string;
}

/** A port in a fake model's file: a dimension is a size, -1 for any, or `[min, max]`; no shape for any rank. */
export interface FakePort {
  readonly names: readonly string[];
  readonly dtype: DType;
  readonly shape?: readonly (number | readonly [number, number])[];
}

/** One output of a fake model, freshly made from the input it is computed from. */
export function compute(
  { compute: how = "identity", value = 0 }: FakeModelFile,
  port: Port,
  input: Tensor | undefined,
): Tensor {
  const shape = outputShape(port.shape, input?.shape ?? []);
  const count = elementCount(shape);
  if (port.dtype === "string") {
    const text = new TextEncoder().encode(String(value));
    const strings = how === "identity" && input?.dtype === "string" ? input.strings.map((bytes) => bytes.slice()) : [];
    return { dtype: "string", shape, strings: strings.length > 0 ? strings : Array(count).fill(text) };
  }
  const bytes = new Uint8Array(count * DTYPE_BYTES[port.dtype]);
  if (how === "constant") {
    const element = new Uint8Array(DTYPE_BYTES[port.dtype]);
    writeNumber(new DataView(element.buffer), port.dtype, { offset: 0, value });
    for (let i = 0; i < count; i++) bytes.set(element, i * element.byteLength);
    return { dtype: port.dtype, shape, bytes };
  }
  assert(input !== undefined && input.dtype === port.dtype, "A fake output is computed from an input of its dtype");
  bytes.set(input.bytes);
  if (how === "add") {
    const view = new DataView(bytes.buffer);
    for (let offset = 0; offset < bytes.byteLength; offset += DTYPE_BYTES[port.dtype]) {
      writeNumber(view, port.dtype, { offset, value: readNumber(view, port.dtype, offset) + value });
    }
  }
  return { dtype: port.dtype, shape, bytes };
}

/** The input's shape, but the output's own where it is fixed. */
function outputShape(shape: PartialShape, inputShape: readonly number[]): readonly number[] {
  if (shape === undefined) return inputShape;
  return shape.map(({ min, max }, axis) => min === max ? min : inputShape[axis] ?? min);
}

function readNumber(view: DataView, dtype: NumericDType, offset: number): number {
  switch (dtype) {
    case "f32":
      return view.getFloat32(offset, true);
    case "f64":
      return view.getFloat64(offset, true);
    case "i32":
      return view.getInt32(offset, true);
    case "i64":
      return Number(view.getBigInt64(offset, true));
    case "u8":
      return view.getUint8(offset);
    default:
      throw new Error(`A fake model cannot compute with ${dtype}. This is a bug`);
  }
}

function writeNumber(
  view: DataView,
  dtype: NumericDType,
  { offset, value }: { offset: number; value: number },
): void {
  switch (dtype) {
    case "f32":
      return view.setFloat32(offset, value, true);
    case "f64":
      return view.setFloat64(offset, value, true);
    case "i32":
      return view.setInt32(offset, value, true);
    case "i64":
      return view.setBigInt64(offset, BigInt(value), true);
    case "u8":
      return view.setUint8(offset, value);
    default:
      throw new Error(`A fake model cannot compute with ${dtype}. This is a bug`);
  }
}
