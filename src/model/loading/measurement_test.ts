import assert from "node:assert/strict";
import type { Tensor } from "../../base/tensor.ts";
import type { InferRequest, Port } from "../../engine/engine.ts";
import { type Clocks, IN_LOOP_MAX_US, measureInLoopBytes } from "./measurement.ts";

const ROW_BYTES = 16;
const PORTS: readonly Port[] = [{
  names: ["x"],
  dtype: "f32",
  shape: [{ min: 0, max: Infinity }, { min: 4, max: 4 }],
}];

/** An infer request with its own clocks, on which a test sets the time for a number of rows. */
class TimedRequest implements InferRequest, Clocks {
  /** The rows of each inference in the loop. */
  readonly rows: number[] = [];
  #us = 0;
  #processorUs = 0;
  readonly #usFor: (rows: number) => number;
  readonly #processorUsMax: number;

  constructor(usFor: (rows: number) => number, processorUsMax = Infinity) {
    this.#usFor = usFor;
    this.#processorUsMax = processorUsMax;
  }

  wallUs = (): number => this.#us;
  processorUs = (): number => this.#processorUs;

  infer([input]: readonly Tensor[]): readonly Tensor[] {
    const rows = input?.shape[0] ?? 0;
    this.rows.push(rows);
    const us = this.#usFor(rows);
    this.#us += us;
    this.#processorUs += Math.min(us, this.#processorUsMax);
    return [];
  }

  inferAsync(): Promise<readonly Tensor[]> {
    return Promise.resolve([]);
  }

  [Symbol.dispose](): void {}
}

Deno.test("measureInLoopBytes() doubles rows until the loop is blocked for too long", async () => {
  const request = new TimedRequest((rows) => 10 + 5 * rows);
  const bytes = await measureInLoopBytes(request, { ports: PORTS, rowsMax: Infinity, clocks: request });
  assert.deepEqual([...new Set(request.rows)], [1, 2, 4, 8, 16, 32]);
  // The last measurement, scaled: 16 rows in 90 µs.
  assert.equal(bytes, Math.floor(16 * ROW_BYTES * IN_LOOP_MAX_US / 90));
});

Deno.test("measureInLoopBytes() takes the fastest of several", async () => {
  let count = 0;
  // Interrupted now and then by other programs.
  const request = new TimedRequest(() => count++ % 3 === 0 ? 10_000 : 100, 100);
  assert.equal(await measureInLoopBytes(request, { ports: PORTS, rowsMax: 4, clocks: request }), 4 * ROW_BYTES * 1.5);
});

Deno.test("measureInLoopBytes() returns the last result when an inference fails", async () => {
  const request = new TimedRequest((rows) => {
    if (rows > 2) throw new Error("out of memory");
    return 100;
  });
  assert.equal(await measureInLoopBytes(request, { ports: PORTS, rowsMax: 64, clocks: request }), 2 * ROW_BYTES * 1.5);
});

Deno.test("measureInLoopBytes() stops at the most rows, and returns 0 when one row is too slow", async () => {
  const quick = new TimedRequest(() => 1);
  await measureInLoopBytes(quick, { ports: PORTS, rowsMax: 5, clocks: quick });
  assert.deepEqual([...new Set(quick.rows)], [1, 2, 4]);
  const slow = new TimedRequest(() => 200);
  assert.equal(await measureInLoopBytes(slow, { ports: PORTS, rowsMax: 5, clocks: slow }), 0);
  assert.deepEqual(slow.rows, [1, 1, 1, 1, 1]);
});
