/**
 * OpenVINO as an engine, through its C library. With `runtime/` the only part of this folder that `app/` uses.
 *
 * @module
 */
import { CODE, detailOf, ServingError } from "../../base/status.ts";
import type { CompiledModel, Engine, EngineExtension, ExtensionReport, Model, SharedModel } from "../engine.ts";
import { FfiCompiledModel } from "./compiled_model.ts";
import { folderOf } from "./error_text.ts";
import { type ModelNames, readIrNames } from "./ir_names.ts";
import { Library, nativeProperties, nativeWords, Owned, pointerAt, readCString, toCString } from "./library.ts";
import { FfiModel } from "./model.ts";
import { STATUS } from "./symbols.ts";
import { leaveThreadsUnbound } from "./thread_binding.ts";

/**
 * Weights are read, not mapped: a mapped file that is truncated while it serves, as when it is overwritten in place, kills the
 * process with SIGBUS.
 */
const CORE_PROPERTIES: ReadonlyMap<string, string> = new Map([["ENABLE_MMAP", "NO"]]);

/**
 * CPU threads are not pinned: OpenVINO numbers the processors again for each model, so the threads of two models would share some
 * processors while others are idle. A model's own properties take precedence, on `AUTO` and other virtual devices too.
 */
const CPU_PROPERTIES: ReadonlyMap<string, string> = new Map([["ENABLE_CPU_PINNING", "NO"]]);

const NO_NAMES: ModelNames = { inputs: [], outputs: [] };

/** How OpenVINO uses the machine. */
export interface FfiEngineOptions {
  /** The most CPU threads of a model unless its properties set it; undefined for one a processor. */
  readonly cpuThreadsMax?: number | undefined;
  readonly extensions?: readonly EngineExtension[] | undefined;
}

/** OpenVINO's runtime behind the port. */
export class FfiEngine implements Engine {
  readonly description: string;
  readonly extensions: readonly ExtensionReport[];
  readonly #library: Library;
  readonly #core: Owned;
  #devices: readonly string[] | undefined;
  #isDisposed = false;

  /**
   * Opens OpenVINO.
   *
   * @param path of its C library, as `findRuntime` returns it.
   * @throws {ServingError} FAILED_PRECONDITION when it or a required extension cannot be opened, or it is of another release.
   */
  constructor(path: string, { cpuThreadsMax, extensions = [] }: FfiEngineOptions = {}) {
    leaveThreadsUnbound();
    this.#library = new Library(path);
    const { symbols } = this.#library;
    try {
      const core = this.#library.outPointer((out) => symbols.ov_core_create(out), "Cannot start OpenVINO");
      this.#core = new Owned(core, { what: "engine", free: symbols.ov_core_free });
      this.#setProperties(null, CORE_PROPERTIES);
      this.#setCpuProperties(cpuThreadsMax);
      this.extensions = extensions.map((extension) => this.#addExtension(extension));
    } catch (error) {
      this.#library[Symbol.dispose]();
      throw error;
    }
    this.description = `OpenVINO ${this.#library.version}`;
  }

  /** Call it after the C library is open: an extension is linked against the libraries that are loaded. */
  #addExtension({ path, isOptional }: EngineExtension): ExtensionReport {
    const status = this.#library.symbols.ov_core_add_extension(this.#core.pointer, toCString(path));
    try {
      this.#library.check(status, `Cannot load the extension ${path} into OpenVINO`, CODE.FAILED_PRECONDITION);
      return { path, error: undefined };
    } catch (error) {
      if (!isOptional) throw error;
      return { path, error: detailOf(error) };
    }
  }

  /** @param device null for the properties of OpenVINO itself. */
  #setProperties(device: string | null, properties: ReadonlyMap<string, string>): void {
    const { table, strings } = nativeProperties(properties);
    const count = BigInt(strings.length / 2);
    const nativeDevice = device === null ? null : toCString(device);
    const status = this.#library.symbols.ov_core_set_properties(this.#core.pointer, nativeDevice, count, table);
    this.#library.check(status, "Cannot set up OpenVINO");
  }

  #setCpuProperties(threadsMax: number | undefined): void {
    const threads = threadsMax === undefined ? [] : [["INFERENCE_NUM_THREADS", String(threadsMax)] as const];
    try {
      this.#setProperties("CPU", new Map([...CPU_PROPERTIES, ...threads]));
    } catch (error) {
      // A runtime may lack the CPU plugin.
      if (this.devices.includes("CPU")) throw error;
    }
  }

  /** Read once, when first needed: OpenVINO loads every device's plugin to answer. */
  get devices(): readonly string[] {
    return this.#devices ??= this.#readDevices();
  }

  #readDevices(): readonly string[] {
    const { symbols } = this.#library;
    const list = nativeWords(2); // ov_available_devices_t: address of the names, their number
    this.#library.check(symbols.ov_core_get_available_devices(this.#core.pointer, list), "Cannot list the devices");
    try {
      const count = Number(list[1]);
      if (count === 0) return [];
      const names = new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(pointerAt(list, 0), count * 8));
      return Array.from({ length: count }, (_, i) => readCString(pointerAt(names, i)));
    } finally {
      symbols.ov_available_devices_free(list);
    }
  }

  async read(path: string): Promise<Model> {
    const { symbols } = this.#library;
    const nativePath = toCString(path);
    const out = nativeWords(1);
    const error = await this.#library.callAlone([nativePath, out], async () => {
      const status = await symbols.ov_core_read_model_async(this.#core.pointer, nativePath, null, out);
      if (status === STATUS.OK) return undefined;
      const hidden = [folderOf(path)];
      return this.#library.error(status, "Cannot read the model", { code: CODE.INVALID_ARGUMENT, hidden });
    });
    if (error !== undefined) throw error;
    const model = new Owned(pointerAt(out, 0), { what: "model", free: symbols.ov_model_free });
    try {
      const names = await readNames(path);
      return new FfiModel(this.#library, model, { core: this.#core, devices: () => this.devices, names });
    } catch (error) {
      model[Symbol.dispose]();
      throw error;
    }
  }

  attach(shared: SharedModel): CompiledModel {
    return FfiCompiledModel.attach(this.#library, shared);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // A compilation may outlast the process's end: its core and library stay then.
    if (this.#library.isCalled) return;
    this.#core[Symbol.dispose]();
    this.#library[Symbol.dispose]();
  }
}

async function readNames(path: string): Promise<ModelNames> {
  if (!path.endsWith(".xml")) return NO_NAMES;
  try {
    return await readIrNames(await Deno.readTextFile(path));
  } catch (cause) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "Cannot read the model: its file changed meanwhile", { cause });
  }
}
