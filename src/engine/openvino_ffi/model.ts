/**
 * A model that was read: its ports, reshaping and compiling it.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { CompiledModel, CompileOptions, Direction, Model, Port } from "../engine.ts";
import { FfiCompiledModel } from "./compiled_model.ts";
import type { ModelNames } from "./ir_names.ts";
import { type Library, nativeProperties, nativeWords, type Owned, pointerAt, toCString } from "./library.ts";
import { markNarrowed } from "./narrowing.ts";
import { findPreferredName, readPorts, toNativePartialShapes } from "./ports.ts";
import { STATUS } from "./symbols.ts";

/** Devices that stand for other devices. Their plugins are always present. */
const VIRTUAL_DEVICES = ["AUTO", "BATCH", "HETERO", "MULTI"];
/** OpenVINO's texts for a device, or one of several, that this machine does not have. */
const DEVICE_REGEXP = /not registered in the OpenVINO|Cannot load library|No available device|as device id/;

/** A model of OpenVINO. */
export class FfiModel implements Model {
  readonly #library: Library;
  readonly #core: Owned;
  readonly #model: Owned;
  readonly #devices: () => readonly string[];
  readonly #names: ModelNames;
  #inputs: readonly Port[];
  #outputs: readonly Port[];

  /**
   * @param model owned from now on, unless this throws.
   * @param options.core borrowed until this model is disposed.
   * @param options.devices returns the devices of the machine.
   * @param options.names from the model's file.
   * @throws {ServingError} INVALID_ARGUMENT for an element type without a dtype.
   */
  constructor(
    library: Library,
    model: Owned,
    { core, devices, names }: { core: Owned; devices: () => readonly string[]; names: ModelNames },
  ) {
    this.#library = library;
    this.#core = core;
    this.#devices = devices;
    this.#names = names;
    this.#model = model;
    const inputs = this.#readPorts("input");
    this.#outputs = this.#readPorts("output");
    this.#inputs = markNarrowed(inputs, this.#outputs);
  }

  get inputs(): readonly Port[] {
    return this.#inputs;
  }

  get outputs(): readonly Port[] {
    return this.#outputs;
  }

  #readPorts(direction: Direction): readonly Port[] {
    const names = direction === "input" ? this.#names.inputs : this.#names.outputs;
    return readPorts(this.#library, this.#model.pointer, { direction, names });
  }

  findPort(name: string, direction: Direction): number | undefined {
    const ports = direction === "input" ? this.#inputs : this.#outputs;
    let index = ports.findIndex(({ names }) => names.includes(name));
    if (index < 0) {
      const preferred = findPreferredName(this.#library, this.#model.pointer, { name, direction });
      index = ports.findIndex(({ names: [first] }) => first === preferred);
    }
    return index < 0 ? undefined : index;
  }

  reshape(shapes: ReadonlyMap<string, PartialShape>): void {
    const indices = [...shapes.keys()].map((name) => this.#inputIndex(name));
    const portIndices = nativeWords(indices.length);
    indices.forEach((index, i) => portIndices[i] = BigInt(index));
    const { structs, dimensions } = toNativePartialShapes([...shapes.values()]);
    const status = this.#library.symbols.ov_model_reshape_by_port_indexes(
      this.#model.pointer,
      portIndices,
      structs,
      BigInt(dimensions.length),
    );
    this.#library.check(status, "Cannot reshape the model", CODE.INVALID_ARGUMENT);
    const inputs = this.#readPorts("input");
    this.#outputs = this.#readPorts("output");
    this.#inputs = markNarrowed(inputs, this.#outputs);
  }

  #inputIndex(name: string): number {
    const index = this.#inputs.findIndex(({ names }) => names.includes(name));
    if (index < 0) {
      const names = this.#inputs.map((port) => port.names[0]).join(", ");
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Cannot reshape the model: it has no input ${name}, its inputs are ${names}`,
      );
    }
    return index;
  }

  async compile({ device, properties = new Map() }: CompileOptions): Promise<CompiledModel> {
    this.#checkDevice(device);
    const { table, strings } = nativeProperties(properties);
    const out = nativeWords(1);
    const nativeDevice = toCString(device);
    const { symbols } = this.#library;
    const error = await this.#library.callAlone([strings, table, out, nativeDevice], async () => {
      const status = await symbols.ov_core_compile_model_props_async(
        this.#core.pointer,
        this.#model.pointer,
        nativeDevice,
        BigInt(properties.size),
        table,
        out,
      );
      return status === STATUS.OK ? undefined : this.#compileError(status, { device, properties });
    });
    if (error !== undefined) throw error;
    return FfiCompiledModel.own(this.#library, pointerAt(out, 0), { inputs: this.#inputs, outputs: this.#outputs });
  }

  #checkDevice(device: string): void {
    const [family] = device.split(/[.:]/);
    const devices = this.#devices();
    if (devices.includes(device) || VIRTUAL_DEVICES.includes(family as string)) return;
    // `GPU` is the first of `GPU.0` and `GPU.1`; the part after the dot may also be a part of a device (`NPU.3720`).
    if (devices.some((present) => present.split(".")[0] === family)) return;
    throw this.#deviceError(device);
  }

  #compileError(status: number, { device, properties }: Required<CompileOptions>): ServingError {
    // Values may be paths on this machine: a cache, a configuration.
    const hidden = [...properties.values()].filter((value) => /[/\\]/.test(value));
    const error = this.#library.error(status, "Cannot compile the model", { code: CODE.INTERNAL, hidden });
    const { cause } = error;
    if (DEVICE_REGEXP.test(error.message)) return this.#deviceError(device, { cause });
    // OpenVINO's text names an unknown property, or one with an invalid value.
    const isPropertyError = [...properties.keys()].some((name) => error.message.includes(name)) ||
      error.message.includes("from str: ");
    return isPropertyError ? new ServingError(CODE.INVALID_ARGUMENT, error.message, { cause }) : error;
  }

  #deviceError(device: string, options?: ErrorOptions): ServingError {
    return new ServingError(
      CODE.INVALID_ARGUMENT,
      `Cannot compile the model for the device ${device}: this machine has ${this.#devices().join(", ")}`,
      options,
    );
  }

  [Symbol.dispose](): void {
    this.#model[Symbol.dispose]();
  }
}
