import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { ConnectionError, ERROR_CODE, FLAG, FRAME, PREFACE, SETTING } from "./frames.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import {
  dataFrame,
  frame,
  headersFrame,
  requestFields,
  settingsFrame,
  TestPeer,
  uint32,
  uint32Frame,
} from "./testing/test_peer.ts";

const PING = frame(FRAME.PING, 0, { payload: new Uint8Array(8).fill(7) });
const TRAILERS = headersFrame(1, { fields: [{ name: "x", value: "y" }], endStream: true });
const PRIORITY_ON_ITSELF = joinParts([uint32(1), Uint8Array.of(15)]);

/** Frames that each end a connection in which stream 1 is open, and with which code. */
const CONNECTION_ERRORS: readonly (readonly [name: string, code: keyof typeof ERROR_CODE, frames: Uint8Array])[] = [
  ["DATA on no stream", "PROTOCOL_ERROR", dataFrame(0, new Uint8Array(1))],
  ["DATA on an idle stream", "PROTOCOL_ERROR", dataFrame(3, new Uint8Array(1))],
  ["DATA on an even stream", "PROTOCOL_ERROR", dataFrame(2, new Uint8Array(1))],
  ["a frame that is too long", "FRAME_SIZE_ERROR", frame(99, 1, { payload: new Uint8Array(16_385) })],
  ["DATA that is too long", "FRAME_SIZE_ERROR", dataFrame(1, new Uint8Array(16_385))],
  ["HEADERS on no stream", "PROTOCOL_ERROR", headersFrame(0)],
  ["HEADERS on an even stream", "PROTOCOL_ERROR", headersFrame(2)],
  [
    "HEADERS with too much padding",
    "PROTOCOL_ERROR",
    frame(FRAME.HEADERS, 3, { flags: 0xc, payload: Uint8Array.of(1) }),
  ],
  ["HEADERS without a pad length", "FRAME_SIZE_ERROR", frame(FRAME.HEADERS, 3, { flags: 0xc })],
  ["HEADERS without their priority", "FRAME_SIZE_ERROR", frame(FRAME.HEADERS, 3, { flags: 0x24, payload: uint32(1) })],
  [
    "HEADERS that do not decode",
    "COMPRESSION_ERROR",
    frame(FRAME.HEADERS, 3, { flags: 4, payload: Uint8Array.of(0x80) }),
  ],
  ["RST_STREAM on no stream", "PROTOCOL_ERROR", uint32Frame(FRAME.RST_STREAM, 0, 8)],
  ["RST_STREAM on an idle stream", "PROTOCOL_ERROR", uint32Frame(FRAME.RST_STREAM, 3, 8)],
  ["RST_STREAM of 5 bytes", "FRAME_SIZE_ERROR", frame(FRAME.RST_STREAM, 1, { payload: new Uint8Array(5) })],
  ["SETTINGS on a stream", "PROTOCOL_ERROR", frame(FRAME.SETTINGS, 1)],
  ["SETTINGS of 5 bytes", "FRAME_SIZE_ERROR", frame(FRAME.SETTINGS, 0, { payload: new Uint8Array(5) })],
  ["an ACK of 6 bytes", "FRAME_SIZE_ERROR", frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK, payload: new Uint8Array(6) })],
  ["push enabled by 2", "PROTOCOL_ERROR", settingsFrame([SETTING.ENABLE_PUSH, 2])],
  ["a window above 2^31-1", "FLOW_CONTROL_ERROR", settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31])],
  ["a frame size too small", "PROTOCOL_ERROR", settingsFrame([SETTING.MAX_FRAME_SIZE, 16_383])],
  ["a frame size too large", "PROTOCOL_ERROR", settingsFrame([SETTING.MAX_FRAME_SIZE, 2 ** 24])],
  ["PUSH_PROMISE", "PROTOCOL_ERROR", frame(FRAME.PUSH_PROMISE, 1, { payload: uint32(2) })],
  ["PING on a stream", "PROTOCOL_ERROR", frame(FRAME.PING, 1, { payload: new Uint8Array(8) })],
  ["PING of 7 bytes", "FRAME_SIZE_ERROR", frame(FRAME.PING, 0, { payload: new Uint8Array(7) })],
  ["GOAWAY on a stream", "PROTOCOL_ERROR", frame(FRAME.GOAWAY, 1, { payload: new Uint8Array(8) })],
  ["GOAWAY of 7 bytes", "FRAME_SIZE_ERROR", frame(FRAME.GOAWAY, 0, { payload: new Uint8Array(7) })],
  ["WINDOW_UPDATE by 0", "PROTOCOL_ERROR", uint32Frame(FRAME.WINDOW_UPDATE, 0, 0)],
  ["WINDOW_UPDATE of 3 bytes", "FRAME_SIZE_ERROR", frame(FRAME.WINDOW_UPDATE, 0, { payload: new Uint8Array(3) })],
  ["WINDOW_UPDATE on an idle stream", "PROTOCOL_ERROR", uint32Frame(FRAME.WINDOW_UPDATE, 3, 1)],
  ["a connection window above 2^31-1", "FLOW_CONTROL_ERROR", uint32Frame(FRAME.WINDOW_UPDATE, 0, 2 ** 31 - 1)],
  ["CONTINUATION of nothing", "PROTOCOL_ERROR", frame(FRAME.CONTINUATION, 1, { flags: FLAG.END_HEADERS })],
  ["PRIORITY on no stream", "PROTOCOL_ERROR", frame(FRAME.PRIORITY, 0, { payload: new Uint8Array(5) })],
  [
    "an idle stream that depends on itself",
    "PROTOCOL_ERROR",
    frame(FRAME.PRIORITY, 3, { payload: joinParts([uint32(3), uint32(0).subarray(3)]) }),
  ],
  ["a header block interrupted", "PROTOCOL_ERROR", joinParts([headersFrame(3, { endHeaders: false }), PING])],
  [
    "a header block that continues on another stream",
    "PROTOCOL_ERROR",
    joinParts([headersFrame(3, { endHeaders: false }), frame(FRAME.CONTINUATION, 5)]),
  ],
];

