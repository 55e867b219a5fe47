/**
 * The dtypes that OpenVINO's plugins narrow. They convert such an input before the first operation: 64 bits to the lower 32, doubles
 * to the nearest float, infinity to the largest one. The C API does not report it.
 *
 * @module
 */
import type { DType } from "../../base/tensor.ts";
import type { Port } from "../engine.ts";

/** The conversions that lose digits, the same for the CPU and GPU plugins. */
const COMPUTED_AS: Readonly<Partial<Record<DType, "i32" | "f32">>> = {
  i64: "i32",
  u64: "i32",
  u32: "i32",
  f64: "f32",
};

/**
 * Marks the inputs that the runtime narrows. An input that is passed through to an output keeps its values: a model whose every output
 * has the name of an input computes nothing.
 */
export function markNarrowed(inputs: readonly Port[], outputs: readonly Port[]): readonly Port[] {
  const inputNames = new Set(inputs.flatMap(({ names }) => names));
  if (outputs.every(({ names }) => names.some((name) => inputNames.has(name)))) return inputs;
  return inputs.map((port) => {
    const computedAs = COMPUTED_AS[port.dtype];
    return computedAs === undefined ? port : { ...port, computedAs };
  });
}
