/**
 * What OpenVINO's plugins compute with in place of a dtype. They convert such an input before the first operation, 64 bits to the
 * lower 32 of them and doubles to the nearest float, infinity to the largest; its C API does not say so of a model.
 *
 * @module
 */
import type { DType } from "../../base/tensor.ts";
import type { Port } from "../engine.ts";

/** The plugins' conversions, CPU's and GPU's alike, of dtypes that lose by it. */
const COMPUTED_AS: Readonly<Partial<Record<DType, "i32" | "f32">>> = {
  i64: "i32",
  u64: "i32",
  u32: "i32",
  f64: "f32",
};

/**
 * Marks the inputs that the runtime narrows. An input that is handed through to an output as it is keeps its values; a model
 * that does nothing else, whose every output has an input's name, computes nothing.
 */
export function markNarrowed(inputs: readonly Port[], outputs: readonly Port[]): readonly Port[] {
  const inputNames = new Set(inputs.flatMap(({ names }) => names));
  if (outputs.every(({ names }) => names.some((name) => inputNames.has(name)))) return inputs;
  return inputs.map((port) => {
    const computedAs = COMPUTED_AS[port.dtype];
    return computedAs === undefined ? port : { ...port, computedAs };
  });
}
