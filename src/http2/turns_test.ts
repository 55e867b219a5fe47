import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { FRAME } from "./frames.ts";
import { dataFrame, frame, headersFrame, settingsFrame, TestPeer, uint32Frame } from "./testing/test_peer.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import { Turn, TurnQueue } from "./turns.ts";

const OK = encodeHeaders([{ name: ":status", value: "200" }]);
const LIMITS = { turnFramesMax: 100, turnBytesMax: 10_000, turnMs: 60_000 };

/** What a client may send without a pause, `id` being that of a stream of its own. */
const FLOODS: Record<string, (id: number) => Uint8Array> = {
  "requests": (id) => headersFrame(id, { endStream: true }),
  "1-byte DATA": () => dataFrame(1, Uint8Array.of(0)),
  "empty DATA": () => dataFrame(1, new Uint8Array(0)),
  "PING": () => frame(FRAME.PING, 0, { payload: new Uint8Array(8) }),
  "SETTINGS": () => settingsFrame([4, 1000], [4, 2000]),
  "RST_STREAM": (id) => joinParts([headersFrame(id), uint32Frame(FRAME.RST_STREAM, id, 8)]),
  "WINDOW_UPDATE": () => uint32Frame(FRAME.WINDOW_UPDATE, 0, 1),
  "unknown": () => frame(0xee, 0),
};

for (const [name, next] of Object.entries(FLOODS)) {
  Deno.test(`Turn: another connection is served between the turns of four that flood with ${name}`, async () => {
    const turns = new TurnQueue();
    const limits = { ...LIMITS, resetsMax: 1e9, controlFramesMax: 1e9 };
    let requests = 0;
    let floods: TestPeer[] = [];
    let last = 0;
    let roundsMax = 0;
    // A client whose next request arrives as soon as the event loop polls its socket.
    const calm = await TestPeer.connect({
      turns,
      limits,
      onRequest: ({ stream }) => {
        roundsMax = Math.max(roundsMax, turns.round - last);
        last = turns.round;
        stream.sendHeaders(OK, true);
        if (floods.every(({ socket }) => !socket.isIdle)) requests++;
      },
    });
    floods = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const flood = await TestPeer.connect({
          turns,
          limits,
          onRequest: ({ stream }) => stream.id === 1 || stream.sendHeaders(OK, true),
        });
        await flood.send(headersFrame(1));
        flood.socket.feed(joinParts(Array.from({ length: 5000 }, (_, i) => next(i * 2 + 3))));
        return flood;
      }),
    );
    last = turns.round;
    for (let id = 1; floods.some(({ socket }) => !socket.isIdle); id += 2) {
      await calm.send(headersFrame(id, { endStream: true }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(floods.flatMap(({ faults }) => faults), []);
    // 4 x 5,000 frames at 100 a turn.
    assert(turns.round >= 200, `${turns.round} rounds`);
    assert(requests >= 90, `${requests} requests were answered meanwhile`);
    assert(roundsMax <= 3, `one request waited for ${roundsMax} turns of others`);
    for (const peer of [calm, ...floods]) await peer[Symbol.asyncDispose]();
  });
}

Deno.test("Turn ends after its frames, its bytes or its time", async () => {
  const queue = new TurnQueue();
  const byFrames = new Turn(queue, LIMITS);
  byFrames.start();
  let frames = 1;
  while (!byFrames.frame()) frames++;
  assert.equal(frames, 100);
  assert.equal(byFrames.isOver, true);
  await byFrames.renew();
  assert.equal(byFrames.isOver, false);

  const byBytes = new Turn(queue, LIMITS);
  byBytes.bytes(9999);
  assert.equal(byBytes.isOver, false);
  byBytes.bytes(1);
  assert.equal(byBytes.isOver, true);

  const byTime = new Turn(queue, { ...LIMITS, turnMs: 1 });
  byTime.start();
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < 1);
  byTime.stop();
  assert.equal(byTime.isOver, true);
});

Deno.test("Turn is a new one once others have had theirs", async () => {
  const queue = new TurnQueue();
  const turn = new Turn(queue, LIMITS);
  turn.bytes(10_000);
  turn.start();
  assert.equal(turn.isOver, true, "no other has continued");
  await queue.wait();
  turn.start();
  assert.equal(turn.isOver, false);
});

Deno.test("TurnQueue continues one connection in each round of the event loop, in their order", async () => {
  const queue = new TurnQueue();
  const order: string[] = [];
  await Promise.all(["a", "b", "c"].map(async (name) => {
    await queue.wait();
    order.push(`${name}${queue.round}`);
  }));
  assert.deepEqual(order, ["a1", "b2", "c3"]);
});
