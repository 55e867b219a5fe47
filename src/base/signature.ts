/**
 * What a model takes and gives, by name, and the checks of a request against it. The only place where names, dtypes and
 * shapes of a request are judged; knows no wire format and no engine.
 *
 * @module
 */
import type { DType } from "./tensor.ts";

/** The sizes one dimension may have. `max` is `Infinity` where there is no bound. */
export interface Dimension {
  readonly min: number;
  readonly max: number;
}

/** The shapes a tensor may have, a {@link Dimension} an axis; `undefined` where even the rank is open. */
export type PartialShape = readonly Dimension[] | undefined;

/** One input or output of a model. */
export interface TensorSpec {
  /** The name clients use: the alias in a signature, OpenVINO's tensor name where there is no other. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: PartialShape;
}

/** A named way to call a model. Inputs and outputs stand in the order of the engine's ports. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}
