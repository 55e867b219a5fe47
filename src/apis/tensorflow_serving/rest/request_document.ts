/**
 * What the bodies of all requests have in common: they are objects, and may name a signature (tensorflow_serving/util/json_tensor.cc,
 * `ParseJson` and `FillSignature`).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { excerpt } from "../../../json/json_excerpt.ts";
import { JsonReader } from "../../../json/json_reader.ts";
import type { JsonDocument } from "../../../json/json_scanner.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";

/**
 * The signature a body asks for; empty for the default one.
 *
 * @param document scanned with `signature_name` among the members wanted.
 * @throws {ServingError} INVALID_ARGUMENT when the body is no object, or the name no string.
 */
export function readSignatureName(document: JsonDocument): string {
  if (document.bytes[document.root.position] !== CHARACTER.LEFT_BRACE) throw bodyError(document, "Is not object");
  const place = document.members.get("signature_name");
  if (place === undefined) return "";
  const reader = new JsonReader().open(document, place);
  if (reader.peek() === CHARACTER.QUOTE) return reader.readText();
  throw bodyError(document, "not formatted correctly. 'signature_name' key must be a string value.");
}

/** An error about a body as a whole, with the beginning of it. */
export function bodyError(document: JsonDocument, what: string): ServingError {
  const shown = excerpt(new JsonReader().open(document, document.root));
  return new ServingError(CODE.INVALID_ARGUMENT, `JSON Value: ${shown} ${what}`);
}
