/**
 * Binds a SavedModel's signatures to the ports of their graphs.
 *
 * @module
 */
import { basename } from "node:path";
import type { Signature, TensorSpec } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { CompiledModel } from "../../engine/engine.ts";
import { dtypeOf } from "../saved_model/graph/data_types.ts";
import type { SignatureDef, TensorInfo } from "../saved_model/meta_graph.ts";
import type { Answer, Feed, PlannedSignature, SavedModelPlan } from "../saved_model/plan.ts";
import type { RefusedSignature } from "../model_servable.ts";
import { accessError } from "../source/model_files.ts";
import type { LoadedGraph } from "./graph_loader.ts";
import { applyMapping, readMappingConfig } from "./mapping_config.ts";
import type { LoadOptions } from "./load_options.ts";
import type { NamedPort, ServableSignature } from "./signatures.ts";

/** A graph that is ready, with the ports of its inputs and outputs. */
export interface ReadyGraph extends LoadedGraph {
  /** By the input of the planned graph; undefined for one that the runtime needs no more. */
  readonly inputPorts: readonly (number | undefined)[];
  readonly outputPorts: readonly (number | undefined)[];
  /** The shapes of the ports, when a user has set them. */
  readonly ports: Pick<CompiledModel, "inputs" | "outputs">;
}

/** Whether a user has set the shapes: they are those of the ports, and no others are taken. */
export function hasOwnShapes({ shape, batchSize }: LoadOptions): boolean {
  return shape !== undefined || batchSize !== undefined;
}

/** Binds signatures to the ports of their graphs. One that cannot be bound gives a reason. */
export async function bindSignatures(
  plan: SavedModelPlan,
  { graphs, reasons, options }: {
    graphs: readonly (ReadyGraph | undefined)[];
    reasons: Map<string, string>;
    options: LoadOptions;
  },
): Promise<ReadonlyMap<string, ServableSignature>> {
  const signatures = new Map<string, ServableSignature>();
  // Graphs that could not be loaded have no place in the servable.
  const places = new Map(graphs.flatMap((graph, i) => graph === undefined ? [] : [i]).map((i, place) => [i, place]));
  for (const [name, planned] of await mapNames(plan, options)) {
    if (reasons.has(name)) continue;
    const ready = planned.graph === undefined ? undefined : graphs[planned.graph];
    const graph = planned.graph === undefined ? undefined : places.get(planned.graph);
    const bound = bind(planned, ready, options);
    if (typeof bound === "string") reasons.set(name, bound);
    else signatures.set(name, graph === undefined ? bound : { ...bound, graph });
  }
  if (signatures.size > 0) return signatures;
  const all = [...reasons].map(([name, reason]) => `${name}: ${reason}`).join("; ");
  throw new ServingError(CODE.UNIMPLEMENTED, `No signature of the SavedModel can be served. ${all}`);
}

/** @returns why it cannot be bound, where that is so. */
function bind(
  planned: PlannedSignature,
  ready: ReadyGraph | undefined,
  options: LoadOptions,
): ServableSignature | string {
  const { definition, answers } = planned;
  const feeds: Feed[] = [];
  planned.feeds.forEach((feed, i) => {
    const port = ready?.inputPorts[i];
    if (port !== undefined) feeds[port] = feed;
  });
  const missing = answers.findIndex((answer) =>
    answer.kind === "output" && ready?.outputPorts[answer.index] === undefined
  );
  if (missing >= 0) return `Its output ${definition.outputs[missing]?.alias} is not among those of the runtime`;
  const portOf = (answer: Answer): number => answer.kind === "output" ? ready?.outputPorts[answer.index] ?? -1 : -1;
  const portOfInput = (index: number): number =>
    feeds.findIndex((feed) => feed.kind === "input" && feed.index === index);
  const isSimple = feeds.length === definition.inputs.length && answers.every(({ kind }) => kind === "output") &&
    definition.inputs.every((_, i) => portOfInput(i) >= 0);
  const toSpec = (info: TensorInfo, ports: CompiledModel["inputs"], port: number): TensorSpec => {
    const own = ports[port];
    const isNarrow = (options.checksIntegerRange ?? true) && own?.computedAs === "i32";
    const { alias: name, tensorName, shape } = info;
    const dtype = dtypeOf(info.dataType) ?? "f32";
    if (hasOwnShapes(options) && own !== undefined) {
      return { name, tensorName, dtype, shape: own.shape, ...isNarrow && { isNarrow } };
    }
    return { name, tensorName, dtype, shape, takesAnyShape: true, ...isNarrow && { isNarrow } };
  };
  const order = definition.inputs.map((_, i) => i);
  if (isSimple) order.sort((a, b) => portOfInput(a) - portOfInput(b));
  const outputPorts = answers.map(portOf);
  const { methodName, defaults } = definition;
  return {
    inputs: order.map((i) => toSpec(definition.inputs[i] as TensorInfo, ready?.ports.inputs ?? [], portOfInput(i))),
    outputs: definition.outputs.map((info, i) => {
      const { takesAnyShape: _, isNarrow: __, ...spec } = toSpec(
        info,
        ready?.ports.outputs ?? [],
        outputPorts[i] ?? -1,
      );
      return spec;
    }),
    ...methodName !== "" && { methodName },
    ...defaults.size > 0 && { defaults },
    outputPorts: isSimple && !isIdentity(outputPorts, ready) ? outputPorts : undefined,
    ...!isSimple && {
      wiring: {
        feeds,
        answers: answers.map((answer, i): Answer =>
          answer.kind === "output" ? { ...answer, index: outputPorts[i] ?? -1 } : answer
        ),
        examples: planned.examples,
      },
    },
  };
}

