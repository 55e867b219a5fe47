/**
 * What the bodies of all requests have in common: a body is an object and may name a signature (tensorflow_serving/util/
 * json_tensor.cc, `ParseJson` and `FillSignature`).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import type { JsonDocument } from "../../../json/json_document.ts";
import { excerpt } from "../../../json/json_excerpt.ts";

/**
 * Returns the signature a body asks for; empty for the default one.
 *
 * @throws {ServingError} INVALID_ARGUMENT when the body is not an object, or the name not a string.
 */
export function readSignatureName(document: JsonDocument): string {
  if (!document.isObject(0)) throw bodyError(document, "Is not object");
  const node = document.member(0, "signature_name");
  if (node === undefined) return "";
  if (document.isString(node)) return document.text(node);
  throw bodyError(document, "not formatted correctly. 'signature_name' key must be a string value.");
}

/** An error about a body as a whole, with an excerpt of it. */
export function bodyError(document: JsonDocument, problem: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `JSON Value: ${excerpt(document, 0)} ${problem}`);
}
