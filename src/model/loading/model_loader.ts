/**
 * Makes a servable of a model's files: read, name, reshape, compile, warm up.
 *
 * @module
 */
import { basename } from "node:path";
import { formatPartialShape, type PartialShape } from "../../base/signature.ts";
import { assert, ServingError } from "../../base/status.ts";
import type { CompiledModel, Engine, Model } from "../../engine/engine.ts";
import type { BatchingOptions } from "../batching/batch_predictor.ts";
import { type BatchingProbe, probeBatching } from "../batching/batching_probe.ts";
import { type Compilation, compileMeasured, disposeOnError, LARGE_MODEL_BYTES, type Spreading } from "./compilation.ts";
import { applyMapping, readMappingConfig } from "./mapping_config.ts";
import { measureInLoopBytes } from "./measurement.ts";
import { accessError, fileIn, type ModelFiles, type Place } from "../source/model_files.ts";
import { ModelServable, type ModelServableOptions } from "../model_servable.ts";
import { type BatchSize, planReshape, type ShapeSpec } from "./reshape.ts";
import { readSignatures } from "../saved_model/saved_model.ts";
import {
  type NamedSignatures,
  type ServableSignature,
  signaturesOfPorts,
  signaturesOfSavedModel,
  toServableSignature,
} from "./signatures.ts";
import { type DecodeWarmUp, inferZeros, replayRequests } from "./warm_up.ts";

/** How to load a model. */
export interface LoadOptions {
  readonly files: ModelFiles;
  /** Shapes in place of the model's own. */
  readonly shape: ShapeSpec | undefined;
  /** Left alone where `shape` says something. */
  readonly batchSize: BatchSize | undefined;
  readonly device: string;
  /** The engine's properties; what is not said here is chosen by measurement. */
  readonly properties: ReadonlyMap<string, string>;
  /** A folder where the engine keeps compiled models; undefined for none. */
  readonly cacheDir: string | undefined;
  /** Infer requests at work at once; undefined for the engine's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** On how many threads besides this one the model is to be inferred. */
  readonly otherThreads: number;
  readonly waitersMax: number;
  /** Whether integers that the runtime would compute wrong are refused. */
  readonly checksIntegerRange: boolean;
  /** How requests share inferences, where the model allows it; undefined if each has its own. */
  readonly batching: BatchingOptions | undefined;
  /** How to read the requests of `files.warmupPath`. */
  readonly decodeWarmUp: DecodeWarmUp;
  /** How often each of them is run. */
  readonly warmUpIterations: number;
}

/** What loading found out, for the log. */
export interface LoadReport extends Spreading {
  readonly device: string;
  readonly inferRequestCount: number;
  /** The quickest inference of zeros in microseconds; undefined where it was not measured. */
  readonly inferenceUs: number | undefined;
  /** Whether inputs of some size are inferred in the event loop, and of how many bytes at most; 0 for none. */
  readonly isInLoop: boolean;
  readonly inLoopBytesMax: number;
  /** Whether requests share inferences, and how many rows one takes at most; undefined where each has its own. */
  readonly isBatched: boolean;
  readonly batchRowsMax: number | undefined;
  /** Sentences about what is odd and was no reason not to serve. */
  readonly notes: readonly string[];
}

/**
 * Loads a model.
 *
 * @returns a servable the caller owns, and what was found out.
 * @throws {ServingError} what the engine says of the file, the shapes, the device or the properties; INVALID_ARGUMENT for a mapping
 * that does not fit; whatever a recorded warm-up request fails with.
 */
export async function loadModel(
  engine: Engine,
  options: LoadOptions,
): Promise<{ servable: ModelServable; report: LoadReport }> {
  const { files, inferRequestCount } = options;
  using model = await engine.read(files.path);
  const named = await nameSignatures(model, files);
  const reshapeNotes = reshape(model, named, options);
  const signatures = new Map(
    [...named.signatures].map(([name, signature]) => [name, toServableSignature(signature, model, options)] as const),
  );
  // Whatever the signatures call them, the inputs of all of them are the model's.
  const [signature] = signatures.values();
  assert(signature !== undefined, "A model has no signature");
  const modelBytes = files.bytes;
  const compilation = await compileMeasured(model, signature.inputs, { ...options, modelBytes });
  const { compiled, inferenceUs } = compilation;
  const { options: batching, inLoopBytesMax, notes: batchingNotes } = await probe(compilation, options);
  const copies = await copy(compilation, { ...options, modelBytes, isInLoop: inLoopBytesMax > 0 });
  const servable = newServable([compiled, ...copies], {
    compiled,
    copies,
    signatures,
    inferRequestCount: inferRequestCount ?? compiled.inferRequestsOptimal,
    inLoopBytesMax,
    waitersMax: options.waitersMax,
    batching,
  });
  const warmUpNotes = await disposeOnError(servable, () => warmUp(servable, signature, options));
  return {
    servable,
    report: {
      device: options.device,
      ...compilation.spreading,
      inferRequestCount: servable.inferRequestCount,
      inferenceUs,
      isInLoop: inLoopBytesMax > 0,
      inLoopBytesMax,
      isBatched: batching !== undefined,
      batchRowsMax: batching?.batchRowsMax,
      notes: [
        ...named.notes,
        ...narrowingNotes(signature, model),
        ...reshapeNotes,
        ...compilation.notes,
        ...batchingNotes,
        ...warmUpNotes,
      ],
    },
  };
}

