/**
 * The descriptors of `protos/`: which file declares a name, and which files it imports. `scripts/descriptors.ts` makes them; they are
 * parsed at the first reflection request.
 *
 * @module
 */
import FILES from "./file_descriptors.json" with { type: "json" };
import { WireFields } from "../../protobuf/wire_fields.ts";

/** A described file (google/protobuf/descriptor.proto). */
export interface FileDescriptor {
  /** Its path as in imports. */
  readonly name: string;
  /** A serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** The paths of the files it imports. */
  readonly imports: readonly string[];
}

/** Files, and the names they declare. */
export class FileDescriptors {
  readonly #files = new Map<string, FileDescriptor>();
  readonly #fileOf = new Map<string, FileDescriptor>();
  readonly #messages = new Set<string>();

  /** @param files serialized FileDescriptorProtos. */
  constructor(files: Iterable<Uint8Array>) {
    for (const bytes of files) this.#add(bytes);
  }

  /** The file with a path. */
  file(name: string): FileDescriptor | undefined {
    return this.#files.get(name);
  }

  /** The file that declares a message, an enum, a service or a name inside one. Names are full, without a leading dot. */
  fileDeclaring(name: string): FileDescriptor | undefined {
    return this.#fileOf.get(name);
  }

  /** Whether a full name is that of a message. */
  isMessage(name: string): boolean {
    return this.#messages.has(name);
  }

  /** A file and everything it imports, itself first, each once. */
  closure(file: FileDescriptor): readonly FileDescriptor[] {
    const found = new Set([file]);
    // Iteration includes the files added during it.
    for (const { imports } of found) {
      for (const name of imports) {
        const imported = this.#files.get(name);
        if (imported !== undefined) found.add(imported);
      }
    }
    return [...found];
  }

  #add(bytes: Uint8Array): void {
    const fields = new WireFields(bytes);
    const file = { name: fields.text(1), bytes, imports: fields.texts(3) };
    this.#files.set(file.name, file);
    const scope = fields.text(2);
    for (const message of fields.messages(4)) this.#declareMessage(file, { message, scope });
    for (const declared of fields.messages(5)) this.#declareEnum(file, { declared, scope });
    for (const service of fields.messages(6)) {
      const name = this.#declare(file, { declared: service, scope });
      for (const method of service.messages(2)) this.#declare(file, { declared: method, scope: name });
    }
  }

  #declareMessage(file: FileDescriptor, { message, scope }: { message: WireFields; scope: string }): void {
    const name = this.#declare(file, { declared: message, scope });
    this.#messages.add(name);
    for (const field of message.messages(2)) this.#declare(file, { declared: field, scope: name });
    for (const nested of message.messages(3)) this.#declareMessage(file, { message: nested, scope: name });
    for (const nested of message.messages(4)) this.#declareEnum(file, { declared: nested, scope: name });
    for (const oneof of message.messages(8)) this.#declare(file, { declared: oneof, scope: name });
  }

  #declareEnum(file: FileDescriptor, { declared, scope }: { declared: WireFields; scope: string }): void {
    this.#declare(file, { declared, scope });
    // Enum values are siblings of their enum, as in C++.
    for (const value of declared.messages(2)) this.#declare(file, { declared: value, scope });
  }

  /** @returns the full name. Every kind of declaration has its own name in field 1. */
  #declare(file: FileDescriptor, { declared, scope }: { declared: WireFields; scope: string }): string {
    const name = scope === "" ? declared.text(1) : `${scope}.${declared.text(1)}`;
    this.#fileOf.set(name, file);
    return name;
  }
}

let own: FileDescriptors | undefined;

/** The descriptors of this server's protos. */
export function ownDescriptors(): FileDescriptors {
  own ??= new FileDescriptors(Object.values(FILES).map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
  return own;
}
