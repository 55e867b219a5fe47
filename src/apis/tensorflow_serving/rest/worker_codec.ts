/**
 * Large bodies on a thread of their own, so that no other request waits for them. The thread starts with the first of them and stays.
 *
 * @module
 */
import { CODE, type Code, ServingError } from "../../../base/status.ts";
import { byteLength, type NamedTensor } from "../../../base/tensor.ts";
import { inLoopCodec, type JsonText, type PredictCodec } from "./codec.ts";
import type { JsonFormat, ModelInputs, PredictBody } from "./predict_codec.ts";

/** From this size on a body is decoded on the thread: below it, less than a millisecond is saved. */
const DECODE_BYTES_MIN = 256 << 10;
/** From this size on outputs are encoded on the thread; a byte of them takes longer than one of a body. */
const ENCODE_BYTES_MIN = 64 << 10;

/** What the thread is asked to do. */
export type CodecTask =
  | { readonly id: number; readonly kind: "decode"; readonly body: Uint8Array; readonly model: ModelInputs }
  | {
    readonly id: number;
    readonly kind: "encode";
    readonly outputs: readonly NamedTensor[];
    readonly format: JsonFormat;
  };

/** What the thread answers: the result, or why there is none. */
export type CodecAnswer =
  | { readonly id: number; readonly result: PredictBody | JsonText }
  | { readonly id: number; readonly code: Code; readonly message: string; readonly cause: string | undefined };

interface Pending {
  resolve(result: PredictBody | JsonText): void;
  reject(error: unknown): void;
}

/** A codec with a thread. Disposing it ends the thread; what is at work then fails. */
export class WorkerCodec implements PredictCodec, Disposable {
  #worker: Worker | undefined;
  #lastId = 0;
  readonly #pending = new Map<number, Pending>();

  decode(body: Uint8Array, model: ModelInputs): PredictBody | Promise<PredictBody> {
    if (body.length < DECODE_BYTES_MIN) return inLoopCodec.decode(body, model);
    // What is sent must not take along a buffer in which others have bytes too.
    const whole = body.length === body.buffer.byteLength ? body : body.slice();
    const task = { id: ++this.#lastId, kind: "decode", body: whole, model } as const;
    return this.#perform(task, [whole.buffer as ArrayBuffer]) as Promise<PredictBody>;
  }

  encode(outputs: readonly NamedTensor[], format: JsonFormat): JsonText | Promise<JsonText> {
    const bytes = byteLength(outputs.map(({ tensor }) => tensor));
    if (bytes < ENCODE_BYTES_MIN) return inLoopCodec.encode(outputs, format);
    const copies = outputs.map(copyOf);
    const task = { id: ++this.#lastId, kind: "encode", outputs: copies, format } as const;
    return this.#perform(task, buffersOf(copies)) as Promise<JsonText>;
  }

  [Symbol.dispose](): void {
    this.#end(new ServingError(CODE.UNAVAILABLE, "The server is leaving"));
  }

  #perform(task: CodecTask, transfer: ArrayBuffer[]): Promise<PredictBody | JsonText> {
    const { promise, resolve, reject } = Promise.withResolvers<PredictBody | JsonText>();
    this.#pending.set(task.id, { resolve, reject });
    this.#worker ??= this.#start();
    this.#worker.postMessage(task, transfer);
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./predict_codec_worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<CodecAnswer>) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`The thread of the JSON codec failed: ${event.message}`));
    };
    return worker;
  }

  #settle(answer: CodecAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ("result" in answer) pending?.resolve(answer.result);
    else pending?.reject(new ServingError(answer.code, answer.message, { cause: answer.cause }));
  }

  #end(error: Error): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** A tensor in memory of its own. */
function copyOf({ name, tensor }: NamedTensor): NamedTensor {
  if (tensor.dtype !== "string") return { name, tensor: { ...tensor, bytes: tensor.bytes.slice() } };
  return { name, tensor: { ...tensor, strings: tensor.strings.map((string) => string.slice()) } };
}

/** The memory of tensors of numbers, to be handed over; strings are too many and too small, and are copied. */
export function buffersOf(tensors: readonly NamedTensor[]): ArrayBuffer[] {
  return tensors.flatMap(({ tensor }) => tensor.dtype === "string" ? [] : [tensor.bytes.buffer as ArrayBuffer]);
}
