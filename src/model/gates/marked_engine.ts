/**
 * An engine that marks when it works for one version, so that a crash of the process can be traced to it. Adds nothing else.
 *
 * @module
 */
import { assert } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import type { CompiledModel, CompileOptions, Engine, InferRequest, Model, SharedModel } from "../../engine/engine.ts";
import { markAt } from "../../system/crash_ledger.ts";

/** Notes when work for one version begins and ends. */
export interface WorkMark {
  begin(): void;
  end(): void;
  /** Its place in memory, for other threads that infer with the same model. */
  readonly address?: bigint;
}

/** A shared model, with the place of its mark where it has one. */
export interface MarkedSharedModel extends SharedModel {
  readonly markAddress?: bigint;
}

/** Attaches to another thread's compiled model, marked as it is there. The engine must be one that can attach. */
export function attachMarked(engine: Engine, shared: MarkedSharedModel): CompiledModel {
  assert(engine.attach !== undefined, "A model was shared with an engine that cannot attach to it");
  const compiled = engine.attach(shared);
  return shared.markAddress === undefined ? compiled : markedCompiledModel(compiled, markAt(shared.markAddress));
}

/** The same engine with its inferences marked. Disposing it does nothing: the engine stays its owner's. */
export function markedEngine(engine: Engine, mark: WorkMark): Engine {
  return {
    description: engine.description,
    devices: engine.devices,
    extensions: engine.extensions,
    read: async (path) => markedModel(await engine.read(path), mark),
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
  const marked: CompiledModel = {
    inputs: compiled.inputs,
    outputs: compiled.outputs,
    inferRequestsOptimal: compiled.inferRequestsOptimal,
    readProperty: (name) => compiled.readProperty(name),
    createInferRequest: () => markedInferRequest(compiled.createInferRequest(), mark),
    [Symbol.dispose]: () => compiled[Symbol.dispose](),
    [Symbol.asyncDispose]: () => compiled[Symbol.asyncDispose](),
  };
  const share = compiled.share?.bind(compiled);
  if (share !== undefined) {
    marked.share = (): MarkedSharedModel => {
      return { ...share(), ...(mark.address !== undefined && { markAddress: mark.address }) };
    };
  }
  return marked;
}

function markedInferRequest(request: InferRequest, mark: WorkMark): InferRequest {
  const marked: InferRequest = {
    inferAsync: async (inputs) => {
      mark.begin();
      try {
        return await request.inferAsync(inputs);
      } finally {
        mark.end();
      }
    },
    [Symbol.dispose]: () => request[Symbol.dispose](),
  };
  const infer = request.infer?.bind(request);
  if (infer !== undefined) {
    marked.infer = (inputs: readonly Tensor[]): readonly Tensor[] => {
      mark.begin();
      try {
        return infer(inputs);
      } finally {
        mark.end();
      }
    };
  }
  return marked;
}
