import assert from "node:assert/strict";
import { LineWriter } from "./line_writer.ts";

/** A target that writes on command, a few bytes at a time. */
class Target {
  text = "";
  writes = 0;
  #mayWrite = Promise.withResolvers<void>();

  constructor(readonly bytesMax = Infinity) {}

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await this.#mayWrite.promise;
    const written = bytes.subarray(0, this.bytesMax);
    this.text += new TextDecoder().decode(written);
    return written.length;
  }

  open(): void {
    this.#mayWrite.resolve();
  }
}

Deno.test("LineWriter writes lines in order, and joins those that arrive during a write", async () => {
  const target = new Target(3);
  const writer = new LineWriter(target);
  for (const line of ["one\n", "two\n", "three\n"]) writer.write(line);
  assert.equal(target.writes, 1);
  target.open();
  await writer.flush(60_000);
  assert.equal(target.text, "one\ntwo\nthree\n");
});

Deno.test("LineWriter drops lines while the target is blocked, and flush() waits no longer than its timeout", async () => {
  const target = new Target();
  const writer = new LineWriter(target, { pendingCharactersMax: 10 });
  for (let i = 0; i < 10; i++) writer.write("12345\n");
  await writer.flush(1);
  // One line is being written and one is pending.
  assert.equal(writer.dropped, 8);
  target.open();
  await writer.flush(60_000);
  assert.equal(target.text, "12345\n12345\n");
});

Deno.test("LineWriter.writeLater() buffers lines for a while or until there are many", async () => {
  const target = new Target();
  target.open();
  const writer = new LineWriter(target, { gatherMs: 3_600_000 });
  writer.writeLater("a\n");
  assert.equal(target.writes, 0);
  writer.write("b\n");
  await writer.flush(60_000);
  assert.equal(target.text, "a\nb\n");
  for (let i = 0; i < 200; i++) writer.writeLater(`${"x".repeat(99)}\n`);
  assert.equal(target.writes, 2);
  await writer.flush(60_000);
  assert.equal(target.text.length, 4 + 200 * 100);
  const soon = new LineWriter({
    write: (bytes) => {
      written.resolve(bytes.length);
      return Promise.resolve(bytes.length);
    },
  }, { gatherMs: 1 });
  const written = Promise.withResolvers<number>();
  soon.writeLater("c\n");
  assert.equal(await written.promise, 2);
  await soon.flush(60_000);
});

Deno.test("LineWriter goes on after errors of the target", async () => {
  let calls = 0;
  const writer = new LineWriter({ write: () => Promise.reject(new Error(`broken ${++calls}`)) });
  writer.write("a\n");
  await writer.flush(60_000);
  writer.write("b\n");
  await writer.flush(60_000);
  assert.equal(calls, 2);
});
