/**
 * Determines whether a model's requests can share an inference: by the shapes of its ports, then by a trial.
 *
 * @module
 */
import { formatShape } from "../../base/tensor.ts";
import type { CompiledModel, InferRequest, Port } from "../../engine/engine.ts";
import type { BatchingOptions } from "./batch_predictor.ts";
import { inferIfPossible, measureInLoopBytes } from "../loading/measurement.ts";
import { zerosOf } from "../loading/warm_up.ts";

/** The result of probing. */
export interface BatchingProbe {
  /** The requested options within the model's bounds; undefined when it cannot be batched. */
  readonly options: BatchingOptions | undefined;
  /** Inputs of at most this many bytes are best inferred in the event loop; 0 for none. */
  readonly inLoopBytesMax: number;
  /** Why the model cannot be batched, for the log. */
  readonly notes: readonly string[];
}

/** The parts of a compiled model that are probed. */
type Subject = Pick<CompiledModel, "inputs" | "outputs" | "createInferRequest">;

/** A model is tried with this many rows and with one more: an output may have one of the two numbers by chance. */
const TRIAL_ROWS = 2;

/**
 * Determines whether requests can be inferred together: every input must have a dynamic first dimension, and every output a row for
 * each row of the inputs. If a model rejects the zeros it is tried with, its shapes alone decide. The user must know that rows do not
 * depend on one another.
 *
 * @param compiled borrowed.
 * @param options.inLoopBytesMax as measured with one row; several rows together take less time than the same rows one by one.
 */
export async function probeBatching(
  compiled: Subject,
  { options, inLoopBytesMax }: { options: BatchingOptions; inLoopBytesMax: number },
): Promise<BatchingProbe> {
  using request = compiled.createInferRequest();
  const reason = reasonByShapes(compiled) ?? await reasonByTrial(request, compiled);
  if (reason !== undefined) {
    return { options: undefined, inLoopBytesMax, notes: [`Requests are not batched: ${reason}`] };
  }
  const rowsMax = Math.min(options.batchRowsMax, ...compiled.inputs.map(({ shape }) => shape?.[0]?.max ?? 1));
  return {
    options: {
      ...options,
      batchRowsMax: rowsMax,
      allowedBatchRows: options.allowedBatchRows.filter((rows) => rows <= rowsMax),
    },
    inLoopBytesMax: inLoopBytesMax > 0
      ? Math.max(inLoopBytesMax, await measureInLoopBytes(request, { ports: compiled.inputs, rowsMax }))
      : 0,
    notes: [],
  };
}

function reasonByShapes({ inputs, outputs }: Subject): string | undefined {
  if (inputs.length === 0) return "the model has no inputs";
  for (const { names: [name], shape } of inputs) {
    if (shape === undefined) return `the input ${name} may have any number of dimensions`;
  }
  return reasonByFirstDimension(inputs, "input") ?? reasonByFirstDimension(outputs, "output");
}

function reasonByFirstDimension(ports: readonly Port[], kind: "input" | "output"): string | undefined {
  for (const { names: [name], shape } of ports) {
    if (shape === undefined) continue;
    const [first] = shape;
    if (first === undefined) return `the ${kind} ${name} is a scalar`;
    if (first.min === first.max) return `the first dimension of the ${kind} ${name} is always ${first.min}`;
  }
  return undefined;
}

async function reasonByTrial(request: InferRequest, compiled: Subject): Promise<string | undefined> {
  const rowsMin = Math.max(TRIAL_ROWS, ...compiled.inputs.map(({ shape }) => shape?.[0]?.min ?? 0));
  for (const rows of [rowsMin, rowsMin + 1]) {
    const inputs = zerosOf(compiled.inputs, rows);
    const outputs = inputs && await inferIfPossible(request, inputs);
    const index = outputs?.findIndex(({ shape }) => shape[0] !== rows) ?? -1;
    if (outputs === undefined || index < 0) continue;
    const name = compiled.outputs[index]?.names[0];
    return `the output ${name} has the shape ${formatShape(outputs[index]?.shape ?? [])} for ${rows} rows`;
  }
  return undefined;
}
