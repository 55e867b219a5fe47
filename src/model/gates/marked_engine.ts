/**
 * An engine that says when it is at work for somebody, so that it is known who was when the process died. Adds nothing else.
 *
 * @module
 */
import { markAt } from "../../system/crash_ledger.ts";
import type { Tensor } from "../../base/tensor.ts";
import type { CompiledModel, CompileOptions, Engine, InferRequest, Model, SharedModel } from "../../engine/engine.ts";

/** Hears of work. */
export interface WorkMark {
  begin(): void;
  end(): void;
  /** Where it is kept, for other threads that infer with the same model. */
  readonly address?: bigint;
}

/** A compiled model to be sent to another thread, with the mark of who is at work where there is one. */
export interface MarkedSharedModel extends SharedModel {
  readonly markAddress?: bigint;
}

/** Attaches a model of another thread's, marked as it is there. */
export function attachMarked(engine: Engine, shared: MarkedSharedModel): CompiledModel {
  const compiled = engine.attach(shared);
  return shared.markAddress === undefined ? compiled : markedCompiledModel(compiled, markAt(shared.markAddress));
}

/** The same engine with inferences marked. Disposing it does nothing: the engine stays its owner's. */
export function markedEngine(engine: Engine, mark: WorkMark): Engine {
  return {
    description: engine.description,
    devices: engine.devices,
    read: async (path) => markedModel(await engine.read(path), mark),
    attach: (shared) => markedCompiledModel(engine.attach(shared), mark),
    [Symbol.dispose]: () => {},
  };
}

function markedModel(model: Model, mark: WorkMark): Model {
  return {
    get inputs() {
      return model.inputs;
    },
    get outputs() {
      return model.outputs;
    },
    findPort: (name, direction) => model.findPort(name, direction),
    reshape: (shapes) => model.reshape(shapes),
    compile: async (options: CompileOptions) => markedCompiledModel(await model.compile(options), mark),
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

function markedCompiledModel(compiled: CompiledModel, mark: WorkMark): CompiledModel {
  return {
    inputs: compiled.inputs,
    outputs: compiled.outputs,
    inferRequestsOptimal: compiled.inferRequestsOptimal,
    readProperty: (name) => compiled.readProperty(name),
    createInferRequest: () => new MarkedInferRequest(compiled.createInferRequest(), mark),
    share: (): MarkedSharedModel => ({
      ...compiled.share(),
      ...(mark.address !== undefined && { markAddress: mark.address }),
    }),
    [Symbol.dispose]: () => compiled[Symbol.dispose](),
    [Symbol.asyncDispose]: () => compiled[Symbol.asyncDispose](),
  };
}

class MarkedInferRequest implements InferRequest {
  readonly #request: InferRequest;
  readonly #mark: WorkMark;

  constructor(request: InferRequest, mark: WorkMark) {
    this.#request = request;
    this.#mark = mark;
  }

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    this.#mark.begin();
    try {
      return this.#request.infer(inputs);
    } finally {
      this.#mark.end();
    }
  }

  async inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    this.#mark.begin();
    try {
      return await this.#request.inferAsync(inputs);
    } finally {
      this.#mark.end();
    }
  }

  [Symbol.dispose](): void {
    this.#request[Symbol.dispose]();
  }
}
