/**
 * Predicts many requests with one inference: gathers their inputs, infers, and hands each request its rows of the outputs. The batcher
 * decides when.
 *
 * @module
 */
import type { RequestRecord } from "../../base/request_record.ts";
import type { PartialShape } from "../../base/signature.ts";
import { assert, CODE, ServingError } from "../../base/status.ts";
import { byteLength, type Tensor } from "../../base/tensor.ts";
import type { InferRequest } from "../../engine/engine.ts";
import { BatchFigures } from "./batch_figures.ts";
import { checkRows, concat, gather, GatherMemory, rowCount, sliceRows } from "./batch_tensors.ts";
import { Batcher, type BatcherOptions, type BatchTask } from "./batcher.ts";
import type { Caller, InferRequestPool } from "../infer_request_pool.ts";

/** How requests become batches. Sizes are rows: a first dimension counts them. */
export interface BatchingOptions extends Pick<BatcherOptions<BatchTask>, "batchTimeoutMs" | "waitingBatchesMax"> {
  /** The most rows a request may have. */
  readonly requestRowsMax: number;
  /** The most rows of a batch; a request with more is inferred in parts. */
  readonly batchRowsMax: number;
  /** How many batches are inferred at once, if there are as many infer requests. */
  readonly batchesAtOnceMax: number;
  /** The sizes to which batches are filled up, in ascending order; none to not fill up. */
  readonly allowedBatchRows: readonly number[];
  /** Whether requests whose other dimensions differ share a batch, the smaller ones padded. */
  readonly isPadding: boolean;
}

/** The caller of a prediction, and what becomes of its outputs. */
interface PredictOptions<R> {
  readonly caller: Caller;
  readonly use: (outputs: readonly Tensor[]) => R;
}

interface PredictTask extends BatchTask {
  readonly record: RequestRecord | undefined;
  readonly inputs: readonly Tensor[];
  readonly rows: number;
  /** Ends the task with its outputs, which it borrows until this returns. */
  answer(outputs: readonly Tensor[]): void;
}

/** A batch to infer. */
interface Batch {
  readonly tasks: readonly PredictTask[];
  readonly inputs: readonly Tensor[];
  /** With the rows that fill it up. */
  readonly rows: number;
}

/** What a batch is inferred with: an infer request, and memory for each input. */
interface Place {
  readonly request: InferRequest;
  readonly memories: readonly GatherMemory[];
}

/** Predicts in batches. Must be disposed only once all predictions have ended; the pool stays its owner's. */
export class BatchPredictor implements Disposable {
  readonly #options: BatchingOptions;
  readonly #pool: InferRequestPool;
  readonly #inputCount: number;
  readonly #inLoopBytesMax: number;
  readonly #batcher: Batcher<PredictTask>;
  /** The inputs whose shapes may keep requests apart. */
  readonly #variableInputs: readonly number[];
  readonly #memories: (readonly GatherMemory[])[] = [];
  readonly figures: BatchFigures = new BatchFigures();
  #taskCount = 0;

