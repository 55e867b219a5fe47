import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { ERROR_CODE, FLAG, FRAME, PREFACE, SETTING } from "./frames.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import {
  dataFrame,
  frame,
  headersFrame,
  requestFields,
  settingsFrame,
  TestPeer,
  uint32Frame,
} from "./testing/test_peer.ts";

const ANSWER = encodeHeaders([{ name: ":status", value: "200" }]);
const PING = frame(FRAME.PING, 0, { payload: new Uint8Array(8) });
const FEW: Partial<Http2Limits> = {
  controlFramesMax: 100,
  resetsMax: 100,
  controlFramesPerSecond: 0,
  resetsPerSecond: 0,
};

function times(count: number, make: (i: number) => Uint8Array): Uint8Array {
  return joinParts(Array.from({ length: count }, (_, i) => make(i)));
}

const CONTROL_FLOODS: readonly (readonly [name: string, frame: Uint8Array])[] = [
  ["PING", PING],
  ["PING answers", frame(FRAME.PING, 0, { flags: FLAG.ACK, payload: new Uint8Array(8) })],
  ["SETTINGS", settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 70_000])],
  ["SETTINGS answers", frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK })],
  ["WINDOW_UPDATE", uint32Frame(FRAME.WINDOW_UPDATE, 0, 1)],
  ["WINDOW_UPDATE of a stream", uint32Frame(FRAME.WINDOW_UPDATE, 1, 1)],
  ["PRIORITY", frame(FRAME.PRIORITY, 1, { payload: new Uint8Array(5) })],
  ["empty DATA", dataFrame(1, new Uint8Array(0))],
  ["DATA of padding alone", frame(FRAME.DATA, 1, { flags: FLAG.PADDED, payload: Uint8Array.of(3, 0, 0, 0) })],
  ["GOAWAY", frame(FRAME.GOAWAY, 0, { payload: new Uint8Array(8) })],
  ["unknown", frame(200, 0, { payload: new Uint8Array(8) })],
];

for (const [name, one] of CONTROL_FLOODS) {
  Deno.test(`Receiver ends a flood of ${name} frames with ENHANCE_YOUR_CALM`, async () => {
    await using peer = await TestPeer.connect({ limits: FEW });
    await peer.send(headersFrame(1));
    assert.equal(TestPeer.goawayCode(await peer.send(times(90, () => one))), undefined);
    assert.equal(TestPeer.goawayCode(await peer.send(times(20, () => one))), ERROR_CODE.ENHANCE_YOUR_CALM);
  });
}

Deno.test("Receiver accepts control frames that come with work", async () => {
  await using peer = await TestPeer.connect({ limits: FEW });
  await peer.send(headersFrame(1));
  const work = times(
    500,
    () => joinParts([dataFrame(1, new Uint8Array(32)), PING, uint32Frame(FRAME.WINDOW_UPDATE, 0, 1)]),
  );
  assert.equal(TestPeer.goawayCode(await peer.send(work)), undefined);
});

Deno.test("Receiver accepts WINDOW_UPDATE frames of a client that reads", async () => {
  await using peer = await TestPeer.connect({
    limits: FEW,
    onRequest: ({ stream }) => stream.sendData([new Uint8Array(100_000)], false),
  });
  await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 0, 1_000_000), headersFrame(1));
  const updates = times(500, () => uint32Frame(FRAME.WINDOW_UPDATE, 1, 16));
  assert.equal(TestPeer.goawayCode(await peer.send(updates)), undefined);
});

Deno.test("Receiver ends a flood of control frames between bytes of data with ENHANCE_YOUR_CALM", async () => {
  await using peer = await TestPeer.connect({ limits: FEW });
  const flood = times(200, () => joinParts([dataFrame(1, new Uint8Array(1)), PING]));
  assert.equal(TestPeer.goawayCode(await peer.send(headersFrame(1), flood)), ERROR_CODE.ENHANCE_YOUR_CALM);
});

Deno.test("Receiver does not count streams refused before the client has acknowledged the limit", async () => {
  const peer = new TestPeer({ limits: { ...FEW, streamsMax: 10 } });
  await peer.send(PREFACE, settingsFrame());
  const received = await peer.send(times(500, (i) => headersFrame(i * 2 + 1)));
  assert.equal(received.filter(({ type }) => type === FRAME.RST_STREAM).length, 490);
  assert.equal(TestPeer.goawayCode(received), undefined);
  await peer.send(frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK }));
  const after = await peer.send(times(120, (i) => headersFrame(i * 2 + 1001)));
  assert.equal(TestPeer.goawayCode(after), ERROR_CODE.ENHANCE_YOUR_CALM);
  await peer[Symbol.asyncDispose]();
});

