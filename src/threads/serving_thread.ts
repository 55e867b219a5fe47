/**
 * One serving thread as the main thread sees it.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { type ChannelMessage, TaskChannel } from "../base/task_channel.ts";
import type { MainTask, Remark, ThreadFigures, ThreadTask } from "./messages.ts";

/** Who hears of a thread. */
export interface ServingThreadListener {
  /** Does what the thread asks for. */
  perform(task: MainTask): unknown;
  onLog(lines: Uint8Array): void;
  /** It is to be replaced. Told once at the most; the thread may still be able to finish what it has begun. */
  onFailed(reason: string): void;
}

/** A thread. Disposing it ends the thread, whatever it is doing. */
export class ServingThread implements Disposable {
  readonly #worker: Worker;
  readonly #channel: TaskChannel<MainTask, ThreadTask>;
  readonly #onFailed: (reason: string) => void;
  #hasFailed = false;
  #isGone = false;
  /** What it has counted, as it said last. */
  figures: ThreadFigures | undefined;

  /** @param program the module it runs. */
  constructor(program: URL, { perform, onLog, onFailed }: ServingThreadListener) {
    this.#onFailed = onFailed;
    this.#worker = new Worker(program, { type: "module" });
    this.#channel = new TaskChannel({
      post: (message) => this.#worker.postMessage(message),
      perform,
    });
    this.#worker.onmessage = (
      { data }: MessageEvent<ChannelMessage<MainTask> | ChannelMessage<ThreadTask> | Remark>,
    ) => {
      if (data.kind === "log") onLog(data.lines);
      else if (data.kind === "failed") this.#fail(data.reason);
      else this.#channel.receive(data as ChannelMessage<MainTask>);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(event.message);
      this.#fail(event.message);
    };
  }

  /** Whether it has ended, so that nothing there needs to be undone. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Whether it is to be replaced. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Has it do something.
   *
   * @throws {ServingError} what it fails with; UNAVAILABLE when the thread ends meanwhile, or has ended.
   */
  ask(task: ThreadTask): Promise<unknown> {
    return this.#channel.request(task);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
    this.#end("It was ended");
  }

  #fail(reason: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onFailed(reason);
  }

  #end(reason: string): void {
    this.#isGone = true;
    this.#channel.close(new ServingError(CODE.UNAVAILABLE, `A serving thread has ended: ${reason}`));
  }
}
