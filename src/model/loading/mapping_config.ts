/**
 * `mapping_config.json` in a version's folder: other names for a model's inputs and outputs, in the format of ie_serving and
 * model_server.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Direction, Port } from "../../engine/engine.ts";
import type { NamedPort, NamedSignature, NamedSignatures } from "./signatures.ts";

/** What of a model is looked at. */
export interface MappedModel {
  readonly inputs: readonly Pick<Port, "names">[];
  readonly outputs: readonly Pick<Port, "names">[];
  findPort(name: string, direction: Direction): number | undefined;
}

/** The names for clients, by the names of tensors. */
export interface MappingConfig {
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * Reads a mapping.
 *
 * @throws {ServingError} INVALID_ARGUMENT with the key unless the file is an object of the form
 * `{"inputs": {"tensor": "name"}, "outputs": {…}}`; what `Deno.readTextFile` throws when it cannot be read.
 */
export async function readMappingConfig(path: string): Promise<MappingConfig> {
  const text = await Deno.readTextFile(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw mappingError("it is not JSON", { cause });
  }
  const config = entriesOf(value, "it");
  for (const key of config.keys()) {
    if (key !== "inputs" && key !== "outputs") {
      throw mappingError(`it has the key ${JSON.stringify(key)}; only "inputs" and "outputs" are allowed`);
    }
  }
  return { inputs: namesOf(config.get("inputs"), "inputs"), outputs: namesOf(config.get("outputs"), "outputs") };
}

function namesOf(value: unknown, key: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const [tensor, name] of entriesOf(value ?? {}, key)) {
    if (typeof name !== "string" || name === "") {
      throw mappingError(`${key}.${tensor} is ${JSON.stringify(name)}, which is not a name`);
    }
    names.set(tensor, name);
  }
  return names;
}

function entriesOf(value: unknown, what: string): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw mappingError(`${what} is not an object`);
  }
  return new Map(Object.entries(value));
}

/**
 * Renames ports by a mapping, in all signatures. The mapping may use any of the runtime's names of a port, its name in a signature, or
 * that in the graph. Other ports keep their names.
 *
 * @throws {ServingError} INVALID_ARGUMENT for an unknown tensor, one that is mapped twice, and a name that two tensors would have.
 */
export function applyMapping(named: NamedSignatures, mapping: MappingConfig, model: MappedModel): NamedSignatures {
  const signatures = new Map<string, NamedSignature>();
  for (const [signatureName, signature] of named.signatures) {
    signatures.set(signatureName, {
      ...signature,
      inputs: rename(signature.inputs, mapping.inputs, { model, direction: "input" }),
      outputs: rename(signature.outputs, mapping.outputs, { model, direction: "output" }),
    });
  }
  for (const direction of ["input", "output"] as const) {
    const ports = [...named.signatures.values()].flatMap((signature) => signature[`${direction}s`]);
    for (const tensor of mapping[`${direction}s`].keys()) {
      if (findNamed(ports, tensor, { model, direction }).length > 0) continue;
      const all = [...new Set(model[`${direction}s`].map(({ names: [first] }) => first))].join(", ");
      throw mappingError(`the model has no ${direction} ${tensor}, its ${direction}s are ${all}`);
    }
  }
  return { signatures, notes: named.notes };
}

function rename(
  ports: readonly NamedPort[],
  mapping: ReadonlyMap<string, string>,
  { model, direction }: { model: MappedModel; direction: Direction },
): NamedPort[] {
  const renamed = new Map<NamedPort, string>();
  for (const [tensor, name] of mapping) {
    for (const port of findNamed(ports, tensor, { model, direction })) {
      if (renamed.has(port)) throw mappingError(`it names the ${direction} ${port.name} twice`);
      renamed.set(port, name);
    }
  }
  const result = ports.map((port) => ({ ...port, name: renamed.get(port) ?? port.name }));
  const names = new Set<string>();
  for (const { name } of result) {
    if (names.has(name)) throw mappingError(`two ${direction}s would be called ${name}`);
    names.add(name);
  }
  return result;
}

/** The ports with a name: by the graph's or the runtime's name several ports may be one tensor. */
function findNamed(
  ports: readonly NamedPort[],
  tensor: string,
  { model, direction }: { model: MappedModel; direction: Direction },
): readonly NamedPort[] {
  const byName = ports.filter(({ name }) => name === tensor);
  if (byName.length > 0) return byName;
  const byTensor = ports.filter(({ tensorName }) => tensorName === tensor);
  if (byTensor.length > 0) return byTensor;
  const index = model.findPort(tensor, direction);
  return ports.filter(({ port }) => port === index);
}

function mappingError(reason: string, options?: ErrorOptions): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot use mapping_config.json: ${reason}`, options);
}
