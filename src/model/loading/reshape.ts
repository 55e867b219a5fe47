/**
 * The shapes a model is loaded with: what the user asks for, turned into shapes of the model's own inputs.
 *
 * @module
 */
import type { Dimension, PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";

/** Shapes asked for in place of the model's (`--shape`). `auto` stands for whatever a request brings. */
export type ShapeSpec =
  | { readonly kind: "auto" }
  | { readonly kind: "all"; readonly shape: readonly Dimension[] }
  /** By the name clients use, or the tensor's own. */
  | { readonly kind: "byInput"; readonly shapes: ReadonlyMap<string, readonly Dimension[] | "auto"> };

/** Size of the first dimension of all inputs (`--batch_size`). `auto` stands for whatever a request brings. */
export type BatchSize = { readonly kind: "auto" } | { readonly kind: "fixed"; readonly size: Dimension };

/** Shapes for a model's inputs, and what is worth telling of them. */
export interface ReshapePlan {
  /** By input, in the model's order; undefined for those that keep theirs. */
  readonly shapes: readonly (PartialShape | undefined)[];
  readonly notes: readonly string[];
}

/** What is asked for. */
export interface ReshapeOptions {
  readonly shape: ShapeSpec | undefined;
  /** Left alone where `shape` says something. */
  readonly batchSize: BatchSize | undefined;
  /** The input with a name that a client or the model uses; undefined when there is none. */
  readonly findInput: (name: string) => number | undefined;
}

const ANY_SIZE: Dimension = { min: 0, max: Infinity };

/**
 * Turns what the user asks for into shapes of a model's inputs. `auto` opens dimensions, which the runtime then takes as they
 * come: a model is never compiled again for a request.
 *
 * @param inputs shapes the model has.
 * @throws {ServingError} INVALID_ARGUMENT for an input that is not there, or a batch size for a model without a batch.
 */
export function planReshape(
  inputs: readonly { readonly name: string; readonly shape: PartialShape }[],
  { shape, batchSize, findInput }: ReshapeOptions,
): ReshapePlan {
  if (shape === undefined) {
    return { shapes: batchSize === undefined ? inputs.map(() => undefined) : withBatch(inputs, batchSize), notes: [] };
  }
  const notes = batchSize === undefined ? [] : ["Both shape and batch_size are set: batch_size is ignored"];
  if (shape.kind === "auto") return { shapes: inputs.map((input) => opened(input.shape)), notes };
  if (shape.kind === "all") return { shapes: inputs.map(() => shape.shape), notes };
  const shapes: (PartialShape | undefined)[] = inputs.map(() => undefined);
  for (const [name, asked] of shape.shapes) {
    const index = findInput(name);
    if (index === undefined) {
      const names = inputs.map((input) => input.name).join(", ");
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Cannot reshape the model: it has no input ${name}, its inputs are ${names}`,
      );
    }
    shapes[index] = asked === "auto" ? opened(inputs[index]?.shape) : asked;
  }
  return { shapes, notes };
}

function opened(shape: PartialShape): PartialShape {
  return shape?.map(() => ANY_SIZE);
}

/** The first dimension of every input is its batch, but for scalars and inputs of any rank. */
function withBatch(
  inputs: readonly { readonly name: string; readonly shape: PartialShape }[],
  batchSize: BatchSize,
): (PartialShape | undefined)[] {
  const size = batchSize.kind === "auto" ? ANY_SIZE : batchSize.size;
  const shapes = inputs.map(({ shape }) =>
    shape === undefined || shape.length === 0 ? undefined : [size, ...shape.slice(1)]
  );
  if (batchSize.kind === "auto" || shapes.some((shape) => shape !== undefined)) return shapes;
  throw new ServingError(CODE.INVALID_ARGUMENT, "Cannot set the batch size: no input of the model has a known batch");
}
