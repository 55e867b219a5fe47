/**
 * What a request's value looks like, for the sentences about it.
 *
 * @module
 */
import { CHARACTER } from "./json_syntax.ts";
import { isNumberStart, type JsonReader } from "./json_reader.ts";
import { JsonWriter } from "./json_writer.ts";

/** From this many bytes on nothing more is shown: what is begun stays open (json_tensor.cc, `kMaxJsonDebugStringBytes`). */
const BYTES_MAX = 256;
/** TensorFlow Serving shows a string in full, however long; here no excerpt is longer than this. */
const STRING_BYTES_MAX = 1024;

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * The beginning of the value that comes next, as TensorFlow Serving prints it (json_tensor.cc, `JsonValueToDebugString`). The reader
 * stays where it is.
 */
export function excerpt(reader: JsonReader): string {
  const { place } = reader;
  const writer = new JsonWriter();
  writer.isSingleLine = true;
  writeValue(reader, writer);
  reader.seek(place);
  return new TextDecoder().decode(writer.finish());
}

/** Writes a value until there is enough; whether there is room for more. */
function writeValue(reader: JsonReader, writer: JsonWriter): boolean {
  if (writer.length >= BYTES_MAX) return false;
  const character = reader.peek();
  if (character === CHARACTER.LEFT_BRACKET) return writeArray(reader, writer);
  if (character === CHARACTER.LEFT_BRACE) return writeObject(reader, writer);
  if (character === CHARACTER.QUOTE) {
    writer.string(reader.readBytes().subarray(0, STRING_BYTES_MAX));
    return true;
  }
  if (isNumberStart(character)) return writeNumber(reader, writer);
  const start = reader.position;
  reader.skip();
  writer.raw(new TextDecoder().decode(reader.bytes.subarray(start, reader.position)));
  return true;
}

function writeArray(reader: JsonReader, writer: JsonWriter): boolean {
  writer.startArray();
  for (let left = reader.enterArray(); left > 0; left--) {
    if (!writeValue(reader, writer)) return false;
  }
  reader.leave();
  if (writer.length >= BYTES_MAX) return false;
  writer.endArray();
  return true;
}

function writeObject(reader: JsonReader, writer: JsonWriter): boolean {
  writer.startObject();
  reader.enterObject();
  for (let name = reader.nextMember(); name !== undefined; name = reader.nextMember()) {
    if (writer.length >= BYTES_MAX) return false;
    writer.name(name);
    if (!writeValue(reader, writer)) return false;
  }
  reader.leave();
  if (writer.length >= BYTES_MAX) return false;
  writer.endObject();
  return true;
}

function writeNumber(reader: JsonReader, writer: JsonWriter): boolean {
  const integer = reader.readBigInteger();
  if (integer !== undefined && integer >= INT64_MIN && integer <= UINT64_MAX) {
    writer.raw(String(integer));
    return true;
  }
  const value = integer === undefined ? reader.readNumber() : Number(integer);
  // RapidJSON refuses to print what JSON has no number for, and the excerpt ends there.
  if (!Number.isFinite(value)) return false;
  writer.raw(doubleText(value));
  return true;
}

/** A double as RapidJSON prints it: the shortest digits, and always a point or an exponent. */
function doubleText(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value).replace("e+", "e");
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** What kind of value comes next, in RapidJSON's words. */
export function typeName(reader: JsonReader): string {
  switch (reader.peek()) {
    case CHARACTER.LEFT_BRACKET:
      return "Array";
    case CHARACTER.LEFT_BRACE:
      return "Object";
    case CHARACTER.QUOTE:
      return "String";
    case CHARACTER.LOWER_N:
      return "Null";
    case CHARACTER.LOWER_T:
      return "True";
    case CHARACTER.LOWER_F:
      return "False";
    default:
      return "Number";
  }
}
