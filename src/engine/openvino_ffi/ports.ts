/**
 * The inputs and outputs of a model, read through the C library, and partial shapes in C's layout.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Dimension, PartialShape } from "../../base/signature.ts";
import type { DType } from "../../base/tensor.ts";
import type { Direction, Port } from "../engine.ts";
import type { PortNames } from "./ir_names.ts";
import { addressOf, type Library, nativeWords, Owned, pointerAt, toCString } from "./library.ts";
import { ELEMENT_TYPE, ELEMENT_TYPE_NAMES, STATUS } from "./symbols.ts";

const DTYPES: ReadonlyMap<number, DType> = new Map(
  Object.entries(ELEMENT_TYPE).map(([dtype, elementType]) => [elementType, dtype as DType]),
);
/** `ov_partial_shape_t`: the least and the greatest rank, and the address of the dimensions. */
const PARTIAL_SHAPE_WORDS = 3;
/** `ov_dimension_t`: the least and the greatest size; -1 for no bound. */
const DIMENSION_WORDS = 2;

/**
 * Reads all inputs or all outputs.
 *
 * @param model borrowed.
 * @param options.names the names of each port in the model's file; empty for other formats.
 * @throws {ServingError} INVALID_ARGUMENT for an element type without a dtype.
 */
export function readPorts(
  library: Library,
  model: Deno.PointerObject,
  { direction, names }: { direction: Direction; names: readonly PortNames[] },
): Port[] {
  const { symbols } = library;
  const action = `Cannot read the model's ${direction}s`;
  const isInput = direction === "input";
  const count = library.outNumber(
    (out) => isInput ? symbols.ov_model_inputs_size(model, out) : symbols.ov_model_outputs_size(model, out),
    action,
  );
  return Array.from({ length: count }, (_, i) => {
    const index = BigInt(i);
    const pointer = library.outPointer(
      (out) =>
        isInput
          ? symbols.ov_model_const_input_by_index(model, index, out)
          : symbols.ov_model_const_output_by_index(model, index, out),
      action,
    );
    using port = new Owned(pointer, { what: direction, free: symbols.ov_output_const_port_free });
    const portNames = readNames(library, port.pointer, { names, fallback: `${direction}_${i}`, index: i });
    const elementType = library.outNumber((out) => symbols.ov_port_get_element_type(port.pointer, out), action);
    const dtype = DTYPES.get(elementType);
    if (dtype === undefined) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Cannot use the ${direction} ${portNames[0]}: its element type ` +
          `${ELEMENT_TYPE_NAMES[elementType] ?? elementType} is not supported`,
      );
    }
    return { names: portNames, dtype, shape: readPartialShape(library, port.pointer) };
  });
}

/**
 * Returns the C library's preferred name of the tensor with a name; undefined when no input or output has that name.
 *
 * @param model borrowed.
 */
export function findPreferredName(
  library: Library,
  model: Deno.PointerObject,
  { name, direction }: { name: string; direction: Direction },
): string | undefined {
  const { symbols } = library;
  const out = nativeWords(1);
  const find = direction === "input" ? symbols.ov_model_const_input_by_name : symbols.ov_model_const_output_by_name;
  if (find(model, toCString(name), out) !== STATUS.OK) return undefined;
  using port = new Owned(pointerAt(out, 0), { what: direction, free: symbols.ov_output_const_port_free });
  if (symbols.ov_port_get_any_name(port.pointer, out) !== STATUS.OK) return undefined;
  return library.takeString(pointerAt(out, 0));
}

/** The runtime's preferred name first, which is the only one that the C library returns, then the others of the model's file. */
function readNames(
  library: Library,
  port: Deno.PointerObject,
  { names, fallback, index }: { names: readonly PortNames[]; fallback: string; index: number },
): readonly string[] {
  const out = nativeWords(1);
  if (library.symbols.ov_port_get_any_name(port, out) !== STATUS.OK) {
    return [names[index]?.nodeName ?? fallback];
  }
  const preferred = library.takeString(pointerAt(out, 0));
  const found = names.find(({ tensorNames }) => tensorNames.includes(preferred));
  return [preferred, ...(found?.tensorNames ?? []).filter((name) => name !== preferred)];
}

function readPartialShape(library: Library, port: Deno.PointerObject): PartialShape {
  const { symbols } = library;
  const struct = nativeWords(PARTIAL_SHAPE_WORDS);
  library.check(symbols.ov_port_get_partial_shape(port, struct), "Cannot read a shape");
  try {
    const [rankMin, rankMax] = new BigInt64Array(struct.buffer);
    if (rankMin !== rankMax) return undefined;
    const rank = Number(rankMin);
    if (rank === 0) return [];
    const words = new BigInt64Array(
      Deno.UnsafePointerView.getArrayBuffer(pointerAt(struct, 2), rank * DIMENSION_WORDS * 8),
    );
    return Array.from({ length: rank }, (_, axis): Dimension => {
      const max = Number(words[axis * DIMENSION_WORDS + 1]);
      return { min: Number(words[axis * DIMENSION_WORDS]), max: max < 0 ? Infinity : max };
    });
  } finally {
    symbols.ov_partial_shape_free(struct);
  }
}

/** `ov_partial_shape_t[]` with the dimensions it points to. */
export interface NativePartialShapes {
  readonly structs: BigUint64Array<ArrayBuffer>;
  /** Referenced by address: they must live as long. */
  readonly dimensions: readonly BigInt64Array<ArrayBuffer>[];
}

/** Lays out partial shapes for C. */
export function toNativePartialShapes(shapes: readonly PartialShape[]): NativePartialShapes {
  const structs = nativeWords(shapes.length * PARTIAL_SHAPE_WORDS);
  const signed = new BigInt64Array(structs.buffer);
  const dimensions = shapes.map((shape, i) => {
    const rank = shape?.length ?? 0;
    // One more element keeps the address from being null.
    const words = new BigInt64Array(nativeWords((rank + 1) * DIMENSION_WORDS).buffer);
    shape?.forEach(({ min, max }, axis) => {
      words[axis * DIMENSION_WORDS] = BigInt(min);
      words[axis * DIMENSION_WORDS + 1] = max === Infinity ? -1n : BigInt(max);
    });
    signed[i * PARTIAL_SHAPE_WORDS] = BigInt(rank);
    signed[i * PARTIAL_SHAPE_WORDS + 1] = shape === undefined ? -1n : BigInt(rank);
    structs[i * PARTIAL_SHAPE_WORDS + 2] = addressOf(words);
    return words;
  });
  return { structs, dimensions };
}

/** Whether a partial shape allows one shape only. */
export function isStatic(shape: PartialShape): boolean {
  return shape !== undefined && shape.every(({ min, max }) => min === max);
}

/** Whether two shapes are the same. */
export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) {
    if (a[axis] !== b[axis]) return false;
  }
  return true;
}
