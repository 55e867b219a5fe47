/**
 * Where the models of this repository are.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const MODELS = fileURLToPath(new URL("../../models/", import.meta.url));

/** The base path of a model in models/: `digits`, `half_plus_two`, … */
export function modelPath(name: string): string {
  return `${MODELS}${name}`;
}
