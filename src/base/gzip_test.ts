import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import { inflate, statedLength } from "./gzip.ts";

const TEXT = new TextEncoder().encode("many ".repeat(1000));
const FILE = new Uint8Array(gzipSync(TEXT));

Deno.test("statedLength() reads the length at the end of a file, wherever it lies in memory", () => {
  assert.equal(statedLength(FILE), TEXT.length);
  const around = new Uint8Array(FILE.length + 6);
  around.set(FILE, 3);
  assert.equal(statedLength(around.subarray(3, 3 + FILE.length)), TEXT.length);
  assert.equal(statedLength(FILE.subarray(0, 19)), 0);
});

Deno.test("inflate() inflates up to its bound and no further", async () => {
  assert.deepEqual(new Uint8Array(await inflate(FILE, TEXT.length)), TEXT);
  await assert.rejects(inflate(FILE, TEXT.length - 1), RangeError);
  assert.equal((await inflate(new Uint8Array(gzipSync(new Uint8Array(0))), 0)).length, 0);
  await assert.rejects(inflate(TEXT, TEXT.length), (error) => !(error instanceof RangeError));
  const zlib = new Uint8Array(deflateSync(TEXT));
  assert.deepEqual(new Uint8Array(await inflate(zlib, TEXT.length, "deflate")), TEXT);
  await assert.rejects(inflate(zlib, TEXT.length - 1, "deflate"), RangeError);
  await assert.rejects(inflate(FILE, TEXT.length, "deflate"), (error) => !(error instanceof RangeError));
});
