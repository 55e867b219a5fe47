/**
 * ModelSpec between protobuf and plain types (tensorflow_serving/apis/model.proto).
 *
 * @module
 */
import type { ModelSpec } from "../../../service/messages.ts";
import type { WireFields } from "../../../protobuf/wire_fields.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import type { WireWriter } from "../../../protobuf/wire_writer.ts";

/**
 * Reads a ModelSpec up to the reader's limit.
 *
 * @param earlier the same field, read before: protobuf merges repeated submessages.
 */
export function readModelSpec(reader: WireReader, earlier: ModelSpec | undefined): ModelSpec {
  let name = earlier?.name ?? "";
  let signatureName = earlier?.signatureName ?? "";
  let version = earlier?.version;
  let versionLabel = earlier?.versionLabel;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 1 << 3 | WIRE.LENGTH:
        name = reader.readString();
        break;
      case 2 << 3 | WIRE.LENGTH:
        version = readInt64Value(reader, version ?? 0);
        versionLabel = undefined;
        break;
      case 3 << 3 | WIRE.LENGTH:
        signatureName = reader.readString();
        break;
      case 4 << 3 | WIRE.LENGTH:
        versionLabel = reader.readString();
        version = undefined;
        break;
      default:
        reader.skip(tag);
    }
  }
  if (version !== undefined) return { name, version, signatureName };
  if (versionLabel !== undefined) return { name, versionLabel, signatureName };
  return { name, signatureName };
}

/** The ModelSpec in field 1 of a message, its place in all requests; undefined if absent. */
export function modelSpecOf(fields: WireFields): ModelSpec | undefined {
  const view = fields.view(1);
  return view === undefined ? undefined : readModelSpec(new WireReader(view), undefined);
}

function readInt64Value(reader: WireReader, earlier: number | bigint): number | bigint {
  let value = earlier;
  const outer = reader.enter();
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.VARINT)) value = reader.readInt64();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return value;
}

/** Writes the fields of a ModelSpec. */
export function writeModelSpec(writer: WireWriter, spec: ModelSpec): void {
  const { version, versionLabel } = spec;
  if (versionLabel !== undefined) {
    const end = writer.length;
    writer.writeText(versionLabel);
    writer.writeLength(end);
    writer.writeTag(4 << 3 | WIRE.LENGTH);
  }
  writer.writeTextField(3, spec.signatureName);
  if (version !== undefined) {
    const end = writer.length;
    // Version 0 is an empty message; no version is no message.
    writer.writeNumberField(1, version);
    writer.writeLength(end);
    writer.writeTag(2 << 3 | WIRE.LENGTH);
  }
  writer.writeTextField(1, spec.name);
}
