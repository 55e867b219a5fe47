/**
 * The names that clients use for a model's inputs and outputs: those of a SavedModel's signatures, or else the tensors' own, in either
 * case as `mapping_config.json` renames them.
 *
 * @module
 */
import type { Signature, TensorSpec } from "../../base/signature.ts";
import type { Model, Port } from "../../engine/engine.ts";
import type { TfliteSignature } from "./tflite_signatures.ts";
import type { Wiring } from "../saved_model/plan.ts";

/** The signature of a request that names none (TensorFlow's `kDefaultServingSignatureDefKey`). */
export const DEFAULT_SIGNATURE_NAME = "serving_default";

/** A signature as a servable infers it. Its inputs are the engine's ports, all of them and in order. */
export interface ServableSignature extends Signature {
  /** The port each output is read from; undefined where the outputs are the ports, all of them and in order. */
  readonly outputPorts: readonly number[] | undefined;
  /** Which of the model's graphs it is inferred with; the first unless it is said. */
  readonly graph?: number;
  /** How its inputs and outputs are made of the graph's, where those are not simply the same. */
  readonly wiring?: Wiring;
}

/** A port as clients see it. */
export interface NamedPort {
  readonly name: string;
  readonly tensorName: string;
  readonly port: number;
}

/** A signature whose ports have names and, until the model is reshaped, no shapes. */
export interface NamedSignature {
  readonly inputs: readonly NamedPort[];
  readonly outputs: readonly NamedPort[];
  readonly methodName?: string;
}

/** Signatures by name, and notes for the log. */
export interface NamedSignatures {
  readonly signatures: ReadonlyMap<string, NamedSignature>;
  readonly notes: readonly string[];
}

/** Returns the one signature of a model without its own: each port by the runtime's preferred name. */
export function signaturesOfPorts(model: Model): NamedSignatures {
  const inputs = model.inputs.map(({ names: [name = ""] }, port): NamedPort => ({ name, tensorName: name, port }));
  const taken = new Set(inputs.map(({ name }) => name));
  const outputs: NamedPort[] = [];
  model.outputs.forEach(({ names }, port) => {
    // An output that passes an input through has the names of both; one that is also another output is left out.
    const name = names.find((candidate) => !taken.has(candidate)) ?? names[0] ?? "";
    taken.add(name);
    if (!outputs.some((output) => output.name === name)) outputs.push({ name, tensorName: name, port });
  });
  return { signatures: new Map([[DEFAULT_SIGNATURE_NAME, { inputs, outputs }]]), notes: [] };
}

/**
 * The signatures of a TensorFlow Lite file over the runtime's ports; the one of the ports where the file has none. A signature whose
 * tensors are not the model's inputs and outputs is left out, with a note.
 */
export function signaturesOfTflite(model: Model, own: ReadonlyMap<string, TfliteSignature>): NamedSignatures {
  const signatures = new Map<string, NamedSignature>();
  const notes: string[] = [];
  for (const [name, { inputs, outputs, methodName }] of own) {
    const namedInputs = namePorts(inputs, (tensor) => model.findPort(tensor, "input"));
    const namedOutputs = namePorts(outputs, (tensor) => model.findPort(tensor, "output"));
    const isWhole = namedInputs?.length === model.inputs.length && namedInputs.every(({ port }, i) => port === i);
    if (isWhole && namedOutputs !== undefined) {
      signatures.set(name, { inputs: namedInputs, outputs: namedOutputs, methodName });
    } else notes.push(`The signature ${name} is not served: its tensors are not the model's inputs and outputs`);
  }
  return signatures.size > 0 ? { signatures, notes } : { ...signaturesOfPorts(model), notes };
}

/** Ports in the model's order; undefined when a tensor is none. */
function namePorts(
  tensorNames: ReadonlyMap<string, string>,
  find: (tensor: string) => number | undefined,
): NamedPort[] | undefined {
  const ports: NamedPort[] = [];
  for (const [name, tensorName] of tensorNames) {
    const port = find(tensorName);
    if (port === undefined) return undefined;
    ports.push({ name, tensorName, port });
  }
  return ports.sort((a, b) => a.port - b.port);
}

/**
 * Returns a signature with the present dtypes and shapes of the model's ports.
 *
 * @param options.checksIntegerRange whether integers the runtime would compute wrong are refused; `options.takesAnyShape` whether
 * requests of other shapes are let pass.
 */
export function toServableSignature(
  named: NamedSignature,
  model: Model,
  { checksIntegerRange, takesAnyShape = false }: { checksIntegerRange: boolean; takesAnyShape?: boolean },
): ServableSignature {
  const { methodName } = named;
  const outputPorts = named.outputs.map(({ port }) => port);
  const areAllPorts = outputPorts.length === model.outputs.length && outputPorts.every((port, i) => port === i);
  return {
    inputs: named.inputs.map((port) => {
      const isNarrow = checksIntegerRange && model.inputs[port.port]?.computedAs === "i32";
      return { ...toSpec(port, model.inputs), ...isNarrow && { isNarrow }, ...takesAnyShape && { takesAnyShape } };
    }),
    outputs: named.outputs.map((port) => toSpec(port, model.outputs)),
    outputPorts: areAllPorts ? undefined : outputPorts,
    // An empty method name is left out.
    ...methodName === undefined || methodName === "" ? {} : { methodName },
  };
}

function toSpec({ name, tensorName, port }: NamedPort, ports: readonly Port[]): TensorSpec {
  const { dtype, shape } = ports[port] as Port;
  return { name, tensorName, dtype, shape };
}
