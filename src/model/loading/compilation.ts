/**
 * Compiles a model the way it serves best: how many threads it gets and whether it is inferred in the event loop is found out by
 * measuring, unless the user says it.
 *
 * @module
 */
import type { TensorSpec } from "../../base/signature.ts";
import { toServingError } from "../../base/status.ts";
import type { CompiledModel, Model } from "../../engine/engine.ts";
import { type Clocks, IN_LOOP_MAX_US, measureInference, type Measurement } from "./measurement.ts";

/** What is known before a model is compiled. */
export interface CompilationOptions {
  readonly device: string;
  /** The engine's properties; what is not said here is chosen by measurement. */
  readonly properties: ReadonlyMap<string, string>;
  /** A folder where the engine keeps compiled models; undefined for none. */
  readonly cacheDir: string | undefined;
  /** Infer requests at work at once; undefined for the engine's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** How large the model's files are together. */
  readonly modelBytes: number;
  /** In place of the system's, for tests. */
  readonly clocks?: Clocks;
}

/** How the engine spreads inferences over a device, in its own words; undefined where the device does not say it. */
export interface Spreading {
  /** `LATENCY`, `THROUGHPUT`. */
  readonly hint: string | undefined;
  /** How many inferences run side by side. */
  readonly streams: number | undefined;
  /** How many threads all of them have together. */
  readonly threads: number | undefined;
  /** Whether each thread is kept on a processor of its own. */
  readonly isPinned: boolean | undefined;
}

/** A model compiled, and what was found out. */
export interface Compilation {
  /** Owned by the caller. */
  readonly compiled: CompiledModel;
  readonly spreading: Spreading;
  /** The quickest inference of zeros in microseconds; undefined where the model would not infer them. */
  readonly inferenceUs: number | undefined;
  /** Inputs of at most this many bytes are best inferred in the event loop; 0 for none. */
  readonly inLoopBytesMax: number;
  readonly notes: readonly string[];
  /** Compiles the model in the same way once more, as long as it is not disposed. What is returned is the caller's. */
  compileAgain(): Promise<CompiledModel>;
}

/**
 * Reading so many bytes of weights takes a core about as long as the loop may be held up, so a model with more is compiled for all
 * cores at once. A table of which an inference reads a few rows is the exception, which its first inference shows.
 */
export const LARGE_MODEL_BYTES = 8 * 1024 * 1024;
/** What a large model takes at most, off the loop and on all cores, to be tried in the loop all the same. */
const QUICK_LARGE_MODEL_US = 1000;

/** For models that are quick on one thread: no pool is woken. */
const ONE_THREAD: ReadonlyMap<string, string> = new Map([
  ["PERFORMANCE_HINT", "LATENCY"],
  ["INFERENCE_NUM_THREADS", "1"],
]);

/** For models that keep all of a device busy. */
const ALL_CORES: ReadonlyMap<string, string> = new Map([["PERFORMANCE_HINT", "THROUGHPUT"]]);

/** By these a user says how the work is spread. */
const SPREADING_PROPERTIES = ["PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS"];

/** A model compiled one way, and measured. */
interface Trial {
  readonly compiled: CompiledModel;
  readonly measured: Measurement | undefined;
}

/**
 * Compiles a model, off the loop.
 *
 * @param model borrowed.
 * @param inputs its inputs, in order.
 * @throws {ServingError} INVALID_ARGUMENT for the device or a property, INTERNAL when the engine fails otherwise.
 */
