/**
 * gRPC's server reflection: describes services and their messages to clients that have no protos. Versions v1 and v1alpha differ in
 * their names only (grpc/reflection/v1/reflection.proto).
 *
 * @module
 */
import { CODE, type Code, ServingError } from "../../base/status.ts";
import type { MessageSink, Method, ServerCall, StreamingMethod } from "../call.ts";
import { type FileDescriptor, type FileDescriptors, ownDescriptors } from "./file_descriptors.ts";
import { WIRE, WireReader } from "../../protobuf/wire_reader.ts";
import { WireWriter } from "../../protobuf/wire_writer.ts";

const SERVICES = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"] as const;

/** The oneof `message_request`, by field numbers. */
const REQUEST = {
  FILE_BY_FILENAME: 3,
  FILE_CONTAINING_SYMBOL: 4,
  FILE_CONTAINING_EXTENSION: 5,
  ALL_EXTENSION_NUMBERS_OF_TYPE: 6,
  LIST_SERVICES: 7,
} as const;

/** The oneof `message_response`, by field numbers. */
const RESPONSE = { FILES: 4, EXTENSION_NUMBERS: 5, SERVICES: 6, ERROR: 7 } as const;

/** The methods that describe `methods`, and themselves. */
export function reflectionMethods(methods: readonly Method[]): readonly StreamingMethod[] {
  const served = methods.map(({ path }) => path.split("/")[1] ?? "");
  const services = [...new Set([...served, ...SERVICES])].sort();
  return SERVICES.map((service) => ({
    path: `/${service}/ServerReflectionInfo`,
    open: (call) => new Reflection(call, services),
  }));
}

interface ReflectionRequest {
  readonly host: string;
  /** The field of the oneof; 0 if none is set. */
  readonly field: number;
  /** The text of the field, or the extended type. */
  readonly text: string;
}

/** One call. It sends each file once. */
class Reflection implements MessageSink {
  readonly #call: ServerCall;
  readonly #services: readonly string[];
  readonly #descriptors: FileDescriptors = ownDescriptors();
  readonly #sent = new Set<FileDescriptor>();
  readonly #writer = new WireWriter();

  constructor(call: ServerCall, services: readonly string[]) {
    this.#call = call;
    this.#services = services;
  }

  onMessage(message: Uint8Array): void {
    const request = readRequest(message);
    const writer = this.#writer;
    writer.begin();
    try {
      this.#reply(request);
    } catch (error) {
      if (!(error instanceof ServingError)) throw error;
      writer.begin();
      writeError(writer, error);
    }
    writer.writeMessageField(2, () => writer.writeBytes(message));
    writer.writeTextField(1, request.host);
    this.#call.send(writer.finish());
  }

  onEnd(): void {
    this.#call.finish();
  }

  #reply({ field, text }: ReflectionRequest): void {
    switch (field) {
      case REQUEST.FILE_BY_FILENAME:
        return this.#replyFile(this.#descriptors.file(text), `File ${text} is not known`);
      case REQUEST.FILE_CONTAINING_SYMBOL:
        return this.#replyFile(this.#descriptors.fileDeclaring(text), `Symbol ${text} is not known`);
      case REQUEST.FILE_CONTAINING_EXTENSION:
        throw new ServingError(CODE.NOT_FOUND, `Type ${text} has no extensions`);
      case REQUEST.ALL_EXTENSION_NUMBERS_OF_TYPE:
        return this.#replyExtensionNumbers(text);
      case REQUEST.LIST_SERVICES:
        return this.#replyServices();
      default:
        throw new ServingError(CODE.INVALID_ARGUMENT, "The request asks for nothing that is known");
    }
  }

  #replyFile(file: FileDescriptor | undefined, error: string): void {
    if (file === undefined) throw new ServingError(CODE.NOT_FOUND, error);
    // The requested file is sent even if it was sent before: the client may have lost it.
    const files = this.#descriptors.closure(file).filter((needed) => needed === file || !this.#sent.has(needed));
    this.#writer.writeMessageField(RESPONSE.FILES, () => {
      for (const { bytes } of files.toReversed()) {
        this.#writer.writeMessageField(1, () => this.#writer.writeBytes(bytes));
      }
    });
    for (const sent of files) this.#sent.add(sent);
  }

  #replyExtensionNumbers(type: string): void {
    if (!this.#descriptors.isMessage(type)) throw new ServingError(CODE.NOT_FOUND, `Type ${type} is not known`);
    this.#writer.writeMessageField(RESPONSE.EXTENSION_NUMBERS, () => this.#writer.writeTextField(1, type));
  }

  #replyServices(): void {
    const writer = this.#writer;
    writer.writeMessageField(RESPONSE.SERVICES, () => {
      for (const name of this.#services.toReversed()) writer.writeMessageField(1, () => writer.writeTextField(1, name));
    });
  }
}

function writeError(writer: WireWriter, { code, message }: { code: Code; message: string }): void {
  writer.writeMessageField(RESPONSE.ERROR, () => {
    writer.writeTextField(2, message);
    writer.writeNumberField(1, code);
  });
}

/** The last field set in the oneof counts. */
function readRequest(message: Uint8Array): ReflectionRequest {
  let host = "";
  let field = 0;
  let text = "";
  const reader = new WireReader(message);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    const number = tag >>> 3;
    if ((tag & 7) !== WIRE.LENGTH || number === 2 || number > REQUEST.LIST_SERVICES) {
      reader.skip(tag);
    } else if (number === 1) {
      host = reader.readString();
    } else {
      field = number;
      text = number === REQUEST.FILE_CONTAINING_EXTENSION ? readExtendedType(reader) : reader.readString();
    }
  }
  return { host, field, text };
}

function readExtendedType(reader: WireReader): string {
  let type = "";
  const outer = reader.enter();
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) type = reader.readString();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return type;
}
