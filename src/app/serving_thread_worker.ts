/**
 * The program of a serving thread: opens its engine and log, and hands tasks of the main thread to its {@link ThreadApp}. Started by
 * `threads/serving_thread.ts`.
 *
 * @module
 */
import { Log } from "../base/log.ts";
import { assert } from "../base/status.ts";
import { type ChannelMessage, TaskChannel } from "../base/task_channel.ts";
import type { MainTask, Notice, ThreadSettings, ThreadTask } from "../threads/messages.ts";
import { openEngine } from "./engines.ts";
import { type AskMain, ThreadApp } from "./thread_app.ts";

/** The global scope of a worker, for which there are no types. */
interface WorkerScope {
  onmessage: (event: MessageEvent<ChannelMessage<ThreadTask>>) => void;
  postMessage(message: ChannelMessage<MainTask> | ChannelMessage<ThreadTask> | Notice): void;
}

const scope = globalThis as unknown as WorkerScope;
let app: ThreadApp | undefined;

const channel = new TaskChannel<ThreadTask, MainTask>({
  post: (message) => scope.postMessage(message),
  perform: async (task) => {
    if (task.kind === "start") {
      app = await start(task.settings);
      return;
    }
    assert(app !== undefined, "A serving thread got a task before its start");
    return await app.perform(task);
  },
});

scope.onmessage = ({ data }) => channel.receive(data);

// The state after an unhandled error is unknown, so the thread is replaced; it may finish running requests.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  scope.postMessage({ kind: "failed", reason: reasonOf(event.reason) });
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  scope.postMessage({ kind: "failed", reason: reasonOf(event.error) });
});

function start(settings: ThreadSettings): Promise<ThreadApp> {
  const target = {
    write: (lines: Uint8Array) => {
      scope.postMessage({ kind: "log", lines });
      return Promise.resolve(lines.length);
    },
  };
  return ThreadApp.start(settings, {
    engine: openEngine(settings.engine),
    log: new Log({ ...settings.log, target }),
    ask: ((task) => channel.request(task)) as AskMain,
  });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
}