Deno.test("Receiver ends a rapid reset with ENHANCE_YOUR_CALM", async () => {
  await using peer = await TestPeer.connect({ limits: FEW });
  const flood = times(110, (i) => joinParts([headersFrame(i * 2 + 1), uint32Frame(FRAME.RST_STREAM, i * 2 + 1, 8)]));
  assert.equal(TestPeer.goawayCode(await peer.send(flood)), ERROR_CODE.ENHANCE_YOUR_CALM);
  assert.equal(peer.requests.length, 101);
  assert.equal(peer.connection.streamCount, 0);
});

Deno.test("Receiver ends a flood of streams that it has to reset with ENHANCE_YOUR_CALM", async () => {
  const bad = headersFrame(1, { fields: [{ name: "x", value: "y" }] });
  for (
    const make of [
      (id: number) => joinParts([headersFrame(id), uint32Frame(FRAME.WINDOW_UPDATE, id, 0)]),
      (id: number) => joinParts([bad.subarray(0, 5), uint32Frame(0, 0, id).subarray(9), bad.subarray(9)]),
      (id: number) => headersFrame(id),
    ]
  ) {
    await using peer = await TestPeer.connect({ limits: { ...FEW, streamsMax: 10 } });
    const received = await peer.send(times(130, (i) => make(i * 2 + 1)));
    assert.equal(TestPeer.goawayCode(received), ERROR_CODE.ENHANCE_YOUR_CALM);
  }
});

Deno.test("Receiver does not count streams that end normally", async () => {
  await using peer = await TestPeer.connect({
    limits: FEW,
    onRequest: ({ stream }) => stream.sendHeaders(ANSWER, true),
  });
  const received = await peer.send(times(500, (i) => headersFrame(i * 2 + 1, { endStream: true })));
  assert.equal(received.length, 500);
});

Deno.test("Receiver ends a flood of CONTINUATION frames, by number and by bytes", async () => {
  for (const payload of [new Uint8Array(0), new Uint8Array(5000)]) {
    await using peer = await TestPeer.connect();
    const flood = times(40, () => frame(FRAME.CONTINUATION, 1, { payload }));
    const received = await peer.send(headersFrame(1, { endHeaders: false }), flood);
    assert.equal(TestPeer.goawayCode(received), ERROR_CODE.ENHANCE_YOUR_CALM);
  }
});

Deno.test("Receiver refuses oversized header blocks and SETTINGS before their bytes arrive", async () => {
  for (const type of [FRAME.HEADERS, FRAME.SETTINGS]) {
    await using peer = await TestPeer.connect();
    const large = frame(type, type === FRAME.SETTINGS ? 0 : 1, {
      flags: FLAG.END_HEADERS & ~FLAG.ACK,
      payload: new Uint8Array(140_000),
    });
    const received = await peer.send(large.subarray(0, 9));
    assert.equal(TestPeer.goawayCode(received), ERROR_CODE.ENHANCE_YOUR_CALM);
  }
});

Deno.test("Receiver replies to an oversized header list with status 431, and continues", async () => {
  await using peer = await TestPeer.connect({ limits: { headerListBytesMax: 500, headerFieldsMax: 10 } });
  const large = requestFields({ name: "x", value: "v".repeat(500) });
  const many = requestFields(...Array.from({ length: 10 }, () => ({ name: "x", value: "" })));
  const received = await peer.send(
    headersFrame(1, { fields: large, endStream: true }),
    headersFrame(3, { fields: many }),
    dataFrame(3, new Uint8Array(5)),
    headersFrame(5),
  );
  assert.deepEqual(received.map(({ type, streamId, flags }) => [type, streamId, flags]), [
    [FRAME.HEADERS, 1, FLAG.END_HEADERS | FLAG.END_STREAM],
    [FRAME.HEADERS, 3, FLAG.END_HEADERS | FLAG.END_STREAM],
    [FRAME.RST_STREAM, 3, 0],
  ]);
  assert.deepEqual(received[0]?.payload, encodeHeaders([{ name: ":status", value: "431" }]));
  assert.deepEqual(peer.requests.map(({ stream }) => stream.id), [5]);
});

Deno.test("Receiver resets a stream whose trailers are too large", async () => {
  await using peer = await TestPeer.connect({ limits: { headerFieldsMax: 5 } });
  const fields = Array.from({ length: 6 }, () => ({ name: "x", value: "" }));
  const received = await peer.send(headersFrame(1), headersFrame(1, { fields, endStream: true }));
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.ENHANCE_YOUR_CALM);
});