for (const [name, code, frames] of CONNECTION_ERRORS) {
  Deno.test(`Receiver ends the connection with ${code} for ${name}`, async () => {
    await using peer = await TestPeer.connect({ limits: { frameBytesMax: 16_384 } });
    await peer.send(headersFrame(1));
    const received = await peer.send(frames, PING);
    assert.equal(TestPeer.goawayCode(received), ERROR_CODE[code]);
    assert.equal(received.some(({ type }) => type === FRAME.PING), false);
    assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
    assert.ok(peer.faults[0] instanceof ConnectionError);
    await peer.hungUp();
  });
}

/** Frames that each reset stream 1, and with which code. */
const STREAM_ERRORS: readonly (readonly [name: string, code: keyof typeof ERROR_CODE, frames: Uint8Array])[] = [
  ["trailers that do not end the stream", "PROTOCOL_ERROR", headersFrame(1, { fields: [{ name: "x", value: "y" }] })],
  ["trailers with a pseudo-header field", "PROTOCOL_ERROR", headersFrame(1, { endStream: true })],
  ["WINDOW_UPDATE by 0", "PROTOCOL_ERROR", uint32Frame(FRAME.WINDOW_UPDATE, 1, 0)],
  ["a window above 2^31-1", "FLOW_CONTROL_ERROR", uint32Frame(FRAME.WINDOW_UPDATE, 1, 2 ** 31 - 1)],
  ["PRIORITY of 4 bytes", "FRAME_SIZE_ERROR", frame(FRAME.PRIORITY, 1, { payload: new Uint8Array(4) })],
  ["a dependency on itself", "PROTOCOL_ERROR", frame(FRAME.PRIORITY, 1, { payload: PRIORITY_ON_ITSELF })],
  [
    "DATA after its end",
    "STREAM_CLOSED",
    joinParts([dataFrame(1, new Uint8Array(0), true), dataFrame(1, new Uint8Array(1))]),
  ],
  ["trailers after its end", "STREAM_CLOSED", joinParts([dataFrame(1, new Uint8Array(0), true), TRAILERS])],
];

for (const [name, code, frames] of STREAM_ERRORS) {
  Deno.test(`Receiver resets the stream with ${code} for ${name}`, async () => {
    await using peer = await TestPeer.connect();
    await peer.send(headersFrame(1));
    const received = await peer.send(frames, PING);
    assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE[code]);
    assert.equal(peer.request.resetCode, ERROR_CODE[code]);
    assert.equal(received.some(({ type, flags }) => type === FRAME.PING && flags === FLAG.ACK), true);
    assert.equal(peer.connection.streamCount, 0);
  });
}

Deno.test("Receiver requires SETTINGS first", async () => {
  await using peer = new TestPeer();
  assert.equal(TestPeer.goawayCode(await peer.send(PREFACE, PING)), ERROR_CODE.PROTOCOL_ERROR);
  await using other = new TestPeer();
  const ack = frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK });
  assert.equal(TestPeer.goawayCode(await other.send(PREFACE, ack)), ERROR_CODE.PROTOCOL_ERROR);
});

Deno.test("Receiver replies to PING with its payload, and ignores unknown frames", async () => {
  await using peer = await TestPeer.connect();
  const received = await peer.send(
    frame(99, 7, { flags: 0xff, payload: new Uint8Array(100) }),
    settingsFrame([0x99, 5]),
    frame(FRAME.PRIORITY, 9, { payload: new Uint8Array(5) }),
    frame(FRAME.GOAWAY, 0, { payload: new Uint8Array(200) }),
    PING,
  );
  assert.deepEqual(received.map(({ type, flags }) => [type, flags]), [[FRAME.SETTINGS, FLAG.ACK], [
    FRAME.PING,
    FLAG.ACK,
  ]]);
  assert.deepEqual(received[1]?.payload, new Uint8Array(8).fill(7));
});

