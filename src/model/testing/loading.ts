/**
 * Files for tests of loading: models of the fake engine, SavedModels, record files.
 *
 * @module
 */
import { join } from "node:path";
import { type Code, ServingError } from "../../base/status.ts";
import type { NumericTensor, Tensor } from "../../base/tensor.ts";
import type { ModelFiles } from "../source/model_files.ts";

/** A version's folder, removed at the end of a test. */
export class VersionFolder implements Disposable {
  readonly path = Deno.makeTempDirSync();

  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  /** Writes a model of the fake engine (`FakeModelFile`) and returns the files of a version with it. */
  writeModel(model: object, others: Partial<ModelFiles> = {}): ModelFiles {
    const text = JSON.stringify(model);
    const path = this.write("model.json", text);
    return {
      format: "onnx",
      path,
      mappingPath: undefined,
      warmupPath: undefined,
      batchingPath: undefined,
      bytes: text.length,
      ...others,
    };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** A tensor of f32. */
export function floats(values: readonly number[], shape: readonly number[] = [values.length]): NumericTensor {
  return { dtype: "f32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** The values of a tensor of f32. */
export function floatsOf(tensor: Tensor | undefined): number[] {
  if (tensor?.dtype !== "f32") throw new Error("Not a tensor of f32");
  return [...new Float32Array(tensor.bytes.slice().buffer)];
}

/** A matcher for assertions: a {@link ServingError} with that code and message. */
export function servingError(code: Code, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.code === code && message.test(error.message);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push(value % 128 | 0x80);
  return [...bytes, value];
}

/** A protobuf field: a number as a varint, else text, bytes or the fields of a message, with their length. */
export function field(number: number, value: number | string | Uint8Array | readonly Uint8Array[]): Uint8Array {
  if (typeof value === "number") return Uint8Array.from([...varint(number << 3), ...varint(value)]);
  const bytes = typeof value === "string"
    ? new TextEncoder().encode(value)
    : value instanceof Uint8Array
    ? value
    : concat(value);
  return concat([Uint8Array.from([...varint(number << 3 | 2), ...varint(bytes.length)]), bytes]);
}

/** Joins bytes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** CRC-32C bit by bit, as defined. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function summed(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0, true);
  return concat([bytes, sum]);
}

/** A TFRecord file. */
export function recordFile(records: readonly Uint8Array[]): Uint8Array {
  return concat(records.flatMap((record) => {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(record.length), true);
    return [summed(length), summed(record)];
  }));
}
