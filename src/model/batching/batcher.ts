/**
 * Groups tasks into batches: tasks gather while all runners are busy, and the first free runner gets a batch of them. Knows no tensors.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assert, CODE, ServingError } from "../../base/status.ts";
import { systemTimer, type Timer } from "../../base/timer.ts";
import { ReturnEstimator } from "./return_estimator.ts";

/** One request's share of a batch. Its runner settles it; {@link Batcher} settles a task that is never run. */
export interface BatchTask {
  /** Only tasks with the same key share a batch. */
  readonly key: string;
  /** Its part of a batch, at least 1. */
  readonly size: number;
  /** Aborted when no one waits for the task any more: it then leaves before its batch runs. */
  readonly signal: AbortSignal;
  /** Ends the task with the error to throw at its caller. */
  fail(error: unknown): void;
}

/** How tasks become batches. */
export interface BatcherOptions<Task extends BatchTask> {
  /** The largest sum of sizes in a batch. */
  readonly batchSizeMax: number;
  /** How many full batches' worth of tasks may wait. */
  readonly waitingBatchesMax: number;
  /** How long a task waits for its batch to fill although a runner is free; 0 to never wait. */
  readonly batchTimeoutMs: number;
  /** How many batches run at once. */
  readonly runnersMax: number;
  /**
   * Runs tasks of one key, at least one, and settles all of them. It throws or rejects only before it has settled any: they then run
   * again in halves, so that in the end only tasks that fail alone fail.
   */
  readonly run: (tasks: readonly Task[]) => void | Promise<void>;
  readonly timer?: Timer;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
  /** Calls back once the event loop has polled for I/O. */
  readonly onNextTurn?: (callback: () => void) => void;
}

/** A shorter timer fires at once. */
const TIMER_MIN_MS = 1;

/**
 * Runs tasks in batches.
 *
 * A batch is formed when a runner is free, at the end of the tick in which its first task arrived, so that the requests of one socket
 * read, or of several that are ready at once, share it. A lone task waits for nothing else, except for clients that are about to return
 * ({@link ReturnEstimator}). Batches of different keys take turns.
 */
export class Batcher<Task extends BatchTask> implements Disposable {
  readonly #options: Required<BatcherOptions<Task>>;
  /** Groups with tasks, the next one first. */
  readonly #groups = new Map<string, Group<Task>>();
  readonly #pump: () => void;
  #waitingSize = 0;
  #running = 0;
  /** The sizes of all running tasks. */
  #runningSize = 0;
  #isPumpQueued = false;
  readonly #returns = new ReturnEstimator();
  #cancelTimer: () => void = () => {};
  /** When the timer fires; infinite without one. */
  #timerAtMs = Infinity;

