/**
 * Evaluates the parts of a graph that need no input, as far as they move values about: what a signature answers the same always,
 * keys of features, and strings, which the runtime must not be given to slice (see `passes/string_constants.ts`).
 *
 * @module
 */
import { DTYPE_BYTES, elementCount, type Tensor } from "../../../base/tensor.ts";
import { numberOf, tensorOf } from "./attributes.ts";
import { dtypeOf } from "./data_types.ts";
import type { GraphNode } from "./graph_def.ts";
import { int32s, int64s, integersOf } from "./tensors.ts";

/** Larger tensors are left to the runtime. */
const ELEMENTS_MAX = 1 << 20;
/** No graph has that much of it to move about. */
const ELEMENTS_TOTAL_MAX = 1 << 24;
const DEPTH_MAX = 200;

/** Finds what computes a tensor. */
export type FindProducer = (ref: string) => { readonly node: GraphNode; readonly index: number } | undefined;

/** What a tensor is when it depends on no input; undefined when it does, or its computation is not one that is followed here. */
export function evaluate(ref: string, find: FindProducer): Tensor | undefined {
  return new Evaluator(find).evaluate(ref);
}

/** Evaluates tensors of one graph, each node once; a node that was put in the place of another counts as another. */
export class Evaluator {
  readonly #find: FindProducer;
  readonly #known = new Map<GraphNode, Tensor | undefined>();
  #elementsLeft = ELEMENTS_TOTAL_MAX;

  constructor(find: FindProducer) {
    this.#find = find;
  }

  /** What {@link evaluate} returns. */
  evaluate(ref: string): Tensor | undefined {
    return this.#tensor(ref, 0);
  }

  #tensor(ref: string, depth: number): Tensor | undefined {
    const found = this.#find(ref);
    if (found === undefined || found.index !== 0 || depth > DEPTH_MAX) return undefined;
    const { node } = found;
    if (this.#known.has(node)) return this.#known.get(node);
    this.#known.set(node, undefined);
    const tensor = this.#compute(node, depth);
    this.#known.set(node, tensor);
    return tensor;
  }

  #compute(node: GraphNode, depth: number): Tensor | undefined {
    const rule = RULES[node.op];
    if (rule === undefined || this.#elementsLeft <= 0) return undefined;
    const inputs: Tensor[] = [];
    for (const input of node.inputs) {
      if (input.startsWith("^")) continue;
      const tensor = this.#tensor(input, depth + 1);
      if (tensor === undefined) return undefined;
      inputs.push(tensor);
    }
    const result = rule(inputs, node);
    if (result === undefined || node.op === "Const") return result;
    const count = elementCount(result.shape);
    this.#elementsLeft -= count;
    return count <= ELEMENTS_MAX ? result : undefined;
  }
}

type Rule = (inputs: readonly Tensor[], node: GraphNode) => Tensor | undefined;

const same: Rule = ([input]) => input;

const RULES: Readonly<Partial<Record<string, Rule>>> = {
  Const: (_, { attributes }) => tensorOf(attributes, "value"),
  Identity: same,
  Snapshot: same,
  StopGradient: same,
  PreventGradient: same,
  Reshape: ([input, shape]) => reshape(input, integersOf(shape)),
  ExpandDims: ([input, axis]) => expandDims(input, integersOf(axis)?.[0]),
  Squeeze: ([input], node) => squeeze(input, node),
  Pack: (inputs, { attributes }) => {
    const rank = inputs[0]?.shape.length ?? 0;
    const axis = positiveAxis(numberOf(attributes, "axis"), rank + 1);
    return concatenate(inputs.map((input) => expandDims(input, axis)), axis);
  },
  ConcatV2: (inputs) => {
    const axis = integersOf(inputs.at(-1))?.[0];
    const rank = inputs[0]?.shape.length ?? 0;
    return axis === undefined ? undefined : concatenate(inputs.slice(0, -1), positiveAxis(axis, rank));
  },
  StridedSlice: ([input, begin, end, strides], node) => stridedSlice({ input, begin, end, strides }, node),
  Tile: ([input, multiples]) => tile(input, integersOf(multiples)),
  BroadcastTo: ([input, shape]) => broadcast(input, integersOf(shape)),
  Fill: ([shape, value]) => broadcast(value, integersOf(shape)),
  Shape: ([input], { attributes }) => input && integersLike(attributes, "out_type", input.shape, [input.shape.length]),
  Size: ([input], { attributes }) => input && integersLike(attributes, "out_type", [elementCount(input.shape)], []),
  Range: (inputs) => integerRange(inputs),
  Rank: ([input]) => input && int32s([input.shape.length], []),
  GatherV2: ([input, indices, axis], { attributes }) =>
    numberOf(attributes, "batch_dims") === 0 && integersOf(axis)?.[0] === 0 ? gather(input, indices) : undefined,
  Cast: ([input], { attributes }) => cast(input, dtypeOf(numberOf(attributes, "DstT"))),
};

