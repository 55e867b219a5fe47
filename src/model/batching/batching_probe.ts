/**
 * Finds out whether a model's requests can share an inference: by the shapes of its ports, then by trying.
 *
 * @module
 */
import { formatShape } from "../../base/tensor.ts";
import type { CompiledModel, InferRequest, Port } from "../../engine/engine.ts";
import type { BatchingOptions } from "./batch_predictor.ts";
import { inferIfPossible, measureInLoopBytes } from "../loading/measurement.ts";
import { zerosOf } from "../loading/warm_up.ts";

/** What probing found out. */
export interface BatchingProbe {
  /** As asked for, within what the model takes; undefined when it cannot be batched. */
  readonly options: BatchingOptions | undefined;
  /** Inputs of at most this many bytes are best inferred in the event loop; 0 for none. */
  readonly inLoopBytesMax: number;
  /** What is worth telling: why the model cannot be batched. */
  readonly notes: readonly string[];
}

/** What of a compiled model is looked at. */
type Subject = Pick<CompiledModel, "inputs" | "outputs" | "createInferRequest">;

/** A model is tried with so many rows and with one more: an output may happen to have as many. */
const TRIAL_ROWS = 2;

/**
 * Whether requests can be inferred together: every input must have a first dimension that is open, and every output a row for each
 * of theirs. Where a model refuses the zeros it is tried with, its shapes have to do. That rows do not depend on one another is
 * for the user to know.
 *
 * @param compiled borrowed.
 * @param options.inLoopBytesMax what was measured with one row: many together take less time than so many times one.
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