function isIdentity(ports: readonly number[], ready: ReadyGraph | undefined): boolean {
  return ports.length === ready?.ports.outputs.length && ports.every((port, i) => port === i);
}

/** Gives the tensors of signatures the names of `mapping_config.json`. */
async function mapNames(
  { signatures }: SavedModelPlan,
  { files: { mappingPath } }: LoadOptions,
): Promise<ReadonlyMap<string, PlannedSignature>> {
  if (mappingPath === undefined) return signatures;
  const place = { path: mappingPath, name: basename(mappingPath) };
  const mapping = await readMappingConfig(mappingPath).catch((thrown) => {
    throw thrown instanceof ServingError ? thrown : accessError(place, thrown);
  });
  const toPorts = (infos: readonly TensorInfo[]): NamedPort[] =>
    infos.map(({ alias: name, tensorName }, port) => ({ name, tensorName, port }));
  const named = new Map(
    [...signatures].map(([name, { definition }]) => [
      name,
      { inputs: toPorts(definition.inputs), outputs: toPorts(definition.outputs) },
    ]),
  );
  const portsOf = (direction: "inputs" | "outputs") =>
    [...signatures.values()].flatMap(({ definition }) => definition[direction]).map(({ alias }) => ({
      names: [alias],
    }));
  const mapped = applyMapping({ signatures: named, notes: [] }, mapping, {
    inputs: portsOf("inputs"),
    outputs: portsOf("outputs"),
    findPort: () => undefined,
  });
  return new Map([...signatures].map(([name, planned]) => {
    const { definition } = planned;
    const rename = (infos: readonly TensorInfo[], ports: readonly NamedPort[] = []): TensorInfo[] =>
      infos.map((info, i) => ({ ...info, alias: ports[i]?.name ?? info.alias }));
    const renamed: SignatureDef = {
      ...definition,
      inputs: rename(definition.inputs, mapped.signatures.get(name)?.inputs),
      outputs: rename(definition.outputs, mapped.signatures.get(name)?.outputs),
    };
    return [name, { ...planned, definition: renamed }];
  }));
}

/** What is known of a signature that cannot be served. */
export function toRefused({ definitions }: SavedModelPlan, name: string, reason: string): RefusedSignature {
  const definition = definitions.get(name);
  if (definition === undefined) return { signature: undefined, reason };
  const specs = (infos: readonly TensorInfo[]): TensorSpec[] =>
    infos.flatMap(({ alias, tensorName, dataType, shape }) => {
      const dtype = dtypeOf(dataType);
      return dtype === undefined || tensorName === "" ? [] : [{ name: alias, tensorName, dtype, shape }];
    });
  const signature: Signature = {
    inputs: specs(definition.inputs),
    outputs: specs(definition.outputs),
    ...definition.methodName !== "" && { methodName: definition.methodName },
  };
  const isWhole = signature.inputs.length === definition.inputs.length &&
    signature.outputs.length === definition.outputs.length;
  return { signature: isWhole ? signature : undefined, reason };
}
