/**
 * The shapes a model is loaded with: turns the user's options into shapes of the model's inputs.
 *
 * @module
 */
import type { Dimension, PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";

/** Shapes that replace the model's (`--shape`). `auto` accepts any size. */
export type ShapeSpec =
  | { readonly kind: "auto" }
  | { readonly kind: "all"; readonly shape: readonly Dimension[] }
  /** By the name that clients use, or the tensor's own. */
  | { readonly kind: "byInput"; readonly shapes: ReadonlyMap<string, readonly Dimension[] | "auto"> };

/** The size of the first dimension of all inputs (`--batch_size`). `auto` accepts any size. */
export type BatchSize = { readonly kind: "auto" } | { readonly kind: "fixed"; readonly size: Dimension };

/** Shapes for a model's inputs, and notes for the log. */
export interface ReshapePlan {
  /** By input, in the model's order; undefined for those that keep theirs. */
  readonly shapes: readonly (PartialShape | undefined)[];
  readonly notes: readonly string[];
}

const ANY_SIZE: Dimension = { min: 0, max: Infinity };

/**
 * Turns the user's options into shapes of a model's inputs. `auto` makes dimensions dynamic: a model is never compiled again for a
 * request.
 *
 * @param inputs with the model's own shapes.
 * @param options.batchSize ignored if `shape` is given.
 * @param options.findInput returns the index of an input by a name that clients or the model use; undefined if there is none.
 * @throws {ServingError} INVALID_ARGUMENT for an unknown input, or a batch size for a model without a batch dimension.
 */
export function planReshape(
  inputs: readonly { readonly name: string; readonly shape: PartialShape }[],
  { shape, batchSize, findInput }: {
    shape: ShapeSpec | undefined;
    batchSize: BatchSize | undefined;
    findInput: (name: string) => number | undefined;
  },
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

/** The first dimension of every input is its batch, except for scalars and inputs of dynamic rank. */
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