function integersLike(
  attributes: GraphNode["attributes"],
  attribute: string,
  values: readonly number[],
  shape: readonly number[],
): Tensor {
  return dtypeOf(numberOf(attributes, attribute)) === "i64" ? int64s(values, shape) : int32s(values, shape);
}

/** A tensor of elements of another, by their indices there. */
function take(input: Tensor, shape: readonly number[], indices: Iterable<number>): Tensor {
  if (input.dtype === "string") {
    return { dtype: "string", shape, strings: Array.from(indices, (i) => input.strings[i] as Uint8Array) };
  }
  const width = DTYPE_BYTES[input.dtype];
  const bytes = new Uint8Array(elementCount(shape) * width);
  let at = 0;
  for (const i of indices) {
    bytes.set(input.bytes.subarray(i * width, (i + 1) * width), at);
    at += width;
  }
  return { dtype: input.dtype, shape, bytes };
}

function withShape(input: Tensor, shape: readonly number[]): Tensor | undefined {
  return elementCount(shape) === elementCount(input.shape) ? { ...input, shape } : undefined;
}

function reshape(input: Tensor | undefined, shape: readonly number[] | undefined): Tensor | undefined {
  if (input === undefined || shape === undefined) return undefined;
  const known = shape.filter((size) => size >= 0);
  if (known.length === shape.length) return withShape(input, shape);
  const rest = elementCount(known);
  const count = elementCount(input.shape);
  if (known.length !== shape.length - 1 || rest === 0 || count % rest !== 0) return undefined;
  return withShape(input, shape.map((size) => size < 0 ? count / rest : size));
}

function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function expandDims(input: Tensor | undefined, axis: number | undefined): Tensor | undefined {
  if (input === undefined || axis === undefined) return undefined;
  const at = positiveAxis(axis, input.shape.length + 1);
  return at < 0 || at > input.shape.length ? undefined : withShape(input, input.shape.toSpliced(at, 0, 1));
}

function squeeze(input: Tensor | undefined, { attributes }: GraphNode): Tensor | undefined {
  // With axes it is left to the runtime.
  return input === undefined || (attributes.get("squeeze_dims")?.length ?? 0) > 2
    ? undefined
    : withShape(input, input.shape.filter((size) => size !== 1));
}

function concatenate(inputs: readonly (Tensor | undefined)[], axis: number): Tensor | undefined {
  const [first] = inputs;
  if (first === undefined || axis < 0 || axis >= first.shape.length) return undefined;
  const parts: Tensor[] = [];
  for (const input of inputs) {
    const fits = input !== undefined && input.dtype === first.dtype &&
      input.shape.length === first.shape.length &&
      input.shape.every((size, i) => i === axis || size === first.shape[i]);
    if (!fits) return undefined;
    parts.push(input);
  }
  const shape = first.shape.with(axis, parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0));
  const outer = elementCount(first.shape.slice(0, axis));
  const pieces: Tensor[] = [];
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const length = elementCount(part.shape) / outer;
      pieces.push(take(part, [length], range(row * length, length)));
    }
  }
  if (first.dtype === "string") {
    return {
      dtype: "string",
      shape,
      strings: pieces.flatMap((piece) => piece.dtype === "string" ? piece.strings : []),
    };
  }
  const bytes = new Uint8Array(elementCount(shape) * DTYPE_BYTES[first.dtype]);
  let at = 0;
  for (const piece of pieces) {
    if (piece.dtype === "string") return undefined;
    bytes.set(piece.bytes, at);
    at += piece.bytes.length;
  }
  return { dtype: first.dtype, shape, bytes };
}

function* range(start: number, length: number, step = 1): Generator<number> {
  for (let i = 0; i < length; i++) yield start + i * step;
}

/** The positions that a slice takes along each axis, for a tensor of a shape. */
function* positionsOf(shape: readonly number[], axes: readonly (readonly number[])[]): Generator<number> {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const count = axes.reduce((product, { length }) => product * length, 1);
  for (let i = 0; i < count; i++) {
    let rest = i;
    let position = 0;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const along = axes[axis] as readonly number[];
      position += (along[rest % along.length] as number) * (strides[axis] as number);
      rest = Math.floor(rest / along.length);
    }
    yield position;
  }
}

