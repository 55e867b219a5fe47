/**
 * The signatures of a TensorFlow Lite file: the `SignatureDef`s that TensorFlow Serving reads from its metadata
 * (tensorflow/lite/tools/signature/signature_def_util.cc), else the file's own (tensorflow/compiler/mlir/lite/schema/schema.fbs).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { readSignatureDef } from "../saved_model/meta_graph.ts";

/** A signature: the model's tensor names by the names that clients use. */
export interface TfliteSignature {
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
  readonly methodName: string;
}

const METADATA_NAME = "signature_defs_metadata";
const TABLES_MAX = 100_000;

/** Fields of the tables that are read, by their place in the schema. */
const MODEL = { subgraphs: 2, buffers: 4, metadata: 6, signatures: 7 };
const METADATA = { name: 0, buffer: 1 };
const BUFFER = { data: 0 };
const SUBGRAPH = { tensors: 0 };
const TENSOR = { name: 3 };
const SIGNATURE = { inputs: 0, outputs: 1, key: 2, subgraph: 4 };
const TENSOR_MAP = { name: 0, tensor: 1 };

/**
 * Reads the signatures of a file.
 *
 * @returns an empty map for a file that has none.
 * @throws {ServingError} DATA_LOSS when the file is not a TensorFlow Lite model.
 */
export function readTfliteSignatures(bytes: Uint8Array): ReadonlyMap<string, TfliteSignature> {
  try {
    const model = Table.root(bytes);
    const fromMetadata = readMetadata(model);
    return fromMetadata.size > 0 ? fromMetadata : readOwn(model);
  } catch (cause) {
    throw new ServingError(CODE.DATA_LOSS, "Cannot read the signatures of the .tflite file: it is damaged", { cause });
  }
}

function readMetadata(model: Table): Map<string, TfliteSignature> {
  const signatures = new Map<string, TfliteSignature>();
  const metadata = model.tables(MODEL.metadata).find((entry) => entry.text(METADATA.name) === METADATA_NAME);
  const data = metadata && model.tables(MODEL.buffers)[metadata.number(METADATA.buffer)]?.bytes(BUFFER.data);
  if (data === undefined) return signatures;
  for (const [key, value] of readFlexMap(data)) {
    const { inputs, outputs, methodName } = readSignatureDef(value);
    const names = (infos: typeof inputs): Map<string, string> =>
      new Map(infos.map(({ alias, tensorName }) => [alias, tensorName.replace(/:0$/, "")]));
    signatures.set(key, { inputs: names(inputs), outputs: names(outputs), methodName });
  }
  return signatures;
}

function readOwn(model: Table): Map<string, TfliteSignature> {
  const subgraphs = model.tables(MODEL.subgraphs);
  const signatures = new Map<string, TfliteSignature>();
  for (const signature of model.tables(MODEL.signatures)) {
    const index = signature.number(SIGNATURE.subgraph);
    // The runtime reads the first subgraph.
    if (index !== 0) continue;
    const tensors = subgraphs[index]?.tables(SUBGRAPH.tensors) ?? [];
    const names = (field: number): Map<string, string> =>
      new Map(
        signature.tables(field).map((entry) => [
          entry.text(TENSOR_MAP.name),
          tensors[entry.number(TENSOR_MAP.tensor)]?.text(TENSOR.name) ?? "",
        ]),
      );
    signatures.set(signature.text(SIGNATURE.key), {
      inputs: names(SIGNATURE.inputs),
      outputs: names(SIGNATURE.outputs),
      methodName: "",
    });
  }
  return signatures;
}

const decoder = new TextDecoder();

/** A table of a FlatBuffer (https://flatbuffers.dev/internals). Reads past the end throw a RangeError. */
class Table {
  readonly #view: DataView;
  readonly #at: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  static root(bytes: Uint8Array): Table {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Table(view, view.getUint32(0, true));
  }

  /** Where a field's value is; undefined when it is left out. */
  #field(index: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * index;
    if (entry >= this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + entry, true);
    return offset === 0 ? undefined : this.#at + offset;
  }

  number(index: number): number {
    const at = this.#field(index);
    return at === undefined ? 0 : this.#view.getUint32(at, true);
  }

  bytes(index: number): Uint8Array | undefined {
    const vector = this.#vector(index);
    if (vector === undefined) return undefined;
    const { start, length } = vector;
    if (start + length > this.#view.byteLength) throw new RangeError("A vector runs past the end");
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length);
  }

  text(index: number): string {
    return decoder.decode(this.bytes(index));
  }

  tables(index: number): Table[] {
    const vector = this.#vector(index);
    if (vector === undefined) return [];
    if (vector.length > TABLES_MAX) throw new RangeError("A vector is too long");
    return Array.from({ length: vector.length }, (_, i) => {
      const at = vector.start + 4 * i;
      return new Table(this.#view, at + this.#view.getUint32(at, true));
    });
  }

  #vector(index: number): { start: number; length: number } | undefined {
    const at = this.#field(index);
    if (at === undefined) return undefined;
    const start = at + this.#view.getUint32(at, true);
    return { start: start + 4, length: this.#view.getUint32(start, true) };
  }
}

/** `FBT_MAP` of FlexBuffers. */
const FLEX_MAP = 9;

/** The entries of a FlexBuffer that is a map of strings (https://flatbuffers.dev/internals, FlexBuffers). */
function readFlexMap(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (at: number, width: number): number => {
    if (width === 1) return view.getUint8(at);
    if (width === 2) return view.getUint16(at, true);
    return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
  };
  const rootWidth = view.getUint8(bytes.length - 1);
  const rootType = view.getUint8(bytes.length - 2);
  if (rootType >> 2 !== FLEX_MAP) throw new RangeError("The metadata is not a map");
  const rootAt = bytes.length - 2 - rootWidth;
  const map = rootAt - number(rootAt, rootWidth);
  const width = 1 << (rootType & 3);
  const count = number(map - width, width);
  if (count > TABLES_MAX) throw new RangeError("A map is too long");
  const keysWidth = number(map - 2 * width, width);
  const keysAt = map - 3 * width;
  const keys = keysAt - number(keysAt, width);
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const keyAt = keys + i * keysWidth;
    const key = keyAt - number(keyAt, keysWidth);
    const keyEnd = bytes.indexOf(0, key);
    const valueAt = map + i * width;
    const value = valueAt - number(valueAt, width);
    const valueWidth = 1 << (view.getUint8(map + count * width + i) & 3);
    const length = number(value - valueWidth, valueWidth);
    if (keyEnd < 0 || value + length > bytes.length) throw new RangeError("A value runs past the end");
    entries.set(decoder.decode(bytes.subarray(key, keyEnd)), bytes.subarray(value, value + length));
  }
  return entries;
}
