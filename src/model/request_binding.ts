/**
 * Binds a request to a signature of a servable: the signature by its name, inputs in the signature's order and checked, outputs by
 * the filter. Used for requests of clients and for recorded ones.
 *
 * @module
 */
import { checkTensors, orderInputs, type RequestInput, selectOutputs } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import { convertInputs } from "./input_conversion.ts";
import { DEFAULT_SIGNATURE_NAME, type ServableSignature } from "./loading/signatures.ts";

/** What has signatures: a servable. */
export interface Signed {
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  /** Signatures that the model has and that cannot be served, with the reason. */
  readonly refused: ReadonlyMap<string, { readonly reason: string }>;
}

/** What a request says besides its signature. */
export interface UnboundRequest {
  readonly inputs: readonly RequestInput[];
  /** Names of outputs; empty for all. */
  readonly outputFilter: readonly string[];
}

/** A request that can be inferred. */
export interface BoundRequest {
  /** Never empty. */
  readonly signatureName: string;
  readonly signature: ServableSignature;
  /** In the signature's order, checked. */
  readonly inputs: readonly Tensor[];
  /** Indices of the outputs to return; undefined for all. */
  readonly selected: readonly number[] | undefined;
}

/**
 * Finds a signature.
 *
 * @param name empty for the default signature.
 * @param unknown makes the error for a name the servable does not have.
 * @throws {ServingError} UNIMPLEMENTED with the reason for a signature that the model has and that cannot be served.
 */
export function findSignature(
  { signatures, refused }: Signed,
  name: string,
  unknown: (name: string) => ServingError,
): ServableSignature {
  const key = name || DEFAULT_SIGNATURE_NAME;
  const signature = signatures.get(key);
  if (signature !== undefined) return signature;
  const reason = refused.get(key)?.reason;
  if (reason === undefined) throw unknown(key);
  throw new ServingError(CODE.UNIMPLEMENTED, `The signature ${key} is not served: ${reason}`);
}

/**
 * Binds a request. The checks are in TensorFlow Serving's order: signature, names of inputs, tensors, output filter; then dtypes and
 * shapes, which TensorFlow's kernels check there.
 *
 * @param signatureName empty for the default signature.
 * @param options.convertsInputs whether inputs of another dtype are converted (`--convert_inputs`).
 * @throws {ServingError} FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for inputs or a filter that do not match it.
 */
export function bindRequest(
  servable: Signed,
  signatureName: string,
  request: UnboundRequest,
  options?: { convertsInputs: boolean },
): BoundRequest {
  const signature = findSignature(servable, signatureName, unknownKey);
  const inputs = orderInputs(signature, request.inputs);
  const selected = selectOutputs(signature, request.outputFilter);
  if (options?.convertsInputs === true) convertInputs(signature.inputs, inputs);
  checkTensors(signature.inputs, inputs);
  return { signatureName: signatureName || DEFAULT_SIGNATURE_NAME, signature, inputs, selected };
}

function unknownKey(name: string): ServingError {
  return new ServingError(CODE.FAILED_PRECONDITION, `Serving signature key "${name}" not found.`);
}
