/**
 * A thread that decodes and encodes large bodies, so that no other request waits for them. It runs the codecs of any API: the
 * program's table names them, and knows how their memory moves between threads.
 *
 * @module
 */
import { CODE, ServingError, toServingError } from "../base/status.ts";
import { type ChannelMessage, TaskChannel, Transferred } from "../base/task_channel.ts";
import type { NamedTensor } from "../base/tensor.ts";

/** A function of an API's codec that may run on the thread. */
export interface CodecFunction<Input, Output> {
  /** Its name in the program's table: `tensorflow_serving.decode_predict`. */
  readonly name: string;
  /** Input and output are plain data that can be cloned. */
  run(input: Input): Output;
  /** Returns the buffers of a result that move to the caller's thread instead of being copied. */
  transferOf(output: Output, input: Input): ArrayBuffer[];
}

interface CodecTask {
  readonly name: string;
  readonly input: unknown;
}

/** The thread. It starts with the first task and stays. Disposing it ends it; pending tasks fail. */
export class CodecThread implements Disposable {
  readonly #program: URL;
  #worker: { readonly thread: Worker; readonly channel: TaskChannel<never, CodecTask> } | undefined;

  /** @param program the module the thread runs; it calls {@link serveCodecs}. */
  constructor(program: URL) {
    this.#program = program;
  }

  /**
   * Runs a function on the thread.
   *
   * @param transfer buffers of the input that move to the thread; the caller must not use them afterwards.
   * @throws {ServingError} what the function throws; INTERNAL when the thread fails; UNAVAILABLE when it is disposed.
   */
  async run<Input, Output>(
    { name }: CodecFunction<Input, Output>,
    input: Input,
    transfer: ArrayBuffer[],
  ): Promise<Output> {
    this.#worker ??= this.#start();
    return await this.#worker.channel.request({ name, input }, transfer) as Output;
  }

  [Symbol.dispose](): void {
    this.#end(new ServingError(CODE.UNAVAILABLE, "The server is leaving"));
  }

  #start(): { thread: Worker; channel: TaskChannel<never, CodecTask> } {
    const thread = new Worker(this.#program, { type: "module" });
    const channel = new TaskChannel<never, CodecTask>({
      post: (message, transfer) => thread.postMessage(message, transfer),
      perform: () => {},
    });
    thread.onmessage = ({ data }: MessageEvent<ChannelMessage<never>>) => channel.receive(data);
    thread.onerror = (event) => {
      event.preventDefault();
      this.#end(toServingError(new Error(`The codec thread failed: ${event.message}`)));
    };
    return { thread, channel };
  }

  /** The next task starts another thread. */
  #end(error: ServingError): void {
    this.#worker?.thread.terminate();
    this.#worker?.channel.close(error);
    this.#worker = undefined;
  }
}

/** The scope of a worker, which the compiler does not know. */
interface WorkerScope {
  onmessage: (event: MessageEvent<ChannelMessage<CodecTask>>) => void;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

/** Makes the current worker run the functions of a table for the {@link CodecThread} that started it. */
export function serveCodecs(functions: readonly CodecFunction<never, unknown>[]): void {
  const table = new Map(functions.map((entry) => [entry.name, entry]));
  const scope = globalThis as unknown as WorkerScope;
  const channel = new TaskChannel<CodecTask, never>({
    post: (message, transfer) => scope.postMessage(message, transfer),
    perform: ({ name, input }) => {
      const entry = table.get(name);
      if (entry === undefined) throw new Error(`The codec thread has no function ${name}. This is a bug`);
      const output = entry.run(input as never);
      return new Transferred(output, entry.transferOf(output, input as never));
    },
  });
  scope.onmessage = ({ data }) => channel.receive(data);
}

/** Copies a tensor into memory of its own, which may move to the thread. */
export function ownedCopy({ name, tensor }: NamedTensor): NamedTensor {
  if (tensor.dtype !== "string") return { name, tensor: { ...tensor, bytes: tensor.bytes.slice() } };
  return { name, tensor: { ...tensor, strings: tensor.strings.map((string) => string.slice()) } };
}

/** The memory of numeric tensors, which moves between threads. Strings are too many and too small, and are copied. */
export function buffersOf(tensors: readonly NamedTensor[]): ArrayBuffer[] {
  return tensors.flatMap(({ tensor }) => tensor.dtype === "string" ? [] : [tensor.bytes.buffer as ArrayBuffer]);
}
