/** Bodies on their way into memory, and what is counted of it. */
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

Deno.test("readBody() counts a body, long or short, announced or not, and what it is unpacked to", async () => {
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
      const body = await readBody(request, { bytesMax: 1 << 20, account });
      assert.equal(new TextDecoder().decode(body), text);
      assert.equal(budget.takenBytes, takenBytes);
      account[Symbol.dispose]();
      assert.equal(budget.takenBytes, 0);
    }
  }
});

Deno.test("readBody() unpacks several files of gzip in a row, and believes no length a file tells", async () => {
  using account = new BodyBudget(10_000).open();
  const body = await readBody(requestOf(packed("long ".repeat(100), "short"), GZIP), { bytesMax: 1000, account });
  assert.equal(new TextDecoder().decode(body), `${"long ".repeat(100)}short`);
  const lies = packed("x".repeat(2000), "");
  const tooLong = (error: unknown) => error instanceof HttpError && error.status === 413;
  await assert.rejects(readBody(requestOf(lies, GZIP), { bytesMax: 1000, account }), tooLong);
});

Deno.test("readBody() takes no more than there is, and an announcement of much takes nothing", async () => {
  const budget = new BodyBudget(200_000);
  const isRefused = (error: unknown) => error instanceof ServingError && error.code === CODE.UNAVAILABLE;
  {
    using waiting = budget.open();
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const headers = { "content-length": "150000" };
    const request = new Request("http://localhost/", { method: "POST", body: silent, headers });
    void readBody(request, { bytesMax: 200_000, account: waiting });
    assert.equal(budget.takenBytes, 0);
  }
  using first = budget.open();
  await readBody(requestOf("x".repeat(150_000)), { bytesMax: 200_000, account: first });
  for (const request of [requestOf("x".repeat(100_000)), requestOf(packed("x".repeat(100_000)), GZIP)]) {
    using second = budget.open();
    await assert.rejects(readBody(request, { bytesMax: 200_000, account: second }), isRefused);
  }
  first[Symbol.dispose]();
  assert.equal(budget.takenBytes, 0);
});
