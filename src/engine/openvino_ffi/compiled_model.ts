/**
 * A model compiled for a device.
 *
 * @module
 */
import type { CompiledModel, InferRequest, Port } from "../engine.ts";
import { FfiInferRequest } from "./infer_request.ts";
import { type Library, Owned, toCString } from "./library.ts";
import { STATUS } from "./symbols.ts";

/** A compiled model of OpenVINO. */
export class FfiCompiledModel implements CompiledModel {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
  readonly #library: Library;
  readonly #compiledModel: Owned;

  /** @param pointer owned from now on. */
  constructor(
    library: Library,
    pointer: Deno.PointerObject,
    { inputs, outputs }: { inputs: readonly Port[]; outputs: readonly Port[] },
  ) {
    this.#library = library;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#compiledModel = new Owned(pointer, { what: "compiled model", free: library.symbols.ov_compiled_model_free });
    // A device that does not say gets by with one.
    this.inferRequestsOptimal = Number(this.#property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) || 1;
  }

  #property(name: string): string | undefined {
    const { symbols } = this.#library;
    const out = new BigUint64Array(1);
    const status = symbols.ov_compiled_model_get_property(this.#compiledModel.pointer, toCString(name), out);
    return status === STATUS.OK ? this.#library.takeString(Deno.UnsafePointer.create(out[0] as bigint)) : undefined;
  }

  createInferRequest(): InferRequest {
    const pointer = this.#library.outPointer(
      (out) => this.#library.symbols.ov_compiled_model_create_infer_request(this.#compiledModel.pointer, out),
      "Cannot make an infer request",
    );
    return new FfiInferRequest(this.#library, pointer, this);
  }

  [Symbol.dispose](): void {
    this.#compiledModel[Symbol.dispose]();
  }
}
