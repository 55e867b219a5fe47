import assert from "node:assert/strict";
import { CODE, ServingError } from "../../base/status.ts";
import { ManualTimer } from "../../base/testing/manual_timer.ts";
import { Batcher, type BatcherOptions } from "./batcher.ts";
import { microtasks, ToyTask } from "../testing/batching.ts";

/** A batcher whose batches the test ends, and a record of what ran. */
class Rig implements Disposable {
  readonly timer = new ManualTimer();
  nowMs = 0;
  /** Callbacks for the next turn of the loop. */
  readonly turns: (() => void)[] = [];
  /** The names in each batch, in order. */
  readonly batches: string[][] = [];
  readonly #ends: (() => void)[] = [];
  readonly batcher: Batcher<ToyTask>;

  constructor(options: Partial<BatcherOptions<ToyTask>> & { isInLoop?: boolean } = {}) {
    this.batcher = new Batcher<ToyTask>({
      batchSizeMax: 4,
      waitingBatchesMax: 10,
      batchTimeoutMs: 0,
      runnersMax: 1,
      run: (tasks) => {
        this.batches.push(tasks.map(({ name }) => name));
        if (options.isInLoop) return this.#settle(tasks);
        return new Promise<void>((resolve) => this.#ends.push(resolve)).then(() => this.#settle(tasks));
      },
      timer: this.timer.start,
      now: () => this.nowMs,
      onNextTurn: (callback) => this.turns.push(callback),
      ...options,
    });
  }

  #settle(tasks: readonly ToyTask[]): void {
    const poison = tasks.find(({ isPoison }) => isPoison);
    if (poison !== undefined) throw new Error(`${poison.name} is poison`);
    for (const task of tasks) task.done();
  }

  submit(names: string, options: { key?: string; size?: number; isPoison?: boolean } = {}): ToyTask[] {
    return names.split(" ").map((name) => {
      const task = new ToyTask(name, options);
      this.batcher.admit(task.size);
      this.batcher.submit(task);
      return task;
    });
  }