/** tensorflow/core/util/strided_slice_op.cc */
function stridedSlice(
  parts: Record<"input" | "begin" | "end" | "strides", Tensor | undefined>,
  { attributes }: GraphNode,
): Tensor | undefined {
  const { input } = parts;
  const [begin, end, strides] = [parts.begin, parts.end, parts.strides].map(integersOf);
  if (input === undefined || begin === undefined || end === undefined || strides === undefined) return undefined;
  const mask = (name: string, i: number): boolean => (numberOf(attributes, name) >>> i & 1) === 1;
  const isSpecified = (i: number): boolean => !mask("new_axis_mask", i) && !mask("ellipsis_mask", i);
  const hasEllipsis = numberOf(attributes, "ellipsis_mask") !== 0;
  const specified = begin.filter((_, i) => isSpecified(i)).length;
  const open = input.shape.length - specified;
  if (open < 0) return undefined;
  const axes: number[][] = [];
  const shape: number[] = [];
  const keepAll = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const size = input.shape[axes.length] as number;
      axes.push([...range(0, size)]);
      shape.push(size);
    }
  };
  for (let i = 0; i < begin.length; i++) {
    if (mask("ellipsis_mask", i)) keepAll(open);
    else if (mask("new_axis_mask", i)) shape.push(1);
    else {
      const size = input.shape[axes.length] as number;
      const step = strides[i] as number;
      if (step === 0) return undefined;
      const clamp = (at: number): number => {
        const positive = at < 0 ? at + size : at;
        return step > 0 ? Math.min(Math.max(positive, 0), size) : Math.min(Math.max(positive, -1), size - 1);
      };
      const start = begin[i] as number;
      if (mask("shrink_axis_mask", i)) {
        const at = start < 0 ? start + size : start;
        if (at < 0 || at >= size) return undefined;
        axes.push([at]);
        continue;
      }
      const from = mask("begin_mask", i) ? (step > 0 ? 0 : size - 1) : clamp(start);
      const to = mask("end_mask", i) ? (step > 0 ? size : -1) : clamp(end[i] as number);
      const length = Math.max(0, Math.ceil((to - from) / step));
      axes.push([...range(from, length, step)]);
      shape.push(length);
    }
  }
  if (!hasEllipsis) keepAll(open);
  return take(input, shape, positionsOf(input.shape, axes));
}

function tile(input: Tensor | undefined, multiples: readonly number[] | undefined): Tensor | undefined {
  if (input === undefined || multiples?.length !== input.shape.length) return undefined;
  const shape = input.shape.map((size, axis) => size * (multiples[axis] as number));
  if (multiples.some((times) => times < 0) || elementCount(shape) > ELEMENTS_MAX) return undefined;
  const axes = input.shape.map((size, axis) => Array.from({ length: shape[axis] as number }, (_, i) => i % size));
  return take(input, shape, positionsOf(input.shape, axes));
}

function broadcast(input: Tensor | undefined, shape: readonly number[] | undefined): Tensor | undefined {
  if (input === undefined || shape === undefined || shape.some((size) => size < 0)) return undefined;
  const added = shape.length - input.shape.length;
  if (added < 0 || elementCount(shape) > ELEMENTS_MAX) return undefined;
  const old = [...Array(added).fill(1), ...input.shape] as number[];
  if (old.some((size, axis) => size !== 1 && size !== shape[axis])) return undefined;
  const axes = shape.map((size, axis) => Array.from({ length: size }, (_, i) => old[axis] === 1 ? 0 : i));
  return take(input, shape, positionsOf(old, axes));
}

function gather(input: Tensor | undefined, indices: Tensor | undefined): Tensor | undefined {
  const rows = integersOf(indices);
  if (input === undefined || indices === undefined || rows === undefined || input.shape.length === 0) return undefined;
  const [count = 0, ...row] = input.shape;
  if (rows.some((index) => index < 0 || index >= count)) return undefined;
  const axes = [rows, ...row.map((size) => [...range(0, size)])];
  return take(input, [...indices.shape, ...row], positionsOf(input.shape, axes));
}

function integerRange(inputs: readonly Tensor[]): Tensor | undefined {
  const [start, limit, delta] = inputs.map((input) => integersOf(input)?.[0]);
  if (start === undefined || limit === undefined || !delta) return undefined;
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  if (length > ELEMENTS_MAX) return undefined;
  const values = [...range(start, length, delta)];
  return inputs[0]?.dtype === "i64" ? int64s(values) : int32s(values);
}

function cast(input: Tensor | undefined, dtype: string | undefined): Tensor | undefined {
  const values = integersOf(input);
  if (input === undefined || values === undefined) return undefined;
  if (dtype === "i32") return int32s(values, input.shape);
  return dtype === "i64" ? int64s(values, input.shape) : undefined;
}
