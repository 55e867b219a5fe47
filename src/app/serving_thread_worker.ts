/**
 * The program of a serving thread: opens its engine and log, and hands tasks of the main thread to its {@link ThreadApp}. Started by
 * `threads/serving_thread.ts`.
 *
 * @module
 */
import { Log } from "../base/log.ts";
import { assert } from "../base/status.ts";
import { type ChannelMessage, TaskChannel } from "../base/task_channel.ts";
import type { MainTask, Remark, ThreadSettings, ThreadTask } from "../threads/messages.ts";
import { openEngine } from "./engines.ts";
import { type AskMain, ThreadApp } from "./thread_app.ts";

/** What a thread of this kind can do, of which the compiler knows nothing. */
interface WorkerScope {
  onmessage: (event: MessageEvent<ChannelMessage<ThreadTask>>) => void;
  postMessage(message: ChannelMessage<MainTask> | ChannelMessage<ThreadTask> | Remark): void;
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
    assert(app !== undefined, "A serving thread was asked for something before its start");
    return await app.perform(task);
  },
});

scope.onmessage = ({ data }) => channel.receive(data);

// Nobody knows what is left undone, so the thread is to be replaced; what it has begun it may finish.
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
