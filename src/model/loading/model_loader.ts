/**
 * Turns the files of a version into a servable: reads the model, names its tensors, reshapes, compiles and warms it up.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { formatPartialShape, type PartialShape } from "../../base/signature.ts";
import { assert, ServingError } from "../../base/status.ts";
import type { Engine, Model } from "../../engine/engine.ts";
import { disposeOnError } from "./compilation.ts";
import { disposeGraphs, loadGraph } from "./graph_loader.ts";
import type { LoadOptions, LoadReport } from "./load_options.ts";
import { applyMapping, readMappingConfig } from "./mapping_config.ts";
import { accessError, type ModelFiles, type Place } from "../source/model_files.ts";
import { ModelServable, type ModelServableOptions } from "../model_servable.ts";
import { withPrecision } from "./precision.ts";
import { planReshape } from "./reshape.ts";
import { loadSavedModel } from "./saved_model_loader.ts";
import { stampOf } from "./saved_model_files.ts";
import {
  type NamedSignatures,
  type ServableSignature,
  signaturesOfPorts,
  signaturesOfTflite,
  toServableSignature,
} from "./signatures.ts";
import { readTfliteSignatures } from "./tflite_signatures.ts";
import { variantCompiler } from "./variant_compiler.ts";
import { inferZeros, replayRequests } from "./warm_up.ts";

/**
 * Loads a model.
 *
 * @returns a servable that the caller owns, and a report of how it runs.
 * @throws {ServingError} the engine's error for the file, the shapes, the device or the properties; INVALID_ARGUMENT for a mapping
 * that does not fit the model; the error of a recorded warm-up request.
 */
export async function loadModel(
  engine: Engine,
  asked: LoadOptions,
): Promise<{ servable: ModelServable; report: LoadReport }> {
  const { files, device, inferencePrecision: precision } = asked;
  const properties = withPrecision(asked.properties, { precision, format: files.format, device });
  const options = { ...asked, properties };
  if (files.format === "saved_model") return await loadSavedModel(engine, options);
  using model = await engine.read(files.path);
  const named = await nameSignatures(model, files);
  const reshapeNotes = reshape(model, named, options);
  const signatures = new Map(
    [...named.signatures].map(([name, signature]) =>
      [name, toServableSignature(signature, model, { ...options, takesAnyShape: takesAnyShape(options) })] as const
    ),
  );
  // All signatures have the model's inputs, under their own names.
  const [signature] = signatures.values();
  assert(signature !== undefined, "A model has no signature");
  const { graph, report, notes } = await loadGraph(model, { ...options, modelBytes: files.bytes });
  const variants = takesAnyShape(options) ? await variantsOf(engine, options) : {};
  const servable = newServable({ signatures, graphs: [graph], ...variants });
  const warmUpNotes = await disposeOnError(servable, () => warmUp(servable, signature, options));
  return {
    servable,
    report: {
      device: options.device,
      ...report,
      inferRequestCount: servable.inferRequestCount,
      notes: [
        ...named.notes,
        ...narrowingNotes(signature, model),
        ...reshapeNotes,
        ...notes,
        ...warmUpNotes,
      ],
    },
  };
}

/** Notes the inputs that the runtime computes with less precision. That is no reason to refuse requests. */
function narrowingNotes({ inputs }: ServableSignature, model: Model): string[] {
  return model.inputs.flatMap(({ dtype, computedAs }, i) =>
    computedAs === "f32"
      ? [`The input ${inputs[i]?.name} is ${dtype}, and the runtime computes it as ${computedAs}`]
      : []
  );
}

async function nameSignatures(model: Model, { format, path, mappingPath }: ModelFiles): Promise<NamedSignatures> {
  const named = format === "tflite"
    ? signaturesOfTflite(model, readTfliteSignatures(await readFile({ path, name: basename(path) }, Deno.readFile)))
    : signaturesOfPorts(model);
  if (mappingPath === undefined) return named;
  const place = { path: mappingPath, name: basename(mappingPath) };
  return applyMapping(named, await readFile(place, readMappingConfig), model);
}

/** Reads a file that existed when the model was found. */
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

/** TensorFlow Lite's interpreter resizes its inputs to the shapes of a request. */
function takesAnyShape({ files, shape, batchSize }: LoadOptions): boolean {
  return files.format === "tflite" && shape === undefined && batchSize === undefined;
}

async function variantsOf(
  engine: Engine,
  { files: { path }, device, properties, onVariant }: LoadOptions,
): Promise<Pick<ModelServableOptions, "variantSource" | "compileVariant">> {
  const stamp = await stampOf(dirname(path));
  const variantSource = { kind: "file" as const, path, stamp, device, properties };
  return { variantSource, compileVariant: variantCompiler(engine, variantSource, onVariant) };
}

function newServable(options: ModelServableOptions): ModelServable {
  try {
    return new ModelServable(options);
  } catch (error) {
    disposeGraphs(options.graphs);
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
