/**
 * The MetaGraphs of a `saved_model.pb` (tensorflow/core/protobuf/{saved_model,meta_graph,saver}.proto): which one is to be served,
 * its signatures, and where its graph lies in the file.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import { WIRE, WireReader } from "../../protobuf/wire_reader.ts";
import { WireFields } from "../../protobuf/wire_fields.ts";
import { readShape, readTensor } from "./graph/tensor_proto.ts";

/** An input or output of a signature, as `TensorInfo` says it. */
export interface TensorInfo {
  /** The name clients use. */
  readonly alias: string;
  /** `node:index`; empty for a sparse or composite tensor. */
  readonly tensorName: string;
  /** TensorFlow's number of the element type. */
  readonly dataType: number;
  readonly shape: PartialShape;
}

/** A `SignatureDef`. Inputs and outputs in the order of their aliases. */
export interface SignatureDef {
  readonly methodName: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** What inputs that a request leaves out are, by alias. */
  readonly defaults: ReadonlyMap<string, Tensor>;
}

/** A graph with its signatures. Views borrow the file's bytes. */
export interface MetaGraph {
  readonly tags: readonly string[];
  /** The `GraphDef`. */
  readonly graph: Uint8Array;
  readonly signatures: ReadonlyMap<string, SignatureDef>;
  /** Files below `assets/`, by the name of the tensor that holds their path. */
  readonly assets: ReadonlyMap<string, string>;
}

/** What TensorFlow runs when it loads or trains a SavedModel stands among the signatures, and is none. */
const INTERNAL_SIGNATURES = new Set(["__saved_model_init_op", "__saved_model_train_op"]);
const META_GRAPHS_MAX = 64;

/**
 * Finds the MetaGraph with exactly the tags asked for, as TensorFlow's loader does.
 *
 * @param bytes of `saved_model.pb`, borrowed by what is returned.
 * @throws {ServingError} NOT_FOUND with the tags there are when none has these; DATA_LOSS when the file is no SavedModel.
 */
export function findMetaGraph(bytes: Uint8Array, tags: readonly string[]): MetaGraph {
  const wanted = formatTags(tags);
  try {
    const all = readMetaGraphs(bytes);
    const found = all.find((metaGraph) => formatTags(metaGraph.tags) === wanted);
    if (found !== undefined) return found.read();
    const present = all.map((metaGraph) => `{ ${formatTags(metaGraph.tags)} }`).join(", ");
    throw new ServingError(
      CODE.NOT_FOUND,
      `Could not find meta graph def matching supplied tags: { ${wanted} }. The saved_model.pb has ${
        present || "none"
      }; name one of them with --saved_model_tags`,
    );
  } catch (error) {
    if (error instanceof ServingError && error.code === CODE.NOT_FOUND) throw error;
    throw new ServingError(CODE.DATA_LOSS, "Cannot read saved_model.pb: it is not a complete SavedModel", {
      cause: error,
    });
  }
}

function formatTags(tags: readonly string[]): string {
  return [...new Set(tags)].sort().join(" ");
}

interface UnreadMetaGraph {
  readonly tags: readonly string[];
  read(): MetaGraph;
}

function readMetaGraphs(bytes: Uint8Array): UnreadMetaGraph[] {
  const reader = new WireReader(bytes);
  const all: UnreadMetaGraph[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag !== (2 << 3 | WIRE.LENGTH)) {
      reader.skip(tag);
      continue;
    }
    if (all.length === META_GRAPHS_MAX) throw new ServingError(CODE.INVALID_ARGUMENT, "There are too many MetaGraphs");
    const view = reader.readView();
    const fields = new WireFields(view);
    const tags = fields.message(1).texts(4);
    all.push({ tags, read: () => readMetaGraph(fields, tags) });
  }
  return all;
}

function readMetaGraph(fields: WireFields, tags: readonly string[]): MetaGraph {
  const signatures = new Map<string, SignatureDef>();
  for (const [name, signature] of [...fields.map(5)].sort(([a], [b]) => a < b ? -1 : 1)) {
    if (!INTERNAL_SIGNATURES.has(name)) signatures.set(name, readSignature(signature));
  }
  const assets = new Map<string, string>();
  for (const asset of fields.messages(6)) assets.set(asset.message(1).text(1), asset.text(2));
  return { tags, graph: fields.view(2) ?? new Uint8Array(0), signatures, assets };
}

/** Reads a `SignatureDef` by itself. */
export function readSignatureDef(bytes: Uint8Array): SignatureDef {
  return readSignature(new WireFields(bytes));
}

function readSignature(fields: WireFields): SignatureDef {
  const defaults = new Map<string, Tensor>();
  for (const entry of fields.messages(4)) {
    const tensor = readTensor(entry.view(2) ?? new Uint8Array(0));
    if (tensor !== undefined) defaults.set(entry.text(1), tensor);
  }
  return { methodName: fields.text(3), inputs: readInfos(fields, 1), outputs: readInfos(fields, 2), defaults };
}

function readInfos(fields: WireFields, field: number): TensorInfo[] {
  const infos = [...fields.map(field)].map(([alias, info]): TensorInfo => {
    const shape = info.view(3);
    return {
      alias,
      tensorName: info.text(1),
      dataType: info.number(2),
      shape: shape === undefined ? undefined : readShape(shape),
    };
  });
  return infos.sort((a, b) => a.alias < b.alias ? -1 : 1);
}
