/**
 * A serving thread's own program: builds what `app.ts` builds on the main thread, as far as a thread has it. Started by
 * `threads/serving_thread.ts`.
 *
 * @module
 */
import { Log } from "../base/log.ts";
import { assert } from "../base/status.ts";
import { FfiEngine } from "../engine/openvino_ffi/engine.ts";
import { Correspondence } from "../threads/correspondence.ts";
import type { MainTask, Message, Remark, ThreadSettings, ThreadTask } from "../threads/messages.ts";
import { type AskMain, ThreadServer } from "../threads/thread_server.ts";

/** What a thread of this kind can do, of which the compiler knows nothing. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Message<ThreadTask>>) => void;
  postMessage(message: Message<MainTask> | Message<ThreadTask> | Remark): void;
}

const scope = globalThis as unknown as WorkerScope;
let server: ThreadServer | undefined;

const correspondence = new Correspondence<ThreadTask, MainTask>({
  post: (message) => scope.postMessage(message),
  perform: async (task) => {
    if (task.kind === "start") {
      server = await start(task.settings);
      return;
    }
    assert(server !== undefined, "A serving thread was asked for something before its start");
    return await server.perform(task);
  },
});

scope.onmessage = ({ data }) => correspondence.receive(data);

// Nobody knows what is left undone, so the thread is to be replaced; what it has begun it may finish.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  scope.postMessage({ kind: "failed", reason: reasonOf(event.reason) });
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  scope.postMessage({ kind: "failed", reason: reasonOf(event.error) });
});

function start(settings: ThreadSettings): Promise<ThreadServer> {
  const target = {
    write: (lines: Uint8Array) => {
      scope.postMessage({ kind: "log", lines });
      return Promise.resolve(lines.length);
    },
  };
  return ThreadServer.start(settings, {
    engine: new FfiEngine(settings.libraryPath),
    log: new Log({ ...settings.log, target }),
    ask: ((task) => correspondence.ask(task)) as AskMain,
  });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
}
