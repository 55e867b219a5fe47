import assert from "node:assert/strict";
import { withSeeds } from "../../base/testing/random.ts";
import { ManualTimer } from "../../base/testing/manual_timer.ts";
import { Batcher } from "./batcher.ts";
import { microtasks, ToyTask } from "../testing/batching.ts";

const TASKS = 60;

Deno.test("Batcher settles every task once, in any order of arrivals, aborts, failures and delays", async () => {
  await withSeeds(async (below) => {
    const batchSizeMax = 1 + below(8);
    const runnersMax = 1 + below(3);
    const timer = new ManualTimer();
    const tasks: ToyTask[] = [];
    const abortedBefore = new Set<ToyTask>();
    const underWay: (() => void)[] = [];
    /** The last task of each key that ran for the first time: tasks of a key keep their order. */
    const lastOfKey = new Map<string, number>();
    const hasRun = new Set<ToyTask>();
    const turns: (() => void)[] = [];
    let running = 0;
    let nowMs = 0;

    const settle = (batch: readonly ToyTask[]) => {
      running--;
      const poison = batch.find(({ isPoison }) => isPoison);
      if (poison !== undefined) throw new Error(`${poison.name} is poison`);
      for (const task of batch) task.done();
    };
    const run = (batch: readonly ToyTask[]): void | Promise<void> => {
      assert.ok(++running <= runnersMax, "more batches at once than there are runners");
      assert.ok(batch.length > 0, "a batch is empty");
      assert.equal(new Set(batch.map(({ key }) => key)).size, 1, "a batch has two keys");
      const size = batch.reduce((sum, task) => sum + task.size, 0);
      assert.ok(size <= batchSizeMax, "a batch is too large");
      for (const task of batch) {
        assert.ok(!abortedBefore.has(task), "a task was run that had left");
        assert.deepEqual(task.ends, [], "a task was run after its end");
        if (hasRun.has(task)) continue;
        hasRun.add(task);
        const index = tasks.indexOf(task);
        assert.ok(index > (lastOfKey.get(task.key) ?? -1), "tasks were overtaken by others of their key");
        lastOfKey.set(task.key, index);
      }
      if (below(2) === 0) return settle(batch);
      return new Promise<void>((resolve) => underWay.push(resolve)).then(() => settle(batch));
    };
    const batcher = new Batcher<ToyTask>({
      batchSizeMax,
      runnersMax,
      waitingBatchesMax: TASKS,
      batchTimeoutMs: below(2) * 5,
      run,
      timer: timer.start,
      now: () => nowMs,
      onNextTurn: (callback) => turns.push(callback),
    });

    const act = async () => {
      switch (below(5)) {
        case 0:
        case 1: {
          const task = new ToyTask(`task ${tasks.length}`, {
            key: "abc".charAt(below(3)),
            size: 1 + below(batchSizeMax),
            isPoison: below(8) === 0,
          });
          tasks.push(task);
          batcher.submit(task);
          break;
        }
        case 2: {
          const task = tasks[below(Math.max(1, tasks.length))];
          if (task !== undefined) abortedBefore.add(task);
          task?.abort();
          break;
        }
        case 3:
          underWay.splice(below(Math.max(1, underWay.length)), 1)[0]?.();
          await microtasks();
          break;
        case 4:
          nowMs += below(6);
          timer.fire();
          for (const callback of turns.splice(0)) callback();
          await Promise.resolve();
      }
    };
    while (tasks.length < TASKS) await act();
    for (let quietRounds = 0; quietRounds < 2; quietRounds++) {
      for (const end of underWay.splice(0)) end();
      nowMs += 5;
      timer.fire();
      for (const callback of turns.splice(0)) callback();
      await microtasks();
      if (batcher.waitingSize > 0 || batcher.running > 0) quietRounds = 0;
    }
    for (const task of tasks) {
      assert.equal(task.ends.length, 1, `${task.name} has ended ${task.ends.length} times`);
      const expected = task.isPoison ? [`${task.name} is poison`] : ["done"];
      if (abortedBefore.has(task)) expected.push(`${task.name} left`);
      assert.ok(expected.includes(task.state), `${task.name} ended with ${task.state}`);
    }
    assert.deepEqual(timer.delaysMs, [], "a timer is left");
    batcher[Symbol.dispose]();
  });
});
