import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { type CodecFunction, CodecThread } from "./codec_thread.ts";
import { crash, doubleBytes, refuse, uncloneable } from "./testing/codec_program.ts";

const PROGRAM = new URL("./testing/codec_program.ts", import.meta.url);

function failsWith(code: number, message: RegExp, cause = /^/): (error: unknown) => boolean {
  return (error) =>
    error instanceof ServingError && error.code === code && message.test(error.message) &&
    cause.test(String(error.cause));
}

Deno.test("CodecThread.run() returns a function's result and moves the input's buffers", async () => {
  using thread = new CodecThread(PROGRAM);
  const bytes = Uint8Array.of(1, 2, 3);
  const doubled = thread.run(doubleBytes, bytes, [bytes.buffer]);
  assert.equal(bytes.length, 0);
  assert.deepEqual(await doubled, Uint8Array.of(2, 4, 6));
});

Deno.test("CodecThread.run() fails as the function does, and as a bug if the program lacks it", async () => {
  using thread = new CodecThread(PROGRAM);
  await assert.rejects(thread.run(refuse, "no such thing", []), failsWith(CODE.INVALID_ARGUMENT, /^no such thing$/));
  const unknown: CodecFunction<null, null> = { name: "test.unknown", run: () => null, transferOf: () => [] };
  const isBug = failsWith(CODE.INTERNAL, /^Internal error$/, /no function test\.unknown\. This is a bug/);
  await assert.rejects(thread.run(unknown, null, []), isBug);
  const isUnsent = failsWith(CODE.INTERNAL, /^Internal error$/, /could not be cloned/);
  await assert.rejects(thread.run(uncloneable, null, []), isUnsent);
});

Deno.test("CodecThread.run() fails when the thread does, and starts another for the next task", async () => {
  using thread = new CodecThread(PROGRAM);
  const isCrash = failsWith(CODE.INTERNAL, /^Internal error$/, /The codec thread failed: .*crashed on purpose/);
  await assert.rejects(thread.run(crash, null, []), isCrash);
  assert.deepEqual(await thread.run(doubleBytes, Uint8Array.of(4), []), Uint8Array.of(8));
});

Deno.test("CodecThread fails pending tasks when it is disposed", async () => {
  const thread = new CodecThread(PROGRAM);
  const pending = thread.run(doubleBytes, Uint8Array.of(1), []);
  thread[Symbol.dispose]();
  await assert.rejects(pending, failsWith(CODE.UNAVAILABLE, /^The server is leaving$/));
});