  constructor(options: BatcherOptions<Task>) {
    this.#options = { timer: systemTimer, now: () => performance.now(), onNextTurn: setImmediate, ...options };
    this.#pump = () => {
      this.#isPumpQueued = false;
      this.#runWhatIsDue();
    };
  }

  /** The sizes of all waiting tasks. */
  get waitingSize(): number {
    return this.#waitingSize;
  }

  /** How many batches are running. */
  get running(): number {
    return this.#running;
  }

  /**
   * Checks that tasks of this total size may be submitted.
   *
   * @throws {ServingError} UNAVAILABLE when too many wait, in the words of TensorFlow's shared_batch_scheduler.h.
   */
  admit(size: number): void {
    const { batchSizeMax, waitingBatchesMax } = this.#options;
    if (this.#waitingSize + size <= batchSizeMax * waitingBatchesMax) return;
    throw new ServingError(
      CODE.UNAVAILABLE,
      "The batch scheduling queue to which this task was submitted is full; currently " +
        `${
          Math.ceil(this.#waitingSize / batchSizeMax)
        } batches enqueued and max_enqueued_batches is ${waitingBatchesMax}`,
    );
  }

  /** Accepts a task that was {@link admit}ted. Runs it at once if its batch is full and a runner free, else in a microtask or later. */
  submit(task: Task): void {
    const { batchSizeMax, batchTimeoutMs, runnersMax, now } = this.#options;
    assert(task.size >= 1 && task.size <= batchSizeMax, "A task has a size that no batch has");
    let group = this.#groups.get(task.key);
    if (group === undefined) this.#groups.set(task.key, group = new Group());
    group.push(task, batchTimeoutMs > 0 ? now() : 0);
    this.#waitingSize += task.size;
    if (this.#returns.isUnderWay) this.#returns.arrived(task.size, now());
    if (this.#running >= runnersMax) return;
    // Deferring it could fill the queue with the requests of one read while runners are free.
    if (group.size >= batchSizeMax) this.#start(task.key, group);
    if (this.#groups.size > 0) this.#queuePump(queueMicrotask);
  }

  /** Must be disposed only once every task is settled. */
  [Symbol.dispose](): void {
    assert(this.#waitingSize === 0, "A batcher was disposed while tasks wait");
    this.#cancelTimer();
  }

  #queuePump(queue: (callback: () => void) => void): void {
    if (this.#isPumpQueued) return;
    this.#isPumpQueued = true;
    queue(this.#pump);
  }

  /** Whether a free runner should wait for its share of the expected returns. */
  #isHeldOpen(): boolean {
    const { runnersMax, batchSizeMax } = this.#options;
    if (!this.#returns.isUnderWay || this.#running >= runnersMax || this.#waitingSize === 0) return false;
    const expected = this.#returns.expectedSize(this.#options.now());
    return expected > 0 && this.#waitingSize < Math.min(this.#evenShare(expected), batchSizeMax);
  }

  #waitForReturns(): void {
    const nowMs = this.#options.now();
    const { untilMs } = this.#returns;
    // The loop sleeps if it can: returning clients need the processor.
    if (untilMs - nowMs < TIMER_MIN_MS) this.#queuePump(this.#options.onNextTurn);
    else this.#setTimer(untilMs, nowMs);
  }

  #runWhatIsDue(): void {
    const { batchTimeoutMs, batchSizeMax, runnersMax } = this.#options;
    const nowMs = batchTimeoutMs > 0 ? this.#options.now() : 0;
    let nextMs = Infinity;
    // A group that moves behind the others is visited again.
    for (const [key, group] of this.#groups) {
      if (this.#running >= runnersMax) break;
      if (this.#isHeldOpen()) return this.#waitForReturns();
      const dueMs = group.sinceMs + batchTimeoutMs;
      if (group.size < batchSizeMax && dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      this.#start(key, group);
    }
    this.#setTimer(nextMs, nowMs);
  }

  /** Runs a batch of a group, which then moves behind the others. */
  #start(key: string, group: Group<Task>): void {
    const sizeBefore = group.size;
    const tasks = group.take(this.#share(sizeBefore));
    const size = sizeBefore - group.size;
    this.#waitingSize -= size;
    this.#groups.delete(key);
    if (group.size > 0) this.#groups.set(key, group);
    const running = this.#run(tasks);
    if (running === undefined) return;
    const startMs = this.#options.now();
    this.#running++;
    this.#runningSize += size;
    running.then(() => {
      this.#running--;
      this.#runningSize -= size;
      if (tasks.length > 1 && this.#options.batchTimeoutMs === 0) {
        const endMs = this.#options.now();
        this.#returns.answered(size, { nowMs: endMs, tookMs: endMs - startMs });
      }
      if (!this.#isPumpQueued) this.#pump();
    });
  }

  /** How much one batch takes of a group of this size. */
  #share(size: number): number {
    const { batchSizeMax, batchTimeoutMs, now } = this.#options;
    if (size >= batchSizeMax || batchTimeoutMs > 0) return batchSizeMax;
    return this.#evenShare(this.#returns.isUnderWay ? this.#returns.expectedSize(now()) : 0);
  }

  /**
   * A runner's share of everything that waits, runs or is expected. If a batch took all waiting tasks, one runner would have nearly
   * everything and the others nearly nothing, again and again, since clients that are answered together return together.
   */
  #evenShare(expectedSize: number): number {
    return Math.ceil((this.#waitingSize + this.#runningSize + expectedSize) / this.#options.runnersMax);
  }

  /** Never throws and never rejects. */
  #run(tasks: readonly Task[]): void | Promise<void> {
    if (tasks.length === 0) return;
    try {
      return this.#options.run(tasks)?.catch((error: unknown) => this.#recover(tasks, error));
    } catch (error) {
      return this.#recover(tasks, error);
    }
  }

  #recover(tasks: readonly Task[], error: unknown): void | Promise<void> {
    if (tasks.length > 1) return this.#runHalves(tasks);
    for (const task of tasks) task.fail(error);
  }

  async #runHalves(tasks: readonly Task[]): Promise<void> {
    const middle = tasks.length >> 1;
    await this.#run(tasks.slice(0, middle).filter(staysIn));
    await this.#run(tasks.slice(middle).filter(staysIn));
  }

  #setTimer(atMs: number, nowMs: number): void {
    if (atMs === this.#timerAtMs) return;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#timerAtMs = atMs;
    if (atMs === Infinity) return;
    this.#cancelTimer = this.#options.timer(() => {
      this.#timerAtMs = Infinity;
      this.#pump();
    }, atMs - nowMs);
  }
}

/** Whether a task is still wanted; settles it if it is not. */
function staysIn(task: BatchTask): boolean {
  if (!task.signal.aborted) return true;
  task.fail(task.signal.reason);
  return false;
}

interface Entry<Task> {
  readonly task: Task;
  readonly sinceMs: number;
}

/** Tasks of one key, in the order they arrived. */
class Group<Task extends BatchTask> {
  /** The first {@link Group.#taken} have left: moving the others for each batch would cost more. */
  #entries: Entry<Task>[] = [];
  #taken = 0;
  /** The sizes of all its tasks. */
  size = 0;

  /** When its first task arrived. */
  get sinceMs(): number {
    return this.#entries[this.#taken]?.sinceMs ?? Infinity;
  }

  push(task: Task, sinceMs: number): void {
    this.#entries.push({ task, sinceMs });
    this.size += task.size;
  }

  /** Takes the first tasks that fit into a size and are still wanted; at least one if there is one. */
  take(sizeMax: number): readonly Task[] {
    const tasks: Task[] = [];
    let size = 0;
    for (let entry = this.#entries[this.#taken]; entry !== undefined; entry = this.#entries[++this.#taken]) {
      const { task } = entry;
      if (tasks.length > 0 && size + task.size > sizeMax) break;
      this.size -= task.size;
      if (!staysIn(task)) continue;
      tasks.push(task);
      size += task.size;
    }
    if (this.#taken * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#taken);
      this.#taken = 0;
    }
    return tasks;
  }
}