  /**
   * @param model.pool the infer requests, borrowed; no one else may take any.
   * @param model.inputs in the order of the model's ports.
   * @param model.inLoopBytesMax batches of at most this many bytes are inferred on the calling thread; 0 for none.
   * @param model.batchesAtOnceMax how many inferences keep the device busy: more at once would only be smaller ones.
   */
  constructor(
    options: BatchingOptions,
    { pool, inputs, inLoopBytesMax, batchesAtOnceMax }: {
      pool: InferRequestPool;
      inputs: readonly { readonly shape: PartialShape }[];
      inLoopBytesMax: number;
      batchesAtOnceMax: number;
    },
  ) {
    this.#options = options;
    this.#pool = pool;
    this.#inputCount = inputs.length;
    this.#inLoopBytesMax = inLoopBytesMax;
    this.#variableInputs = options.isPadding
      ? []
      : [...inputs.keys()].filter((i) => inputs[i]?.shape?.slice(1).some(({ min, max }) => min !== max));
    this.#batcher = new Batcher({
      batchSizeMax: options.batchRowsMax,
      waitingBatchesMax: options.waitingBatchesMax,
      batchTimeoutMs: options.batchTimeoutMs,
      runnersMax: Math.min(options.batchesAtOnceMax, batchesAtOnceMax, pool.size),
      run: (tasks) => this.#run(tasks),
    });
  }

  /** How many requests wait or are being inferred; a request in parts counts once for each part. */
  get taskCount(): number {
    return this.#taskCount;
  }

  /** How many rows wait for a batch. */
  get waitingRows(): number {
    return this.#batcher.waitingSize;
  }

  /**
   * Predicts as `ModelServable.predict` does. Batches inferred in the loop are answered in the same turn of the event loop.
   *
   * @throws {ServingError} INVALID_ARGUMENT when the inputs have no common number of rows, or too many; UNAVAILABLE when too many
   * requests wait.
   */
  predict<R>(inputs: readonly Tensor[], options: PredictOptions<R>): Promise<R> {
    const { requestRowsMax, batchRowsMax } = this.#options;
    const rows = rowCount(inputs);
    this.figures.requestRows.observe(rows);
    if (rows > requestRowsMax) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Task size ${rows} is larger than maximum input batch size ${requestRowsMax}`,
      );
    }
    this.#batcher.admit(Math.max(1, rows));
    if (rows <= batchRowsMax) return this.#submit(inputs, { ...options, rows });
    return this.#predictInParts(inputs, { ...options, rows });
  }

  #submit<R>(
    inputs: readonly Tensor[],
    { caller, use, rows }: PredictOptions<R> & { rows: number },
  ): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#taskCount++;
    this.#batcher.submit({
      key: this.#keyOf(inputs),
      // A request without rows waits like any other, so it counts as one row.
      size: Math.max(1, rows),
      signal: caller.signal,
      record: caller.record,
      inputs,
      rows,
      fail: (error) => {
        this.#taskCount--;
        reject(error);
      },
      answer: (outputs) => {
        this.#taskCount--;
        try {
          resolve(use(outputs));
        } catch (error) {
          reject(error);
        }
      },
    });
    return promise;
  }

  /** Parts are inferred with other waiting requests, possibly at once; their outputs are copied and joined. */
  async #predictInParts<R>(
    inputs: readonly Tensor[],
    { caller, use, rows }: PredictOptions<R> & { rows: number },
  ): Promise<R> {
    const { batchRowsMax } = this.#options;
    const parts: Promise<readonly Tensor[]>[] = [];
    for (let row = 0; row < rows; row += batchRowsMax) {
      const count = Math.min(batchRowsMax, rows - row);
      const part = inputs.map((input) => sliceRows(input, { row, count }));
      parts.push(this.#submit(part, { caller, use: (outputs) => copyOf(outputs, count), rows: count }));
    }
    // The inputs are borrowed until the last part has ended, also when one of them fails.
    const outcomes = await Promise.allSettled(parts);
    const outputs = outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
    return use((outputs[0] ?? []).map((_, i) => concat(outputs.map((part) => part[i] as Tensor))));
  }

  #keyOf(inputs: readonly Tensor[]): string {
    let key = "";
    for (const i of this.#variableInputs) key += `${(inputs[i] as Tensor).shape.slice(1).join()};`;
    return key;
  }

  #run(tasks: readonly PredictTask[]): void | Promise<void> {
    const place = this.#takePlace();
    for (const { record } of tasks) if (record !== undefined) this.figures.begin(record);
    let running: Promise<void> | undefined;
    try {
      const batch = this.#gather(tasks, place);
      const { request } = place;
      if (request.infer === undefined || byteLength(batch.inputs) > this.#inLoopBytesMax) {
        running = this.#inferOffLoop(batch, place);
      } else {
        answer(batch, request.infer(batch.inputs));
      }
    } finally {
      if (running === undefined) this.#giveBack(place);
    }
    return running;
  }

  async #inferOffLoop(batch: Batch, place: Place): Promise<void> {
    try {
      answer(batch, await place.request.inferAsync(batch.inputs));
    } finally {
      // Not later: the receiver of the last answer may free the infer requests.
      this.#giveBack(place);
    }
  }

  #takePlace(): Place {
    const request = this.#pool.tryAcquire();
    assert(request !== undefined, "A batch has no infer request");
    const memories = this.#memories.pop() ?? Array.from({ length: this.#inputCount }, () => new GatherMemory());
    return { request, memories };
  }

  #giveBack({ request, memories }: Place): void {
    this.#pool.release(request);
    this.#memories.push(memories);
  }

  #gather(tasks: readonly PredictTask[], { memories }: Place): Batch {
    const taskRows = tasks.reduce((sum, task) => sum + task.rows, 0);
    const rows = this.#fillUp(taskRows);
    const isFixed = this.#options.allowedBatchRows.length > 0;
    this.figures.countBatch({ rows: taskRows, filledRows: rows, isFixed });
    const [first] = tasks;
    if (first !== undefined && tasks.length === 1 && rows === taskRows) return { tasks, inputs: first.inputs, rows };
    const inputs = memories.map((memory, i) =>
      gather(tasks.map((task) => task.inputs[i] as Tensor), { extraRows: rows - taskRows, memory })
    );
    return { tasks, inputs, rows };
  }

  #fillUp(rows: number): number {
    if (rows === 0) return rows;
    return this.#options.allowedBatchRows.find((allowed) => allowed >= rows) ?? rows;
  }

  [Symbol.dispose](): void {
    this.#batcher[Symbol.dispose]();
  }
}

function copyOf(outputs: readonly Tensor[], rows: number): readonly Tensor[] {
  checkRows(outputs, rows);
  return outputs.map((output) => gather([output]));
}

/** Hands each task its rows. A single task that was not filled up gets all outputs, whatever their shapes. */
function answer({ tasks, rows }: Batch, outputs: readonly Tensor[]): void {
  for (const { record } of tasks) record?.finished();
  const [first] = tasks;
  if (first !== undefined && tasks.length === 1 && first.rows === rows) return first.answer(outputs);
  checkRows(outputs, rows);
  let row = 0;
  for (const task of tasks) {
    const at = { row, count: task.rows };
    task.answer(outputs.map((output) => sliceRows(output, at)));
    row += task.rows;
  }
}
