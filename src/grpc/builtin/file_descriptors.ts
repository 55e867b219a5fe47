/**
 * The descriptors of `protos/`: which file declares a name, and the files it takes to understand one. Made by
 * `scripts/descriptors.ts`; read when a client first asks.
 *
 * @module
 */
import FILES from "./file_descriptors.json" with { type: "json" };
import { WireFields } from "../../protobuf/wire_fields.ts";

/** A file as protobuf describes it (google/protobuf/descriptor.proto). */
export interface FileDescriptor {
  /** Its path in imports. */
  readonly name: string;
  /** A serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** The files it imports, by their paths. */
  readonly imports: readonly string[];
}

/** Files and what they declare. */
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

  /** The file that declares a message, enum, service, or something inside one, by its full name without a leading dot. */
  fileDeclaring(name: string): FileDescriptor | undefined {
    return this.#fileOf.get(name);
  }

  /** Whether a full name is a message's. */
  isMessage(name: string): boolean {
    return this.#messages.has(name);
  }

  /** A file and all it imports, each once, itself first. */
  closure(file: FileDescriptor): readonly FileDescriptor[] {
    const found = new Set([file]);
    // What is added on the way is visited too.
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
    // Values are siblings of their enum, as in C++.
    for (const value of declared.messages(2)) this.#declare(file, { declared: value, scope });
  }

  /** @returns the full name; a declaration's own is in field 1, whatever it is. */
  #declare(file: FileDescriptor, { declared, scope }: { declared: WireFields; scope: string }): string {
    const name = scope === "" ? declared.text(1) : `${scope}.${declared.text(1)}`;
    this.#fileOf.set(name, file);
    return name;
  }
}

let own: FileDescriptors | undefined;

/** The descriptors of what this server speaks. */
export function ownDescriptors(): FileDescriptors {
  own ??= new FileDescriptors(Object.values(FILES).map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
  return own;
}