export async function compileMeasured(
  model: Model,
  inputs: readonly TensorSpec[],
  options: CompilationOptions,
): Promise<Compilation> {
  const notes: string[] = [];
  let chosen: ReadonlyMap<string, string> = new Map();
  const compile = (tuning: ReadonlyMap<string, string>) => {
    chosen = tuning;
    return compileTuned(model, options, { tuning, notes });
  };
  const { compiled, measured } = await choose(options, {
    compile,
    measure: (compiled) => disposeOnError(compiled, () => measureInference(compiled, inputs, options.clocks)),
  });
  const isInLoop = options.device === "CPU" && measured !== undefined && isBestInLoop(measured);
  return {
    compiled,
    spreading: spreadingOf(compiled),
    inferenceUs: measured?.us,
    // Inference takes longer with larger inputs: what fits into the limit is what was measured, scaled.
    inLoopBytesMax: isInLoop ? Math.floor(measured.inputBytes * IN_LOOP_MAX_US / measured.us) : 0,
    notes,
    compileAgain: () => compileTuned(model, options, { tuning: chosen, notes: [] }),
  };
}

function isBestInLoop({ isInLoop, us }: Measurement): boolean {
  return isInLoop && us <= IN_LOOP_MAX_US;
}

async function choose(
  { device, properties, modelBytes }: CompilationOptions,
  { compile, measure }: {
    compile: (tuning: ReadonlyMap<string, string>) => Promise<CompiledModel>;
    measure: (compiled: CompiledModel) => Promise<Measurement | undefined>;
  },
): Promise<Trial> {
  if (SPREADING_PROPERTIES.some((name) => properties.has(name))) {
    const compiled = await compile(new Map());
    return { compiled, measured: device === "CPU" ? await measure(compiled) : undefined };
  }
  // To infer on another device is to wait for it: nothing is gained in the loop.
  if (device !== "CPU") return { compiled: await compile(ALL_CORES), measured: undefined };
  if (modelBytes >= LARGE_MODEL_BYTES) {
    const compiled = await compile(ALL_CORES);
    const measured = await measure(compiled);
    if (!measured?.isInLoop || measured.us > QUICK_LARGE_MODEL_US) return { compiled, measured };
    compiled[Symbol.dispose]();
  }
  const compiled = await compile(ONE_THREAD);
  const measured = await measure(compiled);
  if (measured !== undefined && isBestInLoop(measured)) return { compiled, measured };
  compiled[Symbol.dispose]();
  return { compiled: await compile(ALL_CORES), measured };
}

/** Compiles with the cache, or without it where that fails: a cache is a convenience, and serving is not. */
async function compileTuned(
  model: Model,
  { device, properties, cacheDir, inferRequestCount }: CompilationOptions,
  { tuning, notes }: { tuning: ReadonlyMap<string, string>; notes: string[] },
): Promise<CompiledModel> {
  const all = new Map([...tuning, ...properties]);
  if (tuning === ALL_CORES && inferRequestCount !== undefined && !all.has("PERFORMANCE_HINT_NUM_REQUESTS")) {
    all.set("PERFORMANCE_HINT_NUM_REQUESTS", String(inferRequestCount));
  }
  if (cacheDir === undefined || all.has("CACHE_DIR")) return await model.compile({ device, properties: all });
  try {
    return await model.compile({ device, properties: new Map([...all, ["CACHE_DIR", cacheDir]]) });
  } catch (thrown) {
    const compiled = await model.compile({ device, properties: all });
    notes.push(`Compiled without the cache in ${cacheDir}: ${toServingError(thrown).message}`);
    return compiled;
  }
}

function spreadingOf(compiled: CompiledModel): Spreading {
  const numberOf = (name: string): number | undefined => {
    const number = Number(compiled.readProperty(name) || NaN);
    return Number.isNaN(number) ? undefined : number;
  };
  const pinning = compiled.readProperty("ENABLE_CPU_PINNING");
  return {
    hint: compiled.readProperty("PERFORMANCE_HINT"),
    streams: numberOf("NUM_STREAMS"),
    threads: numberOf("INFERENCE_NUM_THREADS"),
    isPinned: pinning === undefined ? undefined : pinning === "YES",
  };
}

/** Runs what may fail before a resource has found its owner: its failure disposes the resource. */
export async function disposeOnError<R>(resource: Disposable, action: () => R | Promise<R>): Promise<R> {
  try {
    return await action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}
