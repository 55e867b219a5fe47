/**
 * Support for tests of batching: tasks that remember how they ended, and infer requests in memory.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { DTYPE_BYTES, type NumericTensor, type Tensor } from "../../base/tensor.ts";
import type { InferRequest } from "../../engine/engine.ts";
import type { BatchTask } from "../batching/batcher.ts";

/** How a {@link ToyTask} ended. */
export type ToyEnd = { readonly kind: "done" } | { readonly kind: "failed"; readonly error: unknown };

/** A task that does nothing, or fails every batch that contains it. */
export class ToyTask implements BatchTask {
  readonly key: string;
  readonly size: number;
  readonly isPoison: boolean;
  readonly #abort = new AbortController();
  /** Every way it ended; exactly one if the batcher is correct. */
  readonly ends: ToyEnd[] = [];

  constructor(
    readonly name: string,
    { key = "", size = 1, isPoison = false }: { key?: string; size?: number; isPoison?: boolean } = {},
  ) {
    this.key = key;
    this.size = size;
    this.isPoison = isPoison;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abort(): void {
    this.#abort.abort(new ServingError(CODE.CANCELLED, `${this.name} left`));
  }

  fail(error: unknown): void {
    this.ends.push({ kind: "failed", error });
  }

  done(): void {
    this.ends.push({ kind: "done" });
  }

  /** `done`, the message of its error, or `waiting`. */
  get state(): string {
    const [end] = this.ends;
    if (end === undefined) return "waiting";
    return end.kind === "done" ? "done" : end.error instanceof Error ? end.error.message : String(end.error);
  }
}

/** Resolves after all microtasks, and those they queue. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** An infer request whose outputs a function computes; `gate` delays inferences off the loop. */
export class ToyInferRequest implements InferRequest {
  /** The inputs of each inference, copied. */
  readonly seen: (readonly Tensor[])[] = [];
  isInferring = false;
  #outputs: readonly Tensor[] = [];

  constructor(
    readonly compute: (inputs: readonly Tensor[]) => readonly Tensor[],
    readonly gate: () => Promise<void> = () => Promise.resolve(),
  ) {}

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    if (this.isInferring) throw new Error("An infer request was used twice at once");
    // A late reader of the last outputs shall notice.
    for (const output of this.#outputs) if (output.dtype !== "string") output.bytes.fill(0xee);
    this.seen.push(inputs.map(copyTensor));
    return this.#outputs = this.compute(inputs);
  }

  async inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    if (this.isInferring) throw new Error("An infer request was used twice at once");
    this.isInferring = true;
    try {
      await this.gate();
    } finally {
      this.isInferring = false;
    }
    return this.infer(inputs);
  }

  [Symbol.dispose](): void {}
}

/** A copy of a tensor with its own memory. */
export function copyTensor(tensor: Tensor): Tensor {
  if (tensor.dtype === "string") return { ...tensor, strings: tensor.strings.map((string) => string.slice()) };
  return { ...tensor, bytes: tensor.bytes.slice() };
}

/** An i32 tensor. */
export function integers(shape: readonly number[], values: readonly number[]): NumericTensor {
  return { dtype: "i32", shape, bytes: new Uint8Array(Int32Array.from(values).buffer) };
}

/** The numbers of an i32 tensor. */
export function numbersOf(tensor: Tensor | undefined): number[] {
  if (tensor?.dtype !== "i32") throw new Error("Not a tensor of i32");
  return [...new Int32Array(tensor.bytes.slice().buffer, 0, tensor.bytes.length / DTYPE_BYTES.i32)];
}
