/**
 * The messages under `protos/` by name, as a library encodes and decodes them: the reference for tests of our codecs.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import type { AnyDefinition, MessageTypeDefinition, Options } from "@grpc/proto-loader";
import { assert, CODE, ServingError } from "../../base/status.ts";

const PROTOS_FOLDER = fileURLToPath(new URL("../../../protos", import.meta.url));

/** Files that import all others. */
const PROTO_FILES = [
  "tensorflow_serving/apis/prediction_service.proto",
  "tensorflow_serving/apis/prediction_log.proto",
  "tensorflow_serving/apis/model_service.proto",
  "tensorflow_serving/config/monitoring_config.proto",
  "tensorflow_serving/config/platform_config.proto",
  "tensorflow_serving/config/ssl_config.proto",
  "inference/grpc_service.proto",
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
];

/** Field names as in the files, defaults for absent fields, 64-bit numbers as decimal strings, and which field of a oneof is set. */
const LOADER_OPTIONS: Options = {
  includeDirs: [PROTOS_FOLDER],
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
};

/** A message as an object: field names as in the files, enums by name, 64-bit numbers as decimal strings, bytes as Buffers. */
export type ProtoObject = Record<string, unknown>;

/** Every message under `protos/`. */
export class Protos {
  readonly #definitions: Readonly<Record<string, AnyDefinition>>;

  /** Use {@link loadProtos}. */
  constructor(definitions: Readonly<Record<string, AnyDefinition>>) {
    this.#definitions = definitions;
  }

  /**
   * Decodes a message.
   *
   * @param typeName with its package: `tensorflow.serving.ReloadConfigRequest`.
   * @throws {ServingError} INVALID_ARGUMENT when the bytes are not such a message.
   */
  decode(typeName: string, message: Uint8Array): ProtoObject {
    const type = this.#type(typeName);
    try {
      return type.deserialize(Buffer.from(message.buffer, message.byteOffset, message.byteLength)) as ProtoObject;
    } catch (error) {
      throw new ServingError(CODE.INVALID_ARGUMENT, `Cannot parse message as ${typeName}`, { cause: error });
    }
  }

  /**
   * Encodes a message; fields that are left out have their defaults.
   *
   * @param typeName with its package: `tensorflow.serving.ReloadConfigResponse`.
   */
  encode(typeName: string, object: ProtoObject): Uint8Array {
    return this.#type(typeName).serialize(object);
  }

  #type(name: string): MessageTypeDefinition<object, object> {
    const definition = this.#definitions[name];
    assert(definition !== undefined && "serialize" in definition, `There is no message ${name} under protos/`);
    return definition as MessageTypeDefinition<object, object>;
  }
}

let loading: Promise<Protos> | undefined;

/** Loads `protos/`, once. */
export function loadProtos(): Promise<Protos> {
  loading ??= import("@grpc/proto-loader").then(({ loadSync }) => new Protos(loadSync(PROTO_FILES, LOADER_OPTIONS)));
  return loading;
}
