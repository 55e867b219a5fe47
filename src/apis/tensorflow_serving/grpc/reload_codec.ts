/**
 * HandleReloadConfigRequest between protobuf and plain types (tensorflow_serving/apis/model_management.proto, tensorflow_serving/
 * config/{model_server_config,file_system_storage_path_source}.proto).
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import type { ModelServerEntry, ReloadConfigRequest, ReloadConfigResponse } from "../../../service/messages.ts";
import { WireFields } from "../../../protobuf/wire_fields.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

type VersionPolicy = ModelServerEntry["versionPolicy"];

/** Members of the oneof `ServableVersionPolicy.policy_choice`. */
const POLICY = { LATEST: 100, ALL: 101, SPECIFIC: 102 } as const;

/** Decodes a ReloadConfigRequest. Throws a ServingError INVALID_ARGUMENT for bytes that are not protobuf. */
export function decodeReloadConfigRequest(message: Uint8Array): ReloadConfigRequest {
  const fields = new WireFields(message);
  const list = fields.message(1).view(1);
  return {
    models: list === undefined ? undefined : new WireFields(list).messages(1).map(entryOf),
    metricNames: fields.texts(2),
  };
}

function entryOf(fields: WireFields): ModelServerEntry {
  return {
    name: fields.text(1),
    basePath: fields.text(2),
    modelType: fields.number(3),
    platform: fields.text(4),
    versionPolicy: policyOf(fields.view(7)),
    versionLabels: new Map(fields.messages(8).map((label) => [label.text(1), label.number(2)])),
    hasLogging: fields.view(6) !== undefined,
  };
}

/** The last of several choices counts, as in any oneof. */
function policyOf(view: Uint8Array | undefined): VersionPolicy {
  let policy: VersionPolicy = { kind: "latest", count: 1 };
  const reader = new WireReader(view ?? new Uint8Array(0));
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const choice = (tag & 7) === WIRE.LENGTH ? tag >>> 3 : 0;
    if (choice === POLICY.LATEST) {
      // TensorFlow Serving treats 0 as 1.
      policy = { kind: "latest", count: Math.max(new WireFields(reader.readView()).number(1), 1) };
    } else if (choice === POLICY.ALL) {
      reader.readView();
      policy = { kind: "all" };
    } else if (choice === POLICY.SPECIFIC) {
      policy = { kind: "specific", versions: versionsOf(new WireReader(reader.readView())) };
    } else {
      reader.skip(tag);
    }
  }
  return policy;
}

/** `repeated int64 versions = 1`, packed or not. */
function versionsOf(reader: WireReader): number[] {
  const versions: number[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag >>> 3 !== 1 || ((tag & 7) !== WIRE.VARINT && (tag & 7) !== WIRE.LENGTH)) {
      reader.skip(tag);
    } else if ((tag & 7) === WIRE.VARINT) {
      versions.push(reader.readInt64AsNumber());
    } else {
      const outer = reader.enter();
      while (reader.position < reader.limit) versions.push(reader.readInt64AsNumber());
      reader.leave(outer);
    }
  }
  return versions;
}

/** Encodes a ReloadConfigResponse, whose status is OK. The bytes belong to the caller. */
export function encodeReloadConfigResponse(response: ReloadConfigResponse): Uint8Array {
  const writer = new WireWriter();
  for (const { name, increase } of response.metrics.toReversed()) {
    writer.writeMessageField(2, () => {
      // The value is a member of a oneof, so it is written even if it is 0.
      writer.writeInt64(increase);
      writer.writeTag(2 << 3 | WIRE.VARINT);
      writer.writeTextField(1, name);
    });
  }
  writer.writeMessageField(1, () => {});
  return joinParts(writer.finish());
}
