/**
 * A serving thread that fails when a model gets a certain label: `reject` leaves an unhandled rejection, `throw` throws an error that
 * ends the thread at once.
 *
 * @module
 */
import "../../src/app/serving_thread_worker.ts";
import type { ChannelMessage } from "../../src/base/task_channel.ts";
import type { ThreadTask } from "../../src/threads/messages.ts";

type Receive = (event: MessageEvent<ChannelMessage<ThreadTask>>) => void;

const scope = globalThis as unknown as { onmessage: Receive };
let isDying = false;

// Before the thread's own listener, which would keep it alive for a while.
globalThis.addEventListener("error", (event) => {
  if (isDying) event.stopImmediatePropagation();
}, { capture: true });

const receive = scope.onmessage;
scope.onmessage = (event) => {
  const { data } = event;
  if (data.kind === "task" && data.task.kind === "label") {
    if (data.task.labels.has("reject")) void Promise.reject(new Error("rejected on purpose"));
    if (data.task.labels.has("throw")) {
      isDying = true;
      throw new Error("thrown on purpose");
    }
  }
  receive(event);
};
