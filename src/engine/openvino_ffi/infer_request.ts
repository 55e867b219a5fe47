/**
 * Inference: binds inputs, runs, returns outputs. The hot path of the whole server.
 *
 * @module
 */
import { assert } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import type { InferRequest, Port } from "../engine.ts";
import { InputSlot } from "./input_slot.ts";
import type { KnownShapes } from "./known_shapes.ts";
import { type Library, Owned } from "./library.ts";
import { OutputSlot } from "./output_slot.ts";
import { STATUS } from "./symbols.ts";

const ACTION = "Cannot infer";

/** An infer request of OpenVINO. A repeated inference on small inputs of the same shapes is one native call. */
export class FfiInferRequest implements InferRequest {
  readonly #library: Library;
  readonly #request: Owned;
  readonly #inputs: readonly InputSlot[];
  readonly #outputs: readonly OutputSlot[];
  readonly #areOutputsStill: boolean;
  readonly #isBorrowed = (address: bigint): boolean => this.#inputs.some((input) => input.isBorrowed(address));
  /** The outputs of the last inference; undefined once inputs were bound since. */
  #tensors: readonly Tensor[] | undefined;
  #isInferring = false;
  readonly #knownShapes: KnownShapes | undefined;
  /** Whether the model has accepted inputs of the bound shapes before. */
  #areShapesKnown: boolean;

  /** @param pointer owned from now on. */
  constructor(
    library: Library,
    pointer: Deno.PointerObject,
    { inputs, outputs, knownShapes }: {
      inputs: readonly Port[];
      outputs: readonly Port[];
      /** Undefined for a model whose input shapes are static. */
      knownShapes: KnownShapes | undefined;
    },
  ) {
    this.#knownShapes = knownShapes;
    this.#areShapesKnown = knownShapes === undefined;
    this.#library = library;
    this.#request = new Owned(pointer, { what: "infer request", free: library.symbols.ov_infer_request_free });
    this.#inputs = inputs.map((port, index) => new InputSlot(library, { request: pointer, index, port }));
    this.#outputs = outputs.map((port, index) => new OutputSlot(library, { request: pointer, index, port }));
    this.#areOutputsStill = this.#outputs.every((output) => output.isStill);
  }

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    const request = this.#bind(inputs);
    const { symbols } = this.#library;
    if (this.#areShapesKnown) {
      const status = symbols.ov_infer_request_infer(request);
      if (status !== STATUS.OK) this.#library.check(status, ACTION);
    } else {
      this.#library.check(symbols.ov_infer_request_start_async(request), ACTION);
      this.#library.check(symbols.ov_infer_request_wait(request), ACTION);
      this.#learn(inputs);
    }
    return this.#read();
  }

  async inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const request = this.#bind(inputs);
    this.#isInferring = true;
    const { symbols } = this.#library;
    try {
      if (this.#areShapesKnown) {
        this.#library.check(await symbols.ov_infer_request_infer_async(request), ACTION);
      } else {
        this.#library.check(symbols.ov_infer_request_start_async(request), ACTION);
        this.#library.check(await symbols.ov_infer_request_wait_async(request), ACTION);
        this.#learn(inputs);
      }
    } finally {
      this.#isInferring = false;
    }
    return this.#read();
  }

  #bind(inputs: readonly Tensor[]): Deno.PointerObject {
    const request = this.#request.pointer;
    assert(!this.#isInferring, "An infer request was used twice at once");
    assert(inputs.length === this.#inputs.length, "An infer request got another number of inputs than its model has");
    for (let i = 0; i < inputs.length; i++) {
      const isMoved = (this.#inputs[i] as InputSlot).bind(inputs[i] as Tensor);
      if (!isMoved) continue;
      this.#tensors = undefined;
      this.#areShapesKnown = this.#knownShapes === undefined;
    }
    if (!this.#areShapesKnown) this.#areShapesKnown = this.#knownShapes?.has(inputs) ?? true;
    return request;
  }

  #learn(inputs: readonly Tensor[]): void {
    this.#knownShapes?.add(inputs);
    this.#areShapesKnown = true;
  }

  #read(): readonly Tensor[] {
    if (this.#tensors !== undefined && this.#areOutputsStill) return this.#tensors;
    return this.#tensors = this.#readOutputs();
  }

  #readOutputs(): readonly Tensor[] {
    return this.#outputs.map((output) => output.read(this.#isBorrowed));
  }

  [Symbol.dispose](): void {
    assert(!this.#isInferring, "An infer request was disposed while it infers");
    this.#request[Symbol.dispose]();
  }
}
