/**
 * The names that clients use for a model's inputs and outputs: those of a SavedModel's signatures, or else the tensors' own, in either
 * case as `mapping_config.json` renames them.
 *
 * @module
 */
import type { Signature, TensorSpec } from "../../base/signature.ts";
import type { Direction, Model, Port } from "../../engine/engine.ts";
import type { SavedSignature } from "../saved_model/saved_model.ts";

/** The signature of a request that names none (TensorFlow's `kDefaultServingSignatureDefKey`). */
export const DEFAULT_SIGNATURE_NAME = "serving_default";

/** TensorFlow lists the operation that it runs while loading among the signatures. It is not one. */
const INIT_OP_NAME = "__saved_model_init_op";

/** A signature as a servable infers it. Its inputs are the engine's ports, all of them and in order. */
export interface ServableSignature extends Signature {
  /** The port each output is read from; undefined where the outputs are the ports, all of them and in order. */
  readonly outputPorts: readonly number[] | undefined;
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
 * Maps a SavedModel's signatures to the runtime's ports. A runtime reads the tensors of one signature, or of all if there is no default
 * one, and names its ports as that signature does. Other signatures are served if they consist of the same tensors. A signature with
 * fewer inputs than the model is not: the runtime needs all of them.
 */
export function signaturesOfSavedModel(
  model: Model,
  saved: ReadonlyMap<string, SavedSignature>,
): NamedSignatures {
  const own = new Map([...saved].filter(([name]) => name !== INIT_OP_NAME));
  const inputPorts = portsByTensor(model, own, "input");
  const outputPorts = portsByTensor(model, own, "output");
  const signatures = new Map<string, NamedSignature>();
  const notes: string[] = [];
  for (const [name, { inputs, outputs, methodName }] of own) {
    const namedInputs = namePorts(inputs, inputPorts);
    const namedOutputs = namePorts(outputs, outputPorts);
    const missing = namedInputs.missing ?? namedOutputs.missing;
    const isEachPortNamedOnce = namedInputs.ports.every(({ port }, i) => port === i);
    if (missing !== undefined) {
      notes.push(`The signature ${name} is not served: the runtime does not have its tensor ${missing}`);
    } else if (namedInputs.ports.length !== model.inputs.length || !isEachPortNamedOnce) {
      notes.push(`The signature ${name} is not served: its inputs are not those of the model`);
    } else {
      signatures.set(name, { inputs: namedInputs.ports, outputs: namedOutputs.ports, methodName });
    }
  }
  if (signatures.size > 0) return { signatures, notes };
  const note = `The model is served with the runtime's names as ${DEFAULT_SIGNATURE_NAME}`;
  return { signatures: signaturesOfPorts(model).signatures, notes: [...notes, note] };
}

/** Ports by the graph's tensor names, for ports that the runtime names as the signatures do. */
function portsByTensor(
  model: Model,
  saved: ReadonlyMap<string, SavedSignature>,
  direction: Direction,
): ReadonlyMap<string, number> {
  const defaultSignature = saved.get(DEFAULT_SIGNATURE_NAME);
  const tensorsByName = new Map<string, Set<string>>();
  for (const signature of defaultSignature === undefined ? saved.values() : [defaultSignature]) {
    for (const [name, tensorName] of direction === "input" ? signature.inputs : signature.outputs) {
      tensorsByName.set(name, (tensorsByName.get(name) ?? new Set()).add(tensorName));
    }
  }
  const ports = new Map<string, number>();
  for (const [name, [tensorName = "", ...others]] of tensorsByName) {
    // If two signatures use one name for two tensors, the runtime's choice is unknown.
    const port = others.length > 0 ? undefined : model.findPort(name, direction);
    if (port !== undefined) ports.set(tensorName, port);
  }
  return ports;
}

/** Ports in the model's order; `missing` is the name of a tensor that is no port. */
function namePorts(
  tensorNames: ReadonlyMap<string, string>,
  portsByTensor: ReadonlyMap<string, number>,
): { ports: readonly NamedPort[]; missing: string | undefined } {
  const ports: NamedPort[] = [];
  for (const [name, tensorName] of tensorNames) {
    const port = portsByTensor.get(tensorName);
    if (port === undefined) return { ports: [], missing: name };
    ports.push({ name, tensorName, port });
  }
  return { ports: ports.sort((a, b) => a.port - b.port), missing: undefined };
}

/**
 * Returns a signature with the present dtypes and shapes of the model's ports.
 *
 * @param options.checksIntegerRange whether integers the runtime would compute wrong are refused.
 */
export function toServableSignature(
  named: NamedSignature,
  model: Model,
  { checksIntegerRange }: { checksIntegerRange: boolean },
): ServableSignature {
  const { methodName } = named;
  const outputPorts = named.outputs.map(({ port }) => port);
  const areAllPorts = outputPorts.length === model.outputs.length && outputPorts.every((port, i) => port === i);
  return {
    inputs: named.inputs.map((port) => {
      const isNarrow = checksIntegerRange && model.inputs[port.port]?.computedAs === "i32";
      return { ...toSpec(port, model.inputs), ...isNarrow ? { isNarrow } : {} };
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
