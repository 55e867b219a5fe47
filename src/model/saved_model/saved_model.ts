/**
 * Reads the signatures of a TensorFlow SavedModel: what clients call the tensors, and what the graph calls them. Skips the
 * graph itself, however large (tensorflow/core/protobuf/{saved_model,meta_graph}.proto).
 *
 * @module
 */
import { basename } from "node:path";
import { CODE, ServingError } from "../../base/status.ts";
import { WireFields } from "../../protobuf/wire_fields.ts";
import { readFieldHead } from "../../protobuf/wire_reader.ts";

/** A signature as a SavedModel has it: the graph's tensor names by the names clients use. */
export interface SavedSignature {
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
  /** `tensorflow/serving/predict` and the like. */
  readonly methodName: string;
}

/** The tag of the graph to serve (TensorFlow Serving's default of `--saved_model_tags`). */
const SERVE_TAG = "serve";
/** Enough for the head of any field. */
const HEAD_BYTES_MAX = 20;
/** The most bytes one tag set or one signature may have: far more than any, and little enough to be read at once. */
const PART_BYTES_MAX = 16 * 1024 * 1024;

/** A stretch of the file. */
interface Range {
  readonly start: number;
  readonly end: number;
}

interface Part extends Range {
  readonly field: number;
}

/**
 * Reads the signatures of the graph that is to be served. What a signature feeds with defaults or takes as sparse tensors has
 * no name here and an empty one in its place.
 *
 * @param path of `saved_model.pb`.
 * @throws {ServingError} DATA_LOSS when the file is no SavedModel; what `Deno.open` throws when it cannot be read.
 */
export async function readSignatures(path: string): Promise<ReadonlyMap<string, SavedSignature>> {
  using file = await Deno.open(path);
  try {
    const { size } = await file.stat();
    return await readServedGraph(file, { start: 0, end: size });
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    throw new ServingError(CODE.DATA_LOSS, `Cannot read ${basename(path)}: it is no whole SavedModel`, {
      detail: `Cannot read ${path}: it is no whole SavedModel`,
      cause: error,
    });
  }
}

async function readServedGraph(file: Deno.FsFile, all: Range): Promise<ReadonlyMap<string, SavedSignature>> {
  let first: ReadonlyMap<string, SavedSignature> | undefined;
  for (const graph of await readParts(file, all)) {
    if (graph.field !== 2) continue;
    const parts = await readParts(file, graph);
    const info = parts.find(({ field }) => field === 1);
    const tags = info === undefined ? [] : (await readMessage(file, info)).texts(4);
    // A graph for GPUs has the tag too, and one more: it is another.
    const isServed = tags.length === 1 && tags[0] === SERVE_TAG;
    if (!isServed && (first !== undefined || !tags.includes(SERVE_TAG))) continue;
    const signatures = await readGraphSignatures(file, parts);
    if (isServed) return signatures;
    first = signatures;
  }
  return first ?? new Map();
}

async function readGraphSignatures(file: Deno.FsFile, parts: readonly Part[]): Promise<Map<string, SavedSignature>> {
  const signatures = new Map<string, SavedSignature>();
  for (const part of parts) {
    if (part.field !== 5) continue;
    const entry = await readMessage(file, part);
    const signature = entry.message(2);
    signatures.set(entry.text(1), {
      inputs: tensorNames(signature.map(1)),
      outputs: tensorNames(signature.map(2)),
      methodName: signature.text(3),
    });
  }
  return signatures;
}

function tensorNames(infos: ReadonlyMap<string, WireFields>): Map<string, string> {
  return new Map([...infos].map(([name, info]) => [name, info.text(1)]));
}

/** The delimited fields in a stretch of the file, without reading what is in them. */
async function readParts(file: Deno.FsFile, { start, end }: Range): Promise<Part[]> {
  const parts: Part[] = [];
  for (let offset = start; offset < end;) {
    const view = await readBytes(file, { start: offset, end: Math.min(end, offset + HEAD_BYTES_MAX) });
    const head = readFieldHead(view);
    const valueStart = offset + head.start;
    offset = valueStart + head.bytes;
    if (offset > end) throw new ServingError(CODE.DATA_LOSS, "A field is longer than the file");
    if (head.isDelimited) parts.push({ field: head.field, start: valueStart, end: offset });
  }
  return parts;
}

async function readMessage(file: Deno.FsFile, part: Part): Promise<WireFields> {
  if (part.end - part.start > PART_BYTES_MAX) throw new ServingError(CODE.DATA_LOSS, "A signature is too large");
  return new WireFields(await readBytes(file, part));
}

async function readBytes(file: Deno.FsFile, { start, end }: Range): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  await file.seek(start, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) throw new ServingError(CODE.DATA_LOSS, "The file became shorter");
    filled += count;
  }
  return bytes;
}