Deno.test("Receiver passes on request, data and trailers, without padding and priority", async () => {
  await using peer = await TestPeer.connect();
  const block = encodeHeaders(requestFields({ name: "x", value: "y" }));
  const payload = joinParts([Uint8Array.of(3), uint32(0), Uint8Array.of(9), block, new Uint8Array(3)]);
  await peer.send(
    frame(FRAME.HEADERS, 1, { flags: FLAG.END_HEADERS | FLAG.PADDED | FLAG.PRIORITY, payload }),
    frame(FRAME.DATA, 1, { flags: FLAG.PADDED, payload: Uint8Array.of(2, 5, 6, 0, 0) }),
    dataFrame(1, new Uint8Array(0)),
    dataFrame(1, Uint8Array.of(7)),
    TRAILERS,
  );
  assert.equal(peer.request.headers.path, "/test");
  assert.deepEqual(peer.request.headers.fields, [{ name: "x", value: "y" }]);
  assert.deepEqual(peer.request.data, Uint8Array.of(5, 6, 7));
  assert.deepEqual(peer.request.trailers, [{ name: "x", value: "y" }]);
  assert.equal(peer.request.stream.peer, "test");
});

Deno.test("Receiver assembles a header block from CONTINUATION frames", async () => {
  await using peer = await TestPeer.connect();
  const block = encodeHeaders(requestFields());
  await peer.send(
    frame(FRAME.HEADERS, 1, { flags: FLAG.END_STREAM, payload: block.subarray(0, 1) }),
    frame(FRAME.CONTINUATION, 1, { payload: block.subarray(1, 6) }),
    frame(FRAME.CONTINUATION, 1, { flags: FLAG.END_HEADERS, payload: block.subarray(6) }),
  );
  assert.equal(peer.request.headers.path, "/test");
  assert.equal(peer.request.isEnded, true);
});

Deno.test("Receiver resets a malformed request and one that depends on itself, and continues", async () => {
  await using peer = await TestPeer.connect();
  const block = encodeHeaders(requestFields());
  const payload = joinParts([uint32(3), Uint8Array.of(0), block]);
  const received = await peer.send(
    headersFrame(1, { fields: [{ name: ":method", value: "GET" }] }),
    frame(FRAME.HEADERS, 3, { flags: FLAG.END_HEADERS | FLAG.PRIORITY, payload }),
    headersFrame(5),
  );
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.PROTOCOL_ERROR);
  assert.equal(TestPeer.resetCode(received, 3), ERROR_CODE.PROTOCOL_ERROR);
  assert.deepEqual(peer.requests.map(({ stream }) => stream.id), [5]);
});

Deno.test("Receiver compares the content-length with the data", async () => {
  await using peer = await TestPeer.connect();
  const fields = requestFields({ name: "content-length", value: "3" });
  const received = await peer.send(
    headersFrame(1, { fields, endStream: true }),
    headersFrame(3, { fields }),
    dataFrame(3, new Uint8Array(4)),
    headersFrame(5, { fields }),
    dataFrame(5, new Uint8Array(2), true),
    headersFrame(7, { fields }),
    headersFrame(7, { fields: [{ name: "x", value: "y" }], endStream: true }),
    headersFrame(9, { fields }),
    dataFrame(9, new Uint8Array(1)),
    dataFrame(9, new Uint8Array(2), true),
  );
  for (const id of [1, 3, 5, 7]) assert.equal(TestPeer.resetCode(received, id), ERROR_CODE.PROTOCOL_ERROR, `${id}`);
  assert.equal(TestPeer.resetCode(received, 9), undefined);
  assert.equal(peer.request.data.length, 3);
});

Deno.test("Receiver ends the connection for HEADERS on an ended stream or below one that was opened", async () => {
  const answer = { onRequest: ({ stream }: TestPeer["request"]) => stream.sendHeaders(Uint8Array.of(0x88), true) };
  await using peer = await TestPeer.connect(answer);
  await peer.send(headersFrame(5, { endStream: true }));
  assert.equal(TestPeer.goawayCode(await peer.send(headersFrame(5))), ERROR_CODE.STREAM_CLOSED);
  await using other = await TestPeer.connect(answer);
  await other.send(headersFrame(5, { endStream: true }));
  assert.equal(TestPeer.goawayCode(await other.send(headersFrame(3))), ERROR_CODE.PROTOCOL_ERROR);
});

Deno.test("Receiver tolerates frames in flight when the stream was reset", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(headersFrame(1));
  peer.request.stream.reset(ERROR_CODE.CANCEL);
  assert.equal(peer.request.resetCode, undefined);
  const received = await peer.send(
    dataFrame(1, new Uint8Array(100)),
    uint32Frame(FRAME.WINDOW_UPDATE, 1, 5),
    TRAILERS,
    uint32Frame(FRAME.RST_STREAM, 1, 8),
    PING,
  );
  assert.deepEqual(received.map(({ type }) => type), [FRAME.RST_STREAM, FRAME.PING]);
  assert.equal(peer.request.data.length, 0);
});

Deno.test("Receiver resets a stream that gets data after its peer had reset it", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(headersFrame(1), uint32Frame(FRAME.RST_STREAM, 1, ERROR_CODE.CANCEL));
  assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
  const received = await peer.send(dataFrame(1, new Uint8Array(1)));
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.STREAM_CLOSED);
});
