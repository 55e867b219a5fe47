/**
 * What the reader makes of a SavedModel: graphs to compile, and for each signature what it feeds them and what it answers.
 * Types only.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import type { DType, NumericDType, Tensor } from "../../base/tensor.ts";
import type { SignatureDef } from "./meta_graph.ts";

/** A SavedModel ready to be compiled and served. */
export interface SavedModelPlan {
  /** Distinct graphs: signatures with equal ones share one. */
  readonly graphs: readonly PlannedGraph[];
  readonly signatures: ReadonlyMap<string, PlannedSignature>;
  /** All signatures of the file. */
  readonly definitions: ReadonlyMap<string, SignatureDef>;
  /** Why signatures of the file cannot be served, by name. */
  readonly refused: ReadonlyMap<string, string>;
}

/** A graph for the runtime. */
export interface PlannedGraph {
  /**
   * Writes a whole `saved_model.pb` with this graph alone, in parts that borrow the original file's bytes.
   *
   * @param shapes of the inputs, in order, in place of their own; undefined for those that keep theirs.
   */
  readonly write: (shapes?: readonly (PartialShape | undefined)[]) => readonly Uint8Array[];
  readonly inputs: readonly GraphInput[];
  /** The names the runtime finds the outputs by. */
  readonly outputs: readonly string[];
  /** Whether it has branches or loops, of functions. */
  readonly hasControlFlow: boolean;
}

/** A tensor the runtime is given. */
export interface GraphInput {
  /** The name the runtime finds it by. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: PartialShape;
}

/** A signature and how it is answered. */
export interface PlannedSignature extends Wiring {
  readonly definition: SignatureDef;
  /** The index of its graph; undefined when all it answers is constant. */
  readonly graph: number | undefined;
}

/** What a signature feeds its graph and what it answers. It can be sent to another thread. */
export interface Wiring {
  /** What each input of the graph is, in the graph's order. */
  readonly feeds: readonly Feed[];
  /** What each output is, in the order of `definition.outputs`. */
  readonly answers: readonly Answer[];
  /** How the serialized examples it takes are parsed; undefined when it takes none. */
  readonly examples: ExamplePlan | undefined;
}

/** Where an input of a graph comes from. */
export type Feed =
  /** An input of the signature, by its index in `definition.inputs`. */
  | { readonly kind: "input"; readonly index: number }
  /** A part of a feature that is parsed from examples. */
  | { readonly kind: "feature"; readonly index: number; readonly part: FeaturePart }
  | { readonly kind: "constant"; readonly tensor: Tensor };

/** Where an output of a signature comes from. */
export type Answer =
  /** An output of the graph. */
  | { readonly kind: "output"; readonly index: number }
  /** What a graph would be fed, handed through. */
  | { readonly kind: "feed"; readonly feed: Feed }
  | { readonly kind: "constant"; readonly tensor: Tensor };

/** `dense` for a dense feature's values, the others for the parts of sparse and ragged tensors. */
export type FeaturePart = "dense" | "indices" | "values" | "shape" | "splits";

/** How to parse serialized `tensorflow.Example`s: what a `ParseExample` operation says. */
export interface ExamplePlan {
  /** The index of the input with the serialized examples in `definition.inputs`. */
  readonly input: number;
  readonly features: readonly Feature[];
}

/** A feature of an example (`FixedLenFeature`, `VarLenFeature`, `RaggedFeature`). */
export type Feature = DenseFeature | SparseFeature | RaggedFeature;

/** A feature with the same number of values in each example, or, when its first dimension is open, padded to that. */
export interface DenseFeature {
  readonly kind: "dense";
  readonly key: string;
  readonly dtype: FeatureDType;
  /** The shape of one example's values; -1 first where each example may have another number of rows. */
  readonly shape: readonly number[];
  /** Stands for a feature that an example lacks, or pads it; undefined when the feature is required. */
  readonly fallback: Tensor | undefined;
}

/** A feature of any number of values, as a sparse matrix. */
export interface SparseFeature {
  readonly kind: "sparse";
  readonly key: string;
  readonly dtype: FeatureDType;
}

/** A feature of any number of values, as a ragged tensor. */
export interface RaggedFeature {
  readonly kind: "ragged";
  readonly key: string;
  readonly dtype: FeatureDType;
  readonly splitsDtype: NumericDType & ("i32" | "i64");
}

/** The element types a feature of an example can have. */
export type FeatureDType = "f32" | "i64" | "string";
