/**
 * The type that floats are computed with: SavedModels answer with the digits of TensorFlow, other formats as the runtime decides.
 *
 * @module
 */
import type { ModelFormat } from "../source/model_files.ts";

/** A type, or the runtime's choice. */
export type InferencePrecision = "f32" | "bf16" | "f16" | "auto";

const PROPERTY = "INFERENCE_PRECISION_HINT";

/** Devices that compute in f32 when they are asked to. */
const PRECISE_DEVICES = /^(CPU|GPU)/;

/**
 * Returns properties with the precision, unless they contain one.
 *
 * @param precision what the user asks for; undefined for the default of the format.
 */
export function withPrecision(
  properties: ReadonlyMap<string, string>,
  { precision, format, device }: { precision: InferencePrecision | undefined; format: ModelFormat; device: string },
): ReadonlyMap<string, string> {
  const isDefaultF32 = format === "saved_model" && PRECISE_DEVICES.test(device);
  const chosen = precision ?? (isDefaultF32 ? "f32" : "auto");
  if (chosen === "auto" || properties.has(PROPERTY)) return properties;
  return new Map([...properties, [PROPERTY, chosen]]);
}
