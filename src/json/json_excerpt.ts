/**
 * Excerpts of a request's values for error sentences.
 *
 * @module
 */
import type { JsonDocument, JsonNode } from "./json_document.ts";
import { KIND } from "./json_parser.ts";
import { JsonWriter } from "./json_writer.ts";

/** From this many bytes on nothing more is printed; open brackets stay open (json_tensor.cc, `kMaxJsonDebugStringBytes`). */
const BYTES_MAX = 256;
/** TensorFlow Serving prints a string in full, however long; here no excerpt is longer than this. */
const STRING_BYTES_MAX = 1024;

/** RapidJSON's names of the kinds, by their numbers. */
const TYPE_NAMES: readonly string[] = [
  ...["Number", "Number", "Number", "String", "String", "False", "True", "Null", "Array", "Array", "Object"],
];

/** The start of a value as TensorFlow Serving prints it (json_tensor.cc, `JsonValueToDebugString`). */
export function excerpt(document: JsonDocument, node: JsonNode): string {
  const writer = new JsonWriter();
  writer.isSingleLine = true;
  writeValue(document, node, writer);
  return new TextDecoder().decode(writer.finish());
}

/** The kind of a value in RapidJSON's words. */
export function typeName(document: JsonDocument, node: JsonNode): string {
  return TYPE_NAMES[document.kinds[node] as number] as string;
}

/** Writes a value, and returns whether there is room for more. */
function writeValue(document: JsonDocument, node: JsonNode, writer: JsonWriter): boolean {
  if (writer.length >= BYTES_MAX) return false;
  const end = document.next(node);
  switch (document.kinds[node]) {
    case KIND.FLAT_ARRAY:
    case KIND.ARRAY:
      writer.startArray();
      for (let element = node + 1; element < end; element = document.next(element)) {
        if (!writeValue(document, element, writer)) return false;
      }
      if (writer.length >= BYTES_MAX) return false;
      writer.endArray();
      return true;
    case KIND.OBJECT:
      writer.startObject();
      for (let name = node + 1; name < end; name = document.next(name + 1)) {
        if (writer.length >= BYTES_MAX) return false;
        writer.name(document.text(name));
        if (!writeValue(document, name + 1, writer)) return false;
      }
      if (writer.length >= BYTES_MAX) return false;
      writer.endObject();
      return true;
    case KIND.STRING:
    case KIND.ESCAPED:
      writer.string(document.stringBytes(node).subarray(0, STRING_BYTES_MAX));
      return true;
    case KIND.TRUE:
    case KIND.FALSE:
    case KIND.NULL:
      writer.raw(typeName(document, node).toLowerCase());
      return true;
    default:
      return writeNumber(document, node, writer);
  }
}

function writeNumber(document: JsonDocument, node: JsonNode, writer: JsonWriter): boolean {
  const integer = document.integer(node);
  const value = document.number(node) as number;
  // RapidJSON refuses to print a number that JSON has no text for, and the excerpt ends there.
  if (!Number.isFinite(value)) return false;
  writer.raw(integer === undefined ? doubleText(value) : String(integer));
  return true;
}

/** A double as RapidJSON prints it: the shortest digits, and always a point or an exponent. */
function doubleText(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value).replace("e+", "e");
  return /[.e]/.test(text) ? text : `${text}.0`;
}
