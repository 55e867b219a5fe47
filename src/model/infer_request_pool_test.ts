import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import type { InferRequest } from "../engine/engine.ts";
import { InferRequestPool } from "./infer_request_pool.ts";
import { servingError } from "./testing/loading.ts";

interface NamedRequest extends InferRequest {
  isDisposed: boolean;
}

function newRequest(): NamedRequest {
  return {
    isDisposed: false,
    infer: () => [],
    inferAsync: () => Promise.resolve([]),
    [Symbol.dispose](): void {
      this.isDisposed = true;
    },
  };
}

const PATIENT = { signal: new AbortController().signal };

Deno.test("tryAcquire() lends every idle request once", () => {
  const requests = [newRequest(), newRequest()];
  using pool = new InferRequestPool(requests, { waitersMax: 1 });
  assert.equal(pool.size, 2);
  assert.deepEqual(new Set([pool.tryAcquire(), pool.tryAcquire()]), new Set(requests));
  assert.equal(pool.tryAcquire(), undefined);
  pool.release(requests[0] as InferRequest);
  assert.equal(pool.tryAcquire(), requests[0]);
});

Deno.test("acquire() serves waiting callers in the order of arrival", async () => {
  using pool = new InferRequestPool([newRequest()], { waitersMax: 2 });
  const request = await pool.acquire(PATIENT);
  const order: number[] = [];
  const waiting = [1, 2].map((i) =>
    pool.acquire(PATIENT).then((lent) => {
      order.push(i);
      pool.release(lent);
    })
  );
  assert.equal(pool.waiting, 2);
  pool.release(request);
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2]);
  assert.equal(pool.waiting, 0);
  assert.equal(pool.tryAcquire(), request);
});

Deno.test("acquire() rejects a caller when too many wait", async () => {
  using pool = new InferRequestPool([newRequest()], { waitersMax: 1 });
  const request = await pool.acquire(PATIENT);
  const waiting = pool.acquire(PATIENT);
  const expected = servingError(
    CODE.RESOURCE_EXHAUSTED,
    /^The queue of requests is full: 1 wait for the model already$/,
  );
  await assert.rejects(() => pool.acquire(PATIENT), expected);
  pool.release(request);
  assert.equal(await waiting, request);
});

Deno.test("acquire() fails when its caller aborts, before or while it waits, and serves the next one", async () => {
  using pool = new InferRequestPool([newRequest()], { waitersMax: 2 });
  const request = await pool.acquire(PATIENT);
  const reason = new Error("The client went");
  await assert.rejects(() => pool.acquire({ signal: AbortSignal.abort(reason) }), reason);
  const leaver = new AbortController();
  const left = assert.rejects(pool.acquire({ signal: leaver.signal }), reason);
  const next = pool.acquire(PATIENT);
  leaver.abort(reason);
  await left;
  assert.equal(pool.waiting, 1);
  pool.release(request);
  assert.equal(await next, request);
});

Deno.test("acquire() ignores an abort after it has lent a request", async () => {
  using pool = new InferRequestPool([newRequest()], { waitersMax: 1 });
  const request = await pool.acquire(PATIENT);
  const leaver = new AbortController();
  const waiting = pool.acquire({ signal: leaver.signal });
  pool.release(request);
  leaver.abort(new Error("Too late"));
  assert.equal(await waiting, request);
  assert.equal(pool.tryAcquire(), undefined);
});

Deno.test("disposing a pool disposes its requests", () => {
  const requests = [newRequest(), newRequest()];
  new InferRequestPool(requests, { waitersMax: 1 })[Symbol.dispose]();
  assert.deepEqual(requests.map(({ isDisposed }) => isDisposed), [true, true]);
});
