/**
 * One serving thread as the main thread sees it.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { type ChannelMessage, TaskChannel } from "../base/task_channel.ts";
import type { MainTask, Notice, ThreadFigures, ThreadTask } from "./messages.ts";

/** Receives what a thread sends. */
export interface ServingThreadListener {
  /** Does a task that the thread asks for. */
  perform(task: MainTask): unknown;
  onLog(lines: Uint8Array): void;
  /** The thread must be replaced; it may still finish running requests. Called at most once. */
  onFailed(reason: string): void;
}

/** A thread. Disposing it ends the thread at once. */
export class ServingThread implements Disposable {
  readonly #worker: Worker;
  readonly #channel: TaskChannel<MainTask, ThreadTask>;
  readonly #onFailed: (reason: string) => void;
  #hasFailed = false;
  #isGone = false;
  /** What it has counted, as of its last report. */
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
      { data }: MessageEvent<ChannelMessage<MainTask> | ChannelMessage<ThreadTask> | Notice>,
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

  /** Whether it has ended, with everything it held. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Whether it must be replaced. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Gives it a task.
   *
   * @throws {ServingError} the task's failure; UNAVAILABLE if the thread ends or has ended.
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
