/**
 * An inference request in plain types, and inputs that are no tensors: what both of the protocol's encodings decode to.
 *
 * @module
 */
import type { MalformedTensor, RequestInput } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { ModelSpec } from "../../service/messages.ts";

/** An output that a request names. */
export interface RequestedOutput {
  readonly name: string;
  /** How many classes to reply with in place of the tensor; 0 for the tensor. */
  readonly classCount: number;
}

/** A request to infer. */
export interface InferRequest {
  readonly modelName: string;
  /** Empty for the version the server chooses. */
  readonly modelVersion: string;
  /** Returned with the reply; empty for none. */
  readonly id: string;
  /** The request's parameter `signature_name`: a signature of a SavedModel; empty for the default one. */
  readonly signatureName: string;
  /** In the order of the request. Inputs that are no tensors are among them, since an unknown model is reported first. */
  readonly inputs: readonly RequestInput[];
  /** Empty for all outputs. */
  readonly outputs: readonly RequestedOutput[];
}

/** The request's parameter that names a signature. */
export const SIGNATURE_PARAMETER = "signature_name";
/** The parameter of an output that asks for its classes. */
export const CLASSIFICATION_PARAMETER = "classification";
/** The parameter of an input or output that names a shared memory region. */
export const SHARED_MEMORY_PARAMETER = "shared_memory_region";

/** An input that cannot be decoded. `sentence` goes on after the input's name. */
export function malformedInput(name: string, sentence: string): MalformedTensor {
  return { dtype: "malformed", error: new ServingError(CODE.INVALID_ARGUMENT, `input '${name}' ${sentence}`) };
}

/** A version in decimal digits, no longer than an int64. */
const VERSION_REGEXP = /^[0-9]{1,19}$/;

/**
 * The model, version and signature that a request names, as the services take them.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version that is no whole number.
 */
export function modelSpecOf(name: string, version: string, signatureName = ""): ModelSpec {
  if (version === "") return { name, signatureName };
  if (!VERSION_REGEXP.test(version)) {
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `failed to get model version from specified version string '${version}': expected a whole number`,
    );
  }
  const number = Number(version);
  return { name, version: Number.isSafeInteger(number) ? number : BigInt(version), signatureName };
}

/** Words the error of a request for a model that is not there, or has no name, as Triton does; any other error stays as it is. */
export function modelError(error: unknown, { name, version }: { name: string; version: string }): unknown {
  if (!(error instanceof ServingError) || error.code !== CODE.NOT_FOUND && name !== "") return error;
  const which = version === "" ? `'${name}'` : `'${name}' version ${version}`;
  return new ServingError(CODE.NOT_FOUND, `Request for unknown model: ${which} is not found`, { cause: error });
}
