/**
 * The protocol's messages besides inference, between protobuf and plain types (protos/inference/grpc_service.proto). Decoders throw
 * a ServingError INVALID_ARGUMENT for bytes that are not protobuf; encoders return bytes that the caller owns.
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import { WireFields } from "../../../protobuf/wire_fields.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";
import type { Duration, VersionStatistics } from "../../../service/inference_statistics.ts";
import {
  BACKEND,
  type ModelMetadata,
  type ModelName,
  PLATFORM,
  type RepositoryEntry,
  type TensorMetadata,
} from "../models.ts";

/** `DataType` of protos/inference/model_config.proto, by the protocol's name of the datatype. */
const DATA_TYPE: Readonly<Record<string, number>> = {
  BOOL: 1,
  UINT8: 2,
  UINT16: 3,
  UINT32: 4,
  UINT64: 5,
  INT8: 6,
  INT16: 7,
  INT32: 8,
  INT64: 9,
  FP16: 10,
  FP32: 11,
  FP64: 12,
  BYTES: 13,
  BF16: 14,
};

/** Writes fields, the last one first. */
type WriteFields = (writer: WireWriter) => void;

function message(write: WriteFields): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return joinParts(writer.finish());
}

/** Writes a repeated sub-message. */
function writeAll<T>(writer: WireWriter, field: number, items: readonly T[], write: (item: T) => void): void {
  for (const item of items.toReversed()) writer.writeMessageField(field, () => write(item));
}

/** Writes a repeated string. */
function writeTexts(writer: WireWriter, field: number, texts: readonly string[]): void {
  writeAll(writer, field, texts, (text) => writer.writeText(text));
}

/** Decodes a ModelReadyRequest, ModelMetadataRequest, ModelConfigRequest or ModelStatisticsRequest. */
export function decodeModelName(bytes: Uint8Array): ModelName {
  const fields = new WireFields(bytes);
  return { name: fields.text(1), version: fields.text(2) };
}

/** Decodes a RepositoryIndexRequest. */
export function decodeRepositoryIndexRequest(bytes: Uint8Array): { repositoryName: string; isReady: boolean } {
  const fields = new WireFields(bytes);
  return { repositoryName: fields.text(1), isReady: fields.number(2) !== 0 };
}

/** Decodes a RepositoryModelLoadRequest or RepositoryModelUnloadRequest. */
export function decodeRepositoryModelRequest(
  bytes: Uint8Array,
): { repositoryName: string; name: string; parameters: readonly string[] } {
  const fields = new WireFields(bytes);
  return { repositoryName: fields.text(1), name: fields.text(2), parameters: [...fields.map(3).keys()] };
}

/** Encodes a message whose field 1 is a bool: ServerLiveResponse, ServerReadyResponse, ModelReadyResponse. */
export function encodeFlag(isTrue: boolean): Uint8Array {
  return message((writer) => writer.writeNumberField(1, Number(isTrue)));
}

/** Encodes a ServerMetadataResponse. */
export function encodeServerMetadata(
  { name, version, extensions }: { name: string; version: string; extensions: readonly string[] },
): Uint8Array {
  return message((writer) => {
    writeTexts(writer, 3, extensions);
    writer.writeTextField(2, version);
    writer.writeTextField(1, name);
  });
}

/** Encodes a ModelMetadataResponse. */
export function encodeModelMetadata({ name, versions, inputs, outputs }: ModelMetadata): Uint8Array {
  return message((writer) => {
    const writeTensor = (tensor: TensorMetadata): void => {
      writeSizes(writer, 3, tensor.shape);
      writer.writeTextField(2, tensor.datatype);
      writer.writeTextField(1, tensor.name);
    };
    writeAll(writer, 5, outputs, writeTensor);
    writeAll(writer, 4, inputs, writeTensor);
    writer.writeTextField(3, PLATFORM);
    writeTexts(writer, 2, versions);
    writer.writeTextField(1, name);
  });
}

/** Writes a packed field of int64. */
function writeSizes(writer: WireWriter, field: number, sizes: readonly number[]): void {
  if (sizes.length === 0) return;
  writer.writeMessageField(field, () => sizes.toReversed().forEach((size) => writer.writeInt64(size)));
}

/** Encodes a ModelConfigResponse. The shapes are complete, so `max_batch_size` is 0. */
export function encodeModelConfig({ name, inputs, outputs }: ModelMetadata): Uint8Array {
  return message((writer) =>
    writer.writeMessageField(1, () => {
      writer.writeTextField(17, BACKEND);
      writeAll(writer, 6, outputs, (tensor) => {
        writeSizes(writer, 3, tensor.shape);
        writer.writeNumberField(2, DATA_TYPE[tensor.datatype] ?? 0);
        writer.writeTextField(1, tensor.name);
      });
      writeAll(writer, 5, inputs, (tensor) => {
        writeSizes(writer, 4, tensor.shape);
        writer.writeNumberField(2, DATA_TYPE[tensor.datatype] ?? 0);
        writer.writeTextField(1, tensor.name);
      });
      writer.writeTextField(2, PLATFORM);
      writer.writeTextField(1, name);
    })
  );
}

/** Encodes a RepositoryIndexResponse. */
export function encodeRepositoryIndex(entries: readonly RepositoryEntry[]): Uint8Array {
  return message((writer) =>
    writeAll(writer, 1, entries, ({ name, version, state, reason }) => {
      writer.writeTextField(4, reason);
      writer.writeTextField(3, state);
      writer.writeTextField(2, version);
      writer.writeTextField(1, name);
    })
  );
}

/** Encodes a ModelStatisticsResponse. */
export function encodeModelStatistics(statistics: readonly VersionStatistics[]): Uint8Array {
  return message((writer) => {
    const writeDuration = (field: number, { count, ns }: Duration): void =>
      writer.writeMessageField(field, () => {
        writer.writeNumberField(2, BigInt(Math.round(ns)));
        writer.writeNumberField(1, count);
      });
    writeAll(writer, 1, statistics, (version) => {
      writeAll(writer, 7, version.batches, ({ size, inference }) => {
        writeDuration(3, inference);
        writer.writeNumberField(1, size);
      });
      writer.writeMessageField(6, () => {
        writeDuration(6, version.output);
        writeDuration(5, version.inference);
        writeDuration(4, version.input);
        writeDuration(3, version.queue);
        writeDuration(2, version.failure);
        writeDuration(1, version.success);
      });
      writer.writeNumberField(5, version.executionCount);
      writer.writeNumberField(4, version.inferenceCount);
      writer.writeNumberField(3, BigInt(Math.round(version.lastInferenceMs)));
      writer.writeTextField(2, String(version.version));
      writer.writeTextField(1, version.name);
    });
  });
}
