import assert from "node:assert/strict";
import { ManualTimer } from "../base/testing/manual_timer.ts";
import { Poller } from "./poller.ts";

/** A poller whose looks fail with `failure` while there is one. */
class Rig implements Disposable {
  readonly timer = new ManualTimer();
  readonly refusals: unknown[] = [];
  failure: Error | undefined;
  looks = 0;
  gate: Promise<void> = Promise.resolve();
  readonly poller = new Poller({
    intervalMs: 1000,
    look: async () => {
      this.looks++;
      await this.gate;
      if (this.failure !== undefined) throw this.failure;
    },
    onRefused: (error) => this.refusals.push(error),
    timer: this.timer.start,
  });

  [Symbol.dispose](): void {
    this.poller[Symbol.dispose]();
  }
}

Deno.test("Poller looks at intervals from start() on, until it is disposed", async () => {
  using rig = new Rig();
  assert.deepEqual(rig.timer.delaysMs, []);
  rig.poller.start();
  for (const looks of [1, 2]) {
    rig.timer.fire();
    while (rig.timer.delaysMs.length === 0) await Promise.resolve();
    assert.deepEqual([rig.looks, rig.timer.delaysMs], [looks, [1000]]);
  }
  rig.poller[Symbol.dispose]();
  assert.deepEqual(rig.timer.delaysMs, []);
  await rig.poller.look();
  assert.equal(rig.looks, 2);
});

Deno.test("Poller reports each new reason once, and again after a success or forgetReported()", async () => {
  using rig = new Rig();
  const [first, second] = [new Error("first"), new Error("second")];
  for (const failure of [first, first, second, undefined, second, second]) {
    rig.failure = failure;
    await rig.poller.look();
    assert.equal(rig.poller.failure, failure);
  }
  assert.deepEqual(rig.refusals, [first, second, second]);
  rig.poller.forgetReported();
  await rig.poller.look();
  assert.deepEqual(rig.refusals, [first, second, second, second]);
});

Deno.test("Poller looks once more for any number of requests during a look", async () => {
  using rig = new Rig();
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.gate = promise;
  const requests = Array.from({ length: 10 }, () => rig.poller.look());
  assert.equal(rig.looks, 1);
  resolve();
  await Promise.all(requests);
  assert.equal(rig.looks, 2);
});
