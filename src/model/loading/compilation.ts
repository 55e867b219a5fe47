/**
 * Compiles a model the way it serves best: a measurement decides how many threads it gets and whether it is inferred in the event loop,
 * unless the user does.
 *
 * @module
 */
import type { TensorSpec } from "../../base/signature.ts";
import { toServingError } from "../../base/status.ts";
import type { CompiledModel, Model } from "../../engine/engine.ts";
import { currentProperties } from "../property_names.ts";
import { type Clocks, IN_LOOP_MAX_US, measureInference, type Measurement } from "./measurement.ts";

/** How to compile a model. */
export interface CompilationOptions {
  readonly device: string;
  /** The engine's properties; the others are chosen by measurement. */
  readonly properties: ReadonlyMap<string, string>;
  /** A folder where the engine keeps compiled models; undefined for none. */
  readonly cacheDir: string | undefined;
  /** How many infer requests run at once; undefined for the engine's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** The size of all files of the model. */
  readonly modelBytes: number;
  /** Replace the system's, for tests. */
  readonly clocks?: Clocks;
}

/** How the engine spreads inferences over a device, in its own terms; undefined where the device does not report it. */
export interface Spreading {
  /** `LATENCY`, `THROUGHPUT`. */
  readonly hint: string | undefined;
  /** How many inferences run in parallel. */
  readonly streams: number | undefined;
  /** How many threads they have in total. */
  readonly threads: number | undefined;
  /** Whether each thread is pinned to a processor. */
  readonly isPinned: boolean | undefined;
}

/** A compiled model, and what the measurement found. */
export interface Compilation {
  /** Owned by the caller. */
  readonly compiled: CompiledModel;
  readonly spreading: Spreading;
  /** The fastest inference of zeros in microseconds; undefined where the model does not infer them. */
  readonly inferenceUs: number | undefined;
  /** Inputs of at most this many bytes are best inferred in the event loop; 0 for none. */
  readonly inLoopBytesMax: number;
  readonly notes: readonly string[];
  /** Compiles the model again in the same way; it must not be disposed yet. The caller owns the result. */
  compileAgain(): Promise<CompiledModel>;
}

/**
 * Reading this many bytes of weights takes a core about as long as the loop may be blocked, so a larger model is compiled for all cores
 * at once. A table of which an inference reads a few rows is an exception, which its first inference shows.
 */
export const LARGE_MODEL_BYTES = 8 * 1024 * 1024;
/** A large model that is at most this slow, off the loop and on all cores, is tried in the loop as well. */
const QUICK_LARGE_MODEL_US = 1000;

/** For models that are fast on one thread: no thread pool is woken. */
const ONE_THREAD: ReadonlyMap<string, string> = new Map([
  ["PERFORMANCE_HINT", "LATENCY"],
  ["INFERENCE_NUM_THREADS", "1"],
]);

/** For models that keep all of a device busy. */
const ALL_CORES: ReadonlyMap<string, string> = new Map([["PERFORMANCE_HINT", "THROUGHPUT"]]);

/** The properties by which a user decides how the work is spread. */
const SPREADING_PROPERTIES = ["PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS"];

/** One way to compile the model, measured. */
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
  given: CompilationOptions,
): Promise<Compilation> {
  const { properties, notes: translations } = currentProperties(given.properties);
  const options = { ...given, properties };
  const notes = [...translations];
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
  // Inferring on another device means waiting for it: the loop gains nothing.
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

/** Compiles with the cache, or without it if that fails: a version serves even if its cache does not work. */
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

/** Runs an action that may fail while a resource has no owner yet; its failure disposes the resource. */
export async function disposeOnError<R>(resource: Disposable, action: () => R | Promise<R>): Promise<R> {
  try {
    return await action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}