/** Says of which inputs the runtime drops digits: those are no reason not to answer. */
function narrowingNotes({ inputs }: ServableSignature, model: Model): string[] {
  return model.inputs.flatMap(({ dtype, computedAs }, i) =>
    computedAs === "f32"
      ? [`The input ${inputs[i]?.name} is ${dtype}, and the runtime computes it as ${computedAs}`]
      : []
  );
}

async function nameSignatures(model: Model, { format, path, mappingPath }: ModelFiles): Promise<NamedSignatures> {
  const named = format === "saved_model"
    ? signaturesOfSavedModel(model, await readFile(fileIn(path, "saved_model.pb"), readSignatures))
    : signaturesOfPorts(model);
  if (mappingPath === undefined) return named;
  const place = { path: mappingPath, name: basename(mappingPath) };
  return applyMapping(named, await readFile(place, readMappingConfig), model);
}

/** Reads a file that was there when the model was found. */
async function readFile<T>(place: Place, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(place.path);
  } catch (thrown) {
    throw thrown instanceof ServingError ? thrown : accessError(place, thrown);
  }
}

function reshape(model: Model, named: NamedSignatures, { shape, batchSize }: LoadOptions): readonly string[] {
  const ports = [...named.signatures.values()].flatMap(({ inputs }) => inputs);
  const nameOf = (index: number): string => ports.find(({ port }) => port === index)?.name ?? "";
  const { shapes, notes } = planReshape(model.inputs.map((input, i) => ({ name: nameOf(i), shape: input.shape })), {
    shape,
    batchSize,
    findInput: (name) =>
      ports.find((port) => port.name === name || port.tensorName === name)?.port ?? model.findPort(name, "input"),
  });
  const changed = new Map<string, PartialShape>();
  model.inputs.forEach(({ names: [name = ""], shape: old }, i) => {
    const wanted = shapes[i];
    if (wanted !== undefined && formatPartialShape(wanted) !== formatPartialShape(old)) changed.set(name, wanted);
  });
  if (changed.size > 0) model.reshape(changed);
  return notes;
}

async function probe(
  { compiled, inLoopBytesMax }: Compilation,
  { batching: options }: LoadOptions,
): Promise<BatchingProbe> {
  if (options === undefined) {
    const bytes = await disposeOnError(compiled, () => widenInLoop(compiled, inLoopBytesMax));
    return { options, inLoopBytesMax: bytes, notes: [] };
  }
  return await disposeOnError(compiled, () => probeBatching(compiled, { options, inLoopBytesMax }));
}

/** How many bytes of inputs with several rows, where those are for the client to choose, are best inferred in the loop. */
async function widenInLoop(compiled: CompiledModel, inLoopBytesMax: number): Promise<number> {
  const rowsMax = Math.max(...compiled.inputs.map(({ shape: [first] = [] }) => first?.max ?? 1));
  if (inLoopBytesMax === 0 || compiled.inputs.every(({ shape: [first] = [] }) => first?.min === first?.max)) {
    return inLoopBytesMax;
  }
  using request = compiled.createInferRequest();
  return Math.max(inLoopBytesMax, await measureInLoopBytes(request, { ports: compiled.inputs, rowsMax }));
}

/**
 * Copies of a model that is inferred in several event loops, one for each besides the first: OpenVINO infers a model with one stream
 * for one thread at a time. A large one is shared all the same, for its memory.
 */
async function copy(
  { compiled, compileAgain }: Compilation,
  { otherThreads, modelBytes, isInLoop }: LoadOptions & { modelBytes: number; isInLoop: boolean },
): Promise<readonly CompiledModel[]> {
  if (!isInLoop || modelBytes >= LARGE_MODEL_BYTES) return [];
  using unlessDone = new DisposableStack();
  unlessDone.use(compiled);
  const copies: CompiledModel[] = [];
  for (let i = 0; i < otherThreads; i++) copies.push(unlessDone.use(await compileAgain()));
  unlessDone.move();
  return copies;
}

function newServable(owned: readonly CompiledModel[], options: ModelServableOptions): ModelServable {
  try {
    return new ModelServable(options);
  } catch (error) {
    for (const compiled of owned) compiled[Symbol.dispose]();
    throw error;
  }
}

async function warmUp(
  servable: ModelServable,
  signature: ServableSignature,
  { files: { warmupPath }, warmUpIterations, decodeWarmUp }: LoadOptions,
): Promise<readonly string[]> {
  if (warmupPath === undefined) return await inferZeros(servable, signature);
  return await replayRequests(servable, { path: warmupPath, iterations: warmUpIterations, decode: decodeWarmUp });
}
