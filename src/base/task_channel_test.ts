import assert from "node:assert/strict";
import { servingError } from "../model/testing/loading.ts";
import { CODE, ServingError } from "./status.ts";
import { type ChannelMessage, TaskChannel, Transferred } from "./task_channel.ts";

type Performer = (task: string) => unknown;

/** Two sides that exchange clones, as threads do. */
function pair({ left, right }: { left: Performer; right: Performer }): readonly TaskChannel<string, string>[] {
  const side = (perform: Performer, other: () => TaskChannel<string, string>) =>
    new TaskChannel<string, string>({
      post: (message: ChannelMessage<string>, transfer) => {
        const clone = structuredClone(message, { transfer });
        queueMicrotask(() => other().receive(clone));
      },
      perform,
    });
  const first: TaskChannel<string, string> = side(left, () => second);
  const second: TaskChannel<string, string> = side(right, () => first);
  return [first, second];
}

function idle(): void {}

Deno.test("TaskChannel.request() returns the other side's result, in both directions and in any order", async () => {
  const gate = Promise.withResolvers<void>();
  const [left, right] = pair({
    left: (task) => `left ${task}`,
    right: async (task) => {
      if (task === "slow") await gate.promise;
      return new Map([[task, 1n]]);
    },
  });
  const slow = left?.request("slow");
  assert.deepEqual(await left?.request("quick"), new Map([["quick", 1n]]));
  assert.equal(await right?.request("back"), "left back");
  gate.resolve();
  assert.deepEqual(await slow, new Map([["slow", 1n]]));
});

Deno.test("TaskChannel.request() fails with the other side's code and message, and hides what is not for clients", async () => {
  const [left] = pair({
    left: idle,
    right: (task) => {
      if (task === "known") throw new ServingError(CODE.NOT_FOUND, "There is none");
      throw new Error("a secret");
    },
  });
  await assert.rejects(async () => await left?.request("known"), servingError(CODE.NOT_FOUND, /^There is none$/));
  await assert.rejects(async () => await left?.request("unknown"), (error) => {
    assert(servingError(CODE.INTERNAL, /^Internal error$/)(error));
    assert.match(String((error as ServingError).cause), /a secret/);
    return true;
  });
});

Deno.test("TaskChannel moves the buffers of a Transferred result instead of copying them", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const [left] = pair({ left: idle, right: () => new Transferred(bytes, [bytes.buffer]) });
  assert.deepEqual(await left?.request("bytes"), Uint8Array.of(1, 2, 3));
  assert.equal(bytes.length, 0);
});

Deno.test("TaskChannel.close() fails pending tasks and later ones", async () => {
  const [left] = pair({ left: idle, right: () => new Promise(() => {}) });
  const asked = left?.request("anything");
  left?.close(new ServingError(CODE.UNAVAILABLE, "The thread is gone"));
  const isGone = servingError(CODE.UNAVAILABLE, /^The thread is gone$/);
  await assert.rejects(async () => await asked, isGone);
  await assert.rejects(async () => await left?.request("more"), isGone);
});
