/**
 * A model compiled for a device.
 *
 * @module
 */
import { assert } from "../../base/status.ts";
import type { CompiledModel, InferRequest, Port, SharedModel } from "../engine.ts";
import { FfiInferRequest } from "./infer_request.ts";
import { KnownShapes } from "./known_shapes.ts";
import { type Library, Owned, toCString } from "./library.ts";
import { isStatic } from "./ports.ts";
import { STATUS } from "./symbols.ts";

/** A compiled model of OpenVINO. */
export class FfiCompiledModel implements CompiledModel {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
  readonly #library: Library;
  readonly #owned: Owned;
  readonly #isShared: boolean;
  /** Undefined for a model whose input shapes are static. */
  readonly #knownShapes: KnownShapes | undefined;

  private constructor(
    library: Library,
    { owned, isShared }: { owned: Owned; isShared: boolean },
    shared: Omit<SharedModel, "handle">,
  ) {
    this.#library = library;
    this.#owned = owned;
    this.#isShared = isShared;
    this.inputs = shared.inputs;
    this.outputs = shared.outputs;
    this.inferRequestsOptimal = shared.inferRequestsOptimal;
    this.#knownShapes = shared.inputs.every(({ shape }) => isStatic(shape)) ? undefined : new KnownShapes();
  }

  /** @param pointer owned from now on. */
  static own(
    library: Library,
    pointer: Deno.PointerObject,
    ports: { inputs: readonly Port[]; outputs: readonly Port[] },
  ): FfiCompiledModel {
    const owned = new Owned(pointer, { what: "compiled model", free: library.symbols.ov_compiled_model_free });
    // A device without this property gets one.
    const inferRequestsOptimal = Number(readProperty(library, pointer, "OPTIMAL_NUMBER_OF_INFER_REQUESTS")) || 1;
    return new FfiCompiledModel(library, { owned, isShared: false }, { ...ports, inferRequestsOptimal });
  }

  /** A compiled model that stays its owner's, usually in another thread. */
  static attach(library: Library, shared: SharedModel): FfiCompiledModel {
    const pointer = Deno.UnsafePointer.create(shared.handle);
    assert(pointer !== null, "A compiled model was shared without its address");
    const owned = new Owned(pointer, { what: "compiled model", free: () => {} });
    return new FfiCompiledModel(library, { owned, isShared: true }, shared);
  }

  share(): SharedModel {
    const { inputs, outputs, inferRequestsOptimal } = this;
    return { handle: Deno.UnsafePointer.value(this.#owned.pointer), inputs, outputs, inferRequestsOptimal };
  }

  readProperty(name: string): string | undefined {
    return readProperty(this.#library, this.#owned.pointer, name);
  }

  createInferRequest(): InferRequest {
    const pointer = this.#library.outPointer(
      (out) => this.#library.symbols.ov_compiled_model_create_infer_request(this.#owned.pointer, out),
      "Cannot make an infer request",
    );
    const { inputs, outputs } = this;
    return new FfiInferRequest(this.#library, pointer, { inputs, outputs, knownShapes: this.#knownShapes });
  }

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isShared) this[Symbol.dispose]();
    else await this.#owned.freeBy((pointer) => this.#library.symbols.ov_compiled_model_free_async(pointer));
  }
}

function readProperty(library: Library, pointer: Deno.PointerObject, name: string): string | undefined {
  const out = new BigUint64Array(1);
  const status = library.symbols.ov_compiled_model_get_property(pointer, toCString(name), out);
  return status === STATUS.OK ? library.takeString(Deno.UnsafePointer.create(out[0] as bigint)) : undefined;
}
