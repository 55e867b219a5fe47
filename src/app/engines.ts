/**
 * Finds and opens engines by name: the only file that knows which engines there are and what each is opened from.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Engine, EngineSpec } from "../engine/engine.ts";
import { FfiEngine } from "../engine/openvino_ffi/engine.ts";
import { findRuntime, findTokenizers } from "../engine/openvino_ffi/runtime/discovery.ts";
import { unpackEmbeddedRuntime } from "../engine/openvino_ffi/runtime/embedded.ts";
import { availableCores } from "../system/available_cores.ts";

/** What a user may say about an engine's libraries. */
export type EngineLibraries = Pick<Config, "openvinoDir" | "runtimeDir" | "extensions">;

/** How one kind of engine is found and opened. */
interface EngineKind {
  /** @throws {ServingError} FAILED_PRECONDITION when this machine does not have it. */
  find(libraries: EngineLibraries): Omit<EngineSpec, "name" | "cpuThreadsMax">;
  /** @throws {ServingError} FAILED_PRECONDITION when it cannot be opened or is of another release. */
  open(spec: EngineSpec): Engine;
}

const ENGINES: ReadonlyMap<string, EngineKind> = new Map([
  ["openvino_ffi", {
    find: ({ openvinoDir, runtimeDir, extensions: named }) => {
      const runtime = findRuntime({ directory: openvinoDir, embeddedDir: () => unpackEmbeddedRuntime(runtimeDir) });
      const tokenizers = findTokenizers(runtime.path);
      const extensions = [
        ...(tokenizers === undefined ? [] : [{ path: tokenizers, isOptional: true }]),
        ...named.map((path) => ({ path, isOptional: false })),
      ];
      return { ...runtime, extensions };
    },
    open: ({ path, cpuThreadsMax, extensions }) => new FfiEngine(path, { cpuThreadsMax, extensions }),
  }],
]);

/** The engine of a server that names none. */
export const DEFAULT_ENGINE = "openvino_ffi";

/**
 * Finds an engine on this machine, for the processors this process may use. Loads nothing yet.
 *
 * @throws {ServingError} FAILED_PRECONDITION when the machine does not have it.
 * @throws {Error} with the names there are when `name` is not one of them.
 */
export function findEngine(name: string, libraries: EngineLibraries): EngineSpec {
  const cores = availableCores();
  // Engines respect the affinity of the process, but none of them reads its quota.
  const cpuThreadsMax = cores.limit === "quota" ? cores.count : undefined;
  return { name, ...kindOf(name).find(libraries), cpuThreadsMax };
}

/**
 * Opens an engine that was found, on this thread or on another of the same process.
 *
 * @returns the engine, which the caller owns.
 * @throws {ServingError} FAILED_PRECONDITION when it or an extension cannot be opened, or it is of another release.
 */
export function openEngine(spec: EngineSpec): Engine {
  return kindOf(spec.name).open(spec);
}

/**
 * Refuses several serving threads where the engine cannot share a compiled model among them.
 *
 * @param threads all serving threads, the main one included.
 * @throws {Error} with the sentence to show.
 */
export function checkThreads(engine: Engine, threads: number): void {
  if (threads === 1 || engine.attach !== undefined) return;
  throw new Error(
    `--grpc_workers is ${threads}, but ${engine.description} cannot share a model among threads: set it to 1`,
  );
}

function kindOf(name: string): EngineKind {
  const kind = ENGINES.get(name);
  if (kind !== undefined) return kind;
  throw new Error(`There is no engine ${name}: the engines are ${[...ENGINES.keys()].join(", ")}`);
}
