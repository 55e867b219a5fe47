import assert from "node:assert/strict";
import { randomBelow, testSeed } from "../../base/testing/random.ts";
import { OpenStreams } from "./open_streams.ts";
import type { CheckedHeaders } from "../request_headers.ts";
import { Stream, type StreamHost } from "./stream.ts";

const HOST: StreamHost = {
  peer: "test",
  sendHeaders: () => {},
  sendData: () => {},
  reset: () => {},
  consumed: () => {},
};

const HEADERS: CheckedHeaders = {
  method: "POST",
  scheme: "http",
  authority: "test",
  path: "/",
  fields: [],
  contentLength: -1,
  derived: undefined,
};

function stream(id: number): Stream {
  return new Stream(HOST, { id, headers: HEADERS, endStream: false }, 0);
}

Deno.test("OpenStreams contains what was added and not deleted, however ids collide", () => {
  const seed = testSeed();
  const at = `with the seed ${seed}`;
  const random = randomBelow(seed);
  const open = new OpenStreams();
  const expected = new Map<number, Stream>();
  let lastId = 1;
  for (let step = 0; step < 20_000; step++) {
    // Steps of 64 and more bring many streams to the same slots; the bound keeps tables half full and then grown.
    if (expected.size < 600 && random(10) < 6) {
      lastId += 2 * (random(4) === 0 ? 1 << random(9) : 1);
      const added = stream(lastId);
      open.add(added);
      expected.set(lastId, added);
    } else if (expected.size > 0) {
      const deleted = [...expected.values()][random(expected.size)] as Stream;
      open.delete(deleted);
      open.delete(deleted);
      expected.delete(deleted.id);
    }
    assert.equal(open.size, expected.size, at);
    assert.equal(open.get(lastId), expected.get(lastId), at);
    assert.equal(open.get(lastId + 2), undefined, at);
    if (step % 100 === 0) {
      for (const [id, known] of expected) assert.equal(open.get(id), known, at);
      assert.deepEqual(new Set(open.all()), new Set(expected.values()), at);
    }
  }
});

Deno.test("OpenStreams.all() does not change when streams are deleted", () => {
  const open = new OpenStreams();
  for (let id = 1; id < 200; id += 2) open.add(stream(id));
  const all = open.all();
  for (const each of all) open.delete(each);
  assert.equal(all.length, 100);
  assert.equal(open.size, 0);
});
