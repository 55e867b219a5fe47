/** Reading bodies into memory, and accounting for it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { CODE, ServingError } from "../base/status.ts";
import { BodyBudget } from "./body_budget.ts";
import { HttpError } from "./http_reply.ts";
import { readBody } from "./request_body.ts";

function requestOf(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

function packed(...texts: readonly string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(texts.map((text) => gzipSync(text))));
}

const GZIP = { "content-encoding": "gzip" };

Deno.test("readBody() accounts for a body, long or short, announced or not, and for its decompressed size", async () => {
  for (const length of [0, 1, 64 << 10, (64 << 10) + 1, 1 << 20]) {
    const text = "x".repeat(length);
    const file = packed(text);
    const cases: readonly (readonly [Request, number])[] = [
      [requestOf(text, { "content-length": String(length) }), length],
      [requestOf(text), length],
      [requestOf(file, { ...GZIP, "content-length": String(file.length) }), file.length + Math.max(length, 1)],
    ];
    for (const [request, takenBytes] of cases) {
      const budget = new BodyBudget(1 << 22);
      using account = budget.open();
      const body = await readBody(request, { bytesMax: 1 << 20, account, timeoutMs: 30_000 });
      assert.equal(new TextDecoder().decode(body), text);
      assert.equal(budget.takenBytes, takenBytes);
      account[Symbol.dispose]();
      assert.equal(budget.takenBytes, 0);
    }
  }
});

Deno.test("readBody() decompresses concatenated gzip files, and does not trust the stated length", async () => {
  using account = new BodyBudget(10_000).open();
  const body = await readBody(requestOf(packed("long ".repeat(100), "short"), GZIP), {
    bytesMax: 1000,
    account,
    timeoutMs: 30_000,
  });
  assert.equal(new TextDecoder().decode(body), `${"long ".repeat(100)}short`);
  const lies = packed("x".repeat(2000), "");
  const tooLong = (error: unknown) => error instanceof HttpError && error.status === 413;
  await assert.rejects(readBody(requestOf(lies, GZIP), { bytesMax: 1000, account, timeoutMs: 30_000 }), tooLong);
});

Deno.test("readBody() takes no more memory than is left, and none for an announcement", async () => {
  const budget = new BodyBudget(200_000);
  const isRefused = (error: unknown) => error instanceof ServingError && error.code === CODE.UNAVAILABLE;
  {
    using waiting = budget.open();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const silent = new ReadableStream<Uint8Array>({ pull: (controller) => ended.then(() => controller.close()) });
    const headers = { "content-length": "150000" };
    const request = new Request("http://localhost/", { method: "POST", body: silent, headers });
    const reading = readBody(request, { bytesMax: 200_000, account: waiting, timeoutMs: 30_000 });
    assert.equal(budget.takenBytes, 0);
    end();
    assert.equal((await reading).length, 0);
  }
  using first = budget.open();
  await readBody(requestOf("x".repeat(150_000)), { bytesMax: 200_000, account: first, timeoutMs: 30_000 });
  for (const request of [requestOf("x".repeat(100_000)), requestOf(packed("x".repeat(100_000)), GZIP)]) {
    using second = budget.open();
    await assert.rejects(readBody(request, { bytesMax: 200_000, account: second, timeoutMs: 30_000 }), isRefused);
  }
  first[Symbol.dispose]();
  assert.equal(budget.takenBytes, 0);
});

Deno.test("readBody() gives up on a body that does not arrive, but not on one that arrives steadily", async () => {
  const read = async (body: ReadableStream<Uint8Array>, timeoutMs: number) => {
    using account = new BodyBudget(1 << 20).open();
    const request = new Request("http://localhost/", { method: "POST", body });
    return await readBody(request, { bytesMax: 1 << 20, account, timeoutMs });
  };
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const silent = new ReadableStream<Uint8Array>({ pull: (controller) => ended.then(() => controller.close()) });
  await assert.rejects(read(silent, 20), (error) => error instanceof HttpError && error.status === 408);
  end();
  // Each part adds four seconds, so the whole body may take longer than the timeout.
  let left = 8;
  const steady = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (left-- > 0) controller.enqueue(new Uint8Array(64 << 10));
      else controller.close();
    },
  });
  assert.equal((await read(steady, 2000)).length, 8 << 16);
});