  /** Ends running batches until none is left. */
  async finish(): Promise<void> {
    await microtasks();
    while (this.batcher.running > 0) {
      for (const end of this.#ends.splice(0)) end();
      await microtasks();
    }
  }

  /** Ends the batch that started first. */
  async end(): Promise<void> {
    this.#ends.shift()?.();
    await microtasks();
  }

  turn(): void {
    for (const callback of this.turns.splice(0)) callback();
  }

  [Symbol.dispose](): void {
    this.batcher[Symbol.dispose]();
  }
}

function states(tasks: readonly ToyTask[]): string[] {
  return tasks.map(({ state }) => state);
}

Deno.test("Batcher runs a lone task in the next microtask, without a timer", async () => {
  using rig = new Rig({ isInLoop: true });
  const [task] = rig.submit("a");
  assert.equal(task?.state, "waiting");
  await Promise.resolve();
  assert.equal(task?.state, "done");
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("Batcher joins the tasks of one tick, and fills batches in the order of arrival", async () => {
  using rig = new Rig({ isInLoop: true });
  rig.submit("a b c d e f");
  await microtasks();
  assert.deepEqual(rig.batches, [["a", "b", "c", "d"], ["e", "f"]]);
});

Deno.test("Batcher gathers tasks while all runners are busy", async () => {
  using rig = new Rig();
  rig.submit("a");
  await microtasks();
  rig.submit("b");
  await microtasks();
  rig.submit("c");
  await microtasks();
  assert.deepEqual(rig.batches, [["a"]]);
  await rig.finish();
  assert.deepEqual(rig.batches, [["a"], ["b", "c"]]);
});

Deno.test("Batcher never exceeds the size of a batch", async () => {
  using rig = new Rig();
  rig.submit("a b", { size: 2 });
  rig.submit("c", { size: 3 });
  rig.submit("d", { size: 4 });
  rig.submit("e", { size: 1 });
  await rig.finish();
  assert.deepEqual(rig.batches, [["a", "b"], ["c"], ["d"], ["e"]]);
});

Deno.test("Batcher never mixes keys, and serves them in turn", async () => {
  using rig = new Rig();
  rig.submit("x");
  await microtasks();
  rig.submit("a1 a2 a3 a4 a5 a6", { key: "a" });
  rig.submit("b1", { key: "b" });
  rig.submit("c1", { key: "c" });
  await rig.finish();
  assert.deepEqual(rig.batches, [["x"], ["a1", "a2", "a3", "a4"], ["b1"], ["c1"], ["a5", "a6"]]);
});

Deno.test("Batcher shares waiting tasks among the runners", async () => {
  using rig = new Rig({ runnersMax: 2, batchSizeMax: 100 });
  rig.submit("a b c");
  await microtasks();
  assert.deepEqual(rig.batches, [["a", "b"], ["c"]]);
  await rig.finish();
  rig.submit("d");
  rig.submit("e", { key: "e" });
  await rig.finish();
  assert.deepEqual(rig.batches.slice(2), [["d"], ["e"]]);
});

Deno.test("Batcher leaves a share of many tasks to a runner that is busy with few", async () => {
  using rig = new Rig({ runnersMax: 2, batchSizeMax: 100 });
  rig.submit("a");
  await microtasks();
  rig.submit("b c d e f");
  await microtasks();
  assert.deepEqual(rig.batches, [["a"], ["b", "c", "d"]]);
  await rig.end();
  assert.deepEqual(rig.batches[2], ["e", "f"]);
  await rig.finish();
});

/** Runs a batch of these names for `ms`. */
async function runBatch(rig: Rig, names: string, tookMs: number): Promise<void> {
  rig.submit(names);
  await microtasks();
  rig.nowMs += tookMs;
  await rig.end();
}

Deno.test("Batcher holds a batch open until the clients answered together have returned", async () => {
  using rig = new Rig({ batchSizeMax: 100 });
  await runBatch(rig, "a b c", 8);
  rig.submit("d");
  await microtasks();
  rig.nowMs += 1;
  rig.submit("e");
  await microtasks();
  assert.deepEqual(rig.batches, [["a", "b", "c"]]);
  assert.deepEqual(rig.timer.delaysMs, [4], "half the time the batch took");
  rig.submit("f");
  await microtasks();
  assert.deepEqual(rig.batches[1], ["d", "e", "f"]);
  assert.deepEqual(rig.timer.delaysMs, []);
  await rig.finish();
});

Deno.test("Batcher gives up clients that do not return, and runs the waiting tasks", async () => {
  using rig = new Rig({ batchSizeMax: 100 });
  await runBatch(rig, "a b c", 8);
  rig.submit("d");
  await microtasks();
  rig.nowMs += 4;
  rig.timer.fire();
  assert.deepEqual(rig.batches[1], ["d"]);
  await rig.end();
  rig.submit("e");
  await microtasks();
  assert.deepEqual(rig.batches[2], ["e"], "one that was alone is expected to be so again");
  await rig.finish();
  assert.deepEqual([rig.turns, rig.timer.delaysMs], [[], []]);
});

Deno.test("Batcher checks each turn of the loop for returns that are expected sooner than a timer can fire", async () => {
  using rig = new Rig({ batchSizeMax: 100 });
  await runBatch(rig, "a b c", 1);
  rig.submit("d");
  await microtasks();
  rig.turn();
  assert.deepEqual([rig.batches.length, rig.turns.length, rig.timer.delaysMs], [1, 1, []]);
  rig.nowMs += 0.5;
  rig.turn();
  assert.deepEqual(rig.batches[1], ["d"]);
  await rig.finish();
  assert.deepEqual(rig.turns, []);
});

Deno.test("Batcher includes expected returns in the runners' shares", async () => {
  using rig = new Rig({ runnersMax: 2, batchSizeMax: 100 });
  rig.submit("a b c d e f g h");
  await microtasks();
  assert.deepEqual(rig.batches, [["a", "b", "c", "d"], ["e", "f", "g", "h"]]);
  rig.nowMs = 20;
  await rig.end();
  await rig.end();
  rig.submit("i j");
  await microtasks();
  assert.equal(rig.batches.length, 2);
  rig.submit("k l m");
  await microtasks();
  assert.deepEqual(rig.batches[2], ["i", "j", "k", "l"], "the other three are expected still, with m");
  rig.submit("n o p");
  await microtasks();
  assert.deepEqual(rig.batches[3], ["m", "n", "o", "p"]);
  await rig.finish();
});

Deno.test("Batcher never holds a full batch", async () => {
  using rig = new Rig({ runnersMax: 1, batchSizeMax: 2 });
  await runBatch(rig, "a b", 20);
  rig.submit("c d");
  assert.deepEqual(rig.batches[1], ["c", "d"]);
  await rig.finish();
});

Deno.test("Batcher runs a full batch at once, so that a burst does not fill the queue while runners are free", async () => {
  using rig = new Rig({ isInLoop: true, waitingBatchesMax: 1 });
  rig.submit("a b c d e f g h i");
  assert.deepEqual(rig.batches, [["a", "b", "c", "d"], ["e", "f", "g", "h"]]);
  await microtasks();
  assert.deepEqual(rig.batches[2], ["i"]);
});

Deno.test("Batcher.admit() throws UNAVAILABLE when too many tasks wait, until some have left", async () => {
  using rig = new Rig({ waitingBatchesMax: 2 });
  rig.submit("a");
  await microtasks();
  rig.submit("b c d e f g h i");
  assert.equal(rig.batcher.waitingSize, 8);
  assert.throws(() => rig.batcher.admit(1), (error: unknown) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.code, CODE.UNAVAILABLE);
    assert.equal(
      error.message,
      "The batch scheduling queue to which this task was submitted is full; " +
        "currently 2 batches enqueued and max_enqueued_batches is 2",
    );
    return true;
  });
  await rig.end();
  rig.batcher.admit(4);
  assert.throws(() => rig.batcher.admit(5));
  await rig.finish();
});

Deno.test("Batcher drops tasks that are no longer wanted, and fills their places", async () => {
  using rig = new Rig();
  rig.submit("a");
  await microtasks();
  const tasks = rig.submit("b c d e f");
  tasks[1]?.abort();
  tasks[3]?.abort();
  await rig.finish();
  assert.deepEqual(rig.batches, [["a"], ["b", "d", "f"]]);
  assert.deepEqual(states(tasks), ["done", "c left", "done", "e left", "done"]);
});

Deno.test("Batcher does not run a batch whose tasks have all left", async () => {
  using rig = new Rig();
  rig.submit("a");
  await microtasks();
  const tasks = rig.submit("b c", { key: "b" });
  for (const task of tasks) task.abort();
  rig.submit("d", { key: "d" });
  await rig.finish();
  assert.deepEqual(rig.batches, [["a"], ["d"]]);
  assert.deepEqual(states(tasks), ["b left", "c left"]);
});

for (const isInLoop of [true, false]) {
  const where = isInLoop ? "in the loop" : "off the loop";
  Deno.test(`Batcher fails only the task that fails ${where}`, async () => {
    using rig = new Rig({ isInLoop, batchSizeMax: 8 });
    const tasks = rig.submit("a b c");
    const [poison] = rig.submit("p", { isPoison: true });
    const others = rig.submit("d e f g");
    await rig.finish();
    assert.deepEqual(states([...tasks, ...others]), Array(7).fill("done"));
    assert.equal(poison?.state, "p is poison");
    assert.deepEqual(rig.batches.map((names) => names.join("")), ["abcpdefg", "abcp", "ab", "cp", "c", "p", "defg"]);
  });
}

Deno.test("Batcher drops tasks that have left when it runs a batch again", async () => {
  using rig = new Rig({ batchSizeMax: 4 });
  const [a, b] = rig.submit("a b");
  rig.submit("p", { isPoison: true });
  await microtasks();
  a?.abort();
  await rig.finish();
  assert.deepEqual([a?.state, b?.state], ["a left", "done"]);
  assert.deepEqual(rig.batches, [["a", "b", "p"], ["b", "p"], ["b"], ["p"]]);
});

Deno.test("Batcher with a timeout waits that long for more tasks, from the arrival of the first", async () => {
  using rig = new Rig({ batchTimeoutMs: 5, runnersMax: 2 });
  rig.submit("a");
  await microtasks();
  assert.deepEqual(rig.timer.delaysMs, [5]);
  rig.nowMs = 3;
  rig.submit("b");
  rig.submit("c", { key: "c" });
  await microtasks();
  assert.deepEqual([rig.batches, rig.timer.delaysMs], [[], [5]]);
  rig.nowMs = 5;
  rig.timer.fire();
  assert.deepEqual([rig.batches, rig.timer.delaysMs], [[["a", "b"]], [3]]);
  rig.nowMs = 8;
  rig.timer.fire();
  assert.deepEqual([rig.batches, rig.timer.delaysMs], [[["a", "b"], ["c"]], []]);
  await rig.finish();
});

Deno.test("Batcher with a timeout runs a full batch at once, whole", async () => {
  using rig = new Rig({ batchTimeoutMs: 5, runnersMax: 2 });
  rig.submit("a b c d e");
  await microtasks();
  assert.deepEqual([rig.batches, rig.timer.delaysMs], [[["a", "b", "c", "d"]], [5]]);
  rig.nowMs = 5;
  rig.timer.fire();
  await rig.finish();
  assert.deepEqual(rig.batches[1], ["e"]);
});

Deno.test("Batcher with a timeout runs overdue tasks when a runner becomes free", async () => {
  using rig = new Rig({ batchTimeoutMs: 5 });
  rig.submit("a b c d");
  await microtasks();
  rig.submit("e");
  rig.nowMs = 6;
  await rig.end();
  assert.deepEqual(rig.batches, [["a", "b", "c", "d"], ["e"]]);
  await rig.finish();
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("Batcher must not be disposed while tasks wait", async () => {
  const rig = new Rig();
  rig.submit("a");
  assert.throws(() => rig.batcher[Symbol.dispose](), /This is a bug/);
  await rig.finish();
  rig.batcher[Symbol.dispose]();
});
