/**
 * Shared parts of the tests of engines: an engine with a folder for its models, models to write there, tensors to infer.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Code, ServingError } from "../../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type Tensor } from "../../base/tensor.ts";
import type { CompiledModel, Engine, InferRequest } from "../engine.ts";
import type { FakeModelFile } from "./fake_model.ts";

/** The optional capabilities of an engine, as `engine.ts` describes them. */
export const CAPABILITIES = ["infers in the loop", "shares models", "frees on disposal"] as const;

/** One of {@link CAPABILITIES}. */
export type Capability = (typeof CAPABILITIES)[number];

/** An engine as the conformance tests need it. */
export interface EngineUnderTest {
  readonly name: string;
  /** Why the tests cannot run here; undefined when they can. */
  readonly skipped?: string | undefined;
  /** The optional capabilities it lacks. */
  readonly lacks?: readonly Capability[];
  open(): Engine;
  /** Writes a model that does what `model` describes into `folder` and returns the path to read. */
  write(folder: string, model: FakeModelFile): string;
}

/** One engine and a folder for its models; both are removed at the end of a test. */
export class Rig implements Disposable {
  readonly engine: Engine;
  readonly folder = Deno.makeTempDirSync();
  readonly #write: EngineUnderTest["write"];

  constructor(engineUnderTest: EngineUnderTest) {
    this.engine = engineUnderTest.open();
    this.#write = engineUnderTest.write;
  }

  write(model: FakeModelFile): string {
    return this.#write(this.folder, model);
  }

  async compile(model: FakeModelFile): Promise<CompiledModel> {
    using read = await this.engine.read(this.write(model));
    return await read.compile({ device: "CPU", properties: new Map([["INFERENCE_NUM_THREADS", "1"]]) });
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Infers on the calling thread where the engine can, and off it otherwise. */
export async function infer(request: InferRequest, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  return request.infer?.(inputs) ?? await request.inferAsync(inputs);
}

/** A model whose output is its input. */
export function identity(dtype: DType, shape?: FakeModelFile["inputs"][number]["shape"]): FakeModelFile {
  const port = shape === undefined ? { dtype } : { dtype, shape };
  return { inputs: [{ names: ["x"], ...port }], outputs: [{ names: ["y"], ...port }] };
}

/** A model whose output is its input plus one. */
export function increment(shape?: FakeModelFile["inputs"][number]["shape"]): FakeModelFile {
  return { ...identity("f32", shape), compute: "add", value: 1 };
}

/** A tensor of `f32`, aligned by default. */
export function floats(values: readonly number[], shape: readonly number[] = [values.length], offset = 0): Tensor {
  const bytes = new Uint8Array(values.length * 4 + offset).subarray(offset);
  const view = new DataView(bytes.buffer, offset);
  values.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return { dtype: "f32", shape, bytes };
}

/** The values of an `f32` tensor. */
export function floatsOf(tensor: Tensor | undefined): number[] {
  assert.ok(tensor !== undefined && tensor.dtype === "f32");
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  return Array.from({ length: tensor.bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** A tensor of different elements. Those of `f64` are whole numbers: CPUs compute them as `f32`. */
export function sample(dtype: DType, shape: readonly number[]): Tensor {
  const count = elementCount(shape);
  if (dtype === "string") {
    return { dtype, shape, strings: Array.from({ length: count }, (_, i) => new TextEncoder().encode(`text ${i}`)) };
  }
  const bytes = new Uint8Array(count * DTYPE_BYTES[dtype]);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    if (dtype === "f64") view.setFloat64(i * 8, i % 251, true);
    else if (dtype === "bool") view.setUint8(i, i % 2);
    else view.setUint8(i * DTYPE_BYTES[dtype], i % 251);
  }
  return { dtype, shape, bytes };
}

/** A matcher for `assert.rejects` and `assert.throws`: a {@link ServingError} with that code and message. */
export function servingError(code: Code, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n|\.cpp:|\/tmp\//);
    return true;
  };
}
