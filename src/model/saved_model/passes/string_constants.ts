/**
 * Keeps the runtime from slicing, tiling or broadcasting constants of strings, which corrupts its memory.
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import type { Tensor } from "../../../base/tensor.ts";
import { intAttribute, numberOf, typeAttribute } from "../graph/attributes.ts";
import { Evaluator } from "../graph/constants.ts";
import { DT } from "../graph/data_types.ts";
import { functionsIn, type GraphNode } from "../graph/graph_def.ts";
import type { LiveGraph } from "../graph/live_graph.ts";
import { int32s, integersOf } from "../graph/tensors.ts";

/** Operations that move strings about; each with the attribute that says it is strings. */
const MOVES: ReadonlyMap<string, string> = new Map([
  ["BroadcastTo", "T"],
  ["ConcatV2", "T"],
  ["ExpandDims", "T"],
  ["Fill", "T"],
  ["GatherV2", "Tparams"],
  ["Identity", "T"],
  ["Pack", "T"],
  ["Reshape", "T"],
  ["Squeeze", "T"],
  ["StridedSlice", "T"],
  ["Tile", "T"],
]);

/** Those that must not be left to the runtime when what they move is constant. */
const UNSAFE = new Set(["BroadcastTo", "Slice", "StridedSlice", "Tile"]);

function isOfStrings({ op, attributes }: GraphNode): boolean {
  return numberOf(attributes, MOVES.get(op) ?? "T") === DT.STRING;
}

/** Puts constants in the place of strings that are moved about but depend on no input. */
export function foldStrings(live: LiveGraph, nodes: readonly GraphNode[]): void {
  const constants = new Evaluator((ref) => live.find(ref));
  for (const node of nodes) {
    if (!MOVES.has(node.op) || !isOfStrings(node)) continue;
    const value = constants.evaluate(node.name);
    if (value !== undefined) live.putConst(node.name, value);
  }
}

/**
 * Has a constant row of strings repeated by a gather in place of a tile: `Tile(row, [n, 1])` is row 0, n times. Class labels of
 * classifiers are made so.
 */
export function gatherTiledStrings(live: LiveGraph, nodes: readonly GraphNode[]): void {
  const constants = new Evaluator((ref) => live.find(ref));
  for (const node of nodes) {
    if (node.op !== "Tile" || !isOfStrings(node)) continue;
    const [input = "", multiples = ""] = node.inputs;
    const row = constants.evaluate(input);
    const type = numberOf(node.attributes, "Tmultiples") || DT.INT32;
    if (row?.shape[0] !== 1 || !onlyRepeatsRows(live, { multiples, row, constants })) continue;
    const { name } = node;
    const at = (suffix: string, value: number): string => live.putConst(`${name}/${suffix}`, int32s([value]));
    const scalar = (suffix: string, value: number): string => live.putConst(`${name}/${suffix}`, int32s([value], []));
    const count = live.putOp(`${name}/count`, "StridedSlice", [
      multiples,
      at("begin", 0),
      at("end", 1),
      at("stride", 1),
    ], { T: typeAttribute(type), Index: typeAttribute(DT.INT32) });
    const zeros = live.putOp(`${name}/zeros`, "Fill", [count, scalar("zero", 0)], {
      T: typeAttribute(DT.INT32),
      index_type: typeAttribute(type),
    });
    live.putOp(name, "GatherV2", [input, zeros, scalar("axis", 0)], {
      Tparams: typeAttribute(DT.STRING),
      Tindices: typeAttribute(DT.INT32),
      Taxis: typeAttribute(DT.INT32),
      batch_dims: intAttribute(0),
    });
  }
}

/** Whether multiples are 1 along every axis but the first. */
function onlyRepeatsRows(
  live: LiveGraph,
  { multiples, row: { shape }, constants }: { multiples: string; row: Tensor; constants: Evaluator },
): boolean {
  if (shape.length === 1) return true;
  const constant = integersOf(constants.evaluate(multiples));
  if (constant !== undefined) return constant.slice(1).every((times) => times === 1);
  const pack = live.producer(multiples);
  if (pack?.op !== "Pack" || pack.inputs.length !== shape.length) return false;
  return pack.inputs.slice(1).every((ref) => integersOf(constants.evaluate(ref))?.[0] === 1);
}

/**
 * Refuses what is left of such operations. In branches and loops nothing is folded, and what they are given may be constant: there all of
 * them are refused.
 */
export function refuseUnsafeStrings(live: LiveGraph, nodes: readonly GraphNode[]): void {
  const constants = new Evaluator((ref) => live.find(ref));
  for (const node of nodes) {
    if (!UNSAFE.has(node.op) || !isOfStrings(node)) continue;
    if (constants.evaluate(node.inputs[0] ?? "") !== undefined) throw unsafe(node);
  }
  for (const body of functionsIn(nodes, live.functions)) {
    for (const node of body.nodes) {
      if (UNSAFE.has(node.op) && isOfStrings(node)) throw unsafe(node);
    }
  }
}

function unsafe({ op, name }: GraphNode): ServingError {
  return new ServingError(
    CODE.UNIMPLEMENTED,
    `${op} of constant strings (at ${name}) would corrupt the runtime's memory; ` +
      "export the model with the result as a constant, or without it",
  );
}
