/**
 * The shapes a model is loaded with: what the user asks for, turned into shapes of the model's own inputs.
 *
 * @module
 */
import type { Dimension } from "../base/signature.ts";

/** Shapes asked for in place of the model's (`--shape`). `auto` stands for whatever a request brings. */
export type ShapeSpec =
  | { readonly kind: "auto" }
  | { readonly kind: "all"; readonly shape: readonly Dimension[] }
  /** By the name clients use, or the tensor's own. */
  | { readonly kind: "byInput"; readonly shapes: ReadonlyMap<string, readonly Dimension[] | "auto"> };

/** Size of the first dimension of all inputs (`--batch_size`). `auto` stands for whatever a request brings. */
export type BatchSize = { readonly kind: "auto" } | { readonly kind: "fixed"; readonly size: Dimension };
