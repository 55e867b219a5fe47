import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { servingError } from "../model/testing/loading.ts";
import { Correspondence } from "./correspondence.ts";
import type { Message } from "./messages.ts";

/** Two sides that exchange clones, as threads do. */
function pair(performs: {
  left: (task: string) => unknown;
  right: (task: string) => unknown;
}): { left: Correspondence<string, string>; right: Correspondence<string, string> } {
  const send = (receiver: () => Correspondence<string, string>) => (message: Message<string>) => {
    const clone = structuredClone(message);
    queueMicrotask(() => receiver().receive(clone));
  };
  const left: Correspondence<string, string> = new Correspondence<string, string>({
    post: send(() => right),
    perform: performs.left,
  });
  const right: Correspondence<string, string> = new Correspondence<string, string>({
    post: send(() => left),
    perform: performs.right,
  });
  return { left, right };
}

Deno.test("Correspondence.ask() gets what the other side makes of a task, whichever side asks and in whatever order it is done", async () => {
  const gate = Promise.withResolvers<void>();
  const { left, right } = pair({
    left: (task) => `left ${task}`,
    right: async (task) => {
      if (task === "slow") await gate.promise;
      return new Map([[task, 1n]]);
    },
  });
  const slow = left.ask("slow");
  assert.deepEqual(await left.ask("quick"), new Map([["quick", 1n]]));
  assert.equal(await right.ask("back"), "left back");
  gate.resolve();
  assert.deepEqual(await slow, new Map([["slow", 1n]]));
});

Deno.test("Correspondence.ask() fails with the code and the sentence of the other side, and with no more of what is not meant for clients", async () => {
  const { left } = pair({
    left: () => {},
    right: (task) => {
      if (task === "known") throw new ServingError(CODE.NOT_FOUND, "There is none");
      throw new Error("a secret");
    },
  });
  await assert.rejects(left.ask("known"), servingError(CODE.NOT_FOUND, /^There is none$/));
  await assert.rejects(left.ask("unknown"), (error) => {
    assert(servingError(CODE.INTERNAL, /^Internal error$/)(error));
    assert.match(String((error as ServingError).cause), /a secret/);
    return true;
  });
});

Deno.test("Correspondence.end() fails what is under way and what comes after", async () => {
  const { left } = pair({ left: () => {}, right: () => new Promise(() => {}) });
  const asked = left.ask("anything");
  left.end("The thread is gone");
  await assert.rejects(asked, servingError(CODE.UNAVAILABLE, /^The thread is gone$/));
  await assert.rejects(left.ask("more"), servingError(CODE.UNAVAILABLE, /^The thread is gone$/));
});
