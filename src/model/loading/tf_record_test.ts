import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { recordFile, servingError, VersionFolder } from "../testing/loading.ts";
import { readRecords } from "./tf_record.ts";

async function readAll(content: Uint8Array): Promise<string[]> {
  using folder = new VersionFolder();
  const records: string[] = [];
  for await (const record of readRecords(folder.write("records", content))) {
    records.push(new TextDecoder().decode(record));
  }
  return records;
}

/** Three records, "123456789", "" and "abc", as TensorFlow 2.21 writes them. */
const WRITTEN_BY_TENSORFLOW = Uint8Array.fromHex(
  "090000000000000037f97139313233343536373839e5b08ac7000000000000000029039807d8ea82a20300000000000000b099490e6162636e57f121",
);

Deno.test("readRecords() reads TensorFlow's files", async () => {
  assert.deepEqual(await readAll(WRITTEN_BY_TENSORFLOW), ["123456789", "", "abc"]);
});

Deno.test("readRecords() reads records longer than a chunk, and a file without records", async () => {
  const long = new Uint8Array(300_000).map((_, i) => 97 + i % 26);
  assert.deepEqual(await readAll(recordFile([long, long.subarray(0, 1)])), [new TextDecoder().decode(long), "a"]);
  assert.deepEqual(await readAll(new Uint8Array(0)), []);
});

Deno.test("readRecords() detects every changed byte", async () => {
  for (let i = 0; i < WRITTEN_BY_TENSORFLOW.length; i++) {
    const damaged = WRITTEN_BY_TENSORFLOW.with(i, (WRITTEN_BY_TENSORFLOW[i] as number) ^ 0x10);
    await assert.rejects(
      () => readAll(damaged),
      servingError(CODE.DATA_LOSS, /^corrupted record at \d+$/),
      `byte ${i}`,
    );
  }
});

Deno.test("readRecords() detects a truncated file", async () => {
  const [first, second] = [25, 41];
  for (let length = 1; length < WRITTEN_BY_TENSORFLOW.length; length++) {
    if (length === first || length === second) continue;
    const cut = WRITTEN_BY_TENSORFLOW.subarray(0, length);
    await assert.rejects(
      () => readAll(cut),
      servingError(CODE.DATA_LOSS, /^truncated record at \d+$/),
      `${length} bytes`,
    );
  }
});
