import assert from "node:assert/strict";
import { ERROR_CODE, FLAG, FRAME, readUint32 } from "../frames.ts";
import { encodeHeaders } from "../hpack/encoder.ts";
import type { StreamListener } from "../http2.ts";
import { dataFrame, frame, headersFrame, type ReceivedFrame, TestPeer, uint32Frame } from "../testing/test_peer.ts";

const HEADERS = encodeHeaders([{ name: ":status", value: "200" }]);
const WINDOWS = { streamWindowBytes: 65_536, connectionWindowBytes: 65_536 * 2, frameBytesMax: 100_000 };

function credits(frames: readonly ReceivedFrame[]): [streamId: number, increment: number][] {
  return frames.filter(({ type }) => type === FRAME.WINDOW_UPDATE).map(({ streamId, payload }) => [
    streamId,
    readUint32(payload, 0),
  ]);
}

Deno.test("StreamTable resets a stream whose reply is complete before its request", async () => {
  await using peer = await TestPeer.connect({ onRequest: ({ stream }) => stream.sendHeaders(HEADERS, true) });
  const received = await peer.send(headersFrame(1), dataFrame(1, new Uint8Array(10)));
  assert.deepEqual(received.map(({ type }) => type), [FRAME.HEADERS, FRAME.RST_STREAM]);
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.NO_ERROR);
  assert.equal(peer.request.resetCode, undefined);
  assert.equal(peer.request.data.length, 0);
});

Deno.test("StreamTable ignores calls on a stream that is over", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(headersFrame(1), uint32Frame(FRAME.RST_STREAM, 1, 8));
  const { stream } = peer.request;
  stream.sendHeaders(HEADERS, false);
  stream.sendData([new Uint8Array(5)], true);
  stream.consumed(5);
  stream.reset(2);
  assert.deepEqual(await peer.send(frame(FRAME.PING, 0, { payload: new Uint8Array(8) })).then((all) => all.length), 1);
});

Deno.test("StreamTable ignores calls after the end was sent", async () => {
  await using peer = await TestPeer.connect({
    onRequest: ({ stream }) => {
      stream.sendHeaders(HEADERS, true);
      stream.sendData([new Uint8Array(5)], true);
      stream.sendHeaders(HEADERS, true);
    },
  });
  assert.equal((await peer.send(headersFrame(1, { endStream: true }))).length, 1);
});

Deno.test("StreamTable refuses streams past the bound, and accepts more once others have ended", async () => {
  await using peer = await TestPeer.connect({ limits: { streamsMax: 2 } });
  const received = await peer.send(
    headersFrame(1),
    headersFrame(3),
    headersFrame(5),
    dataFrame(5, new Uint8Array(1), true),
  );
  assert.equal(TestPeer.resetCode(received, 5), ERROR_CODE.REFUSED_STREAM);
  assert.equal(received.length, 1);
  assert.equal(peer.connection.streamCount, 2);
  peer.requests[0]?.stream.reset(ERROR_CODE.CANCEL);
  await peer.send(headersFrame(7));
  assert.deepEqual(peer.requests.map(({ stream }) => stream.id), [1, 3, 7]);
});

Deno.test("StreamTable gives credit to the connection as data is passed on, to the stream as it is consumed", async () => {
  await using peer = await TestPeer.connect({ limits: WINDOWS });
  await peer.send(headersFrame(1));
  const received = await peer.send(dataFrame(1, new Uint8Array(60_000)));
  assert.deepEqual(credits(received), [[0, 60_000]]);
  const { stream } = peer.request;
  stream.consumed(10_000);
  stream.consumed(10_000);
  stream.consumed(10_000);
  stream.consumed(10_000);
  assert.deepEqual(credits(await peer.until(FRAME.WINDOW_UPDATE)), [[1, 20_000], [1, 20_000]]);
});

Deno.test("StreamTable gives no credit for more than was received", async () => {
  await using peer = await TestPeer.connect({ limits: WINDOWS });
  await peer.send(headersFrame(1), dataFrame(1, new Uint8Array(20_000)));
  peer.request.stream.consumed(1_000_000);
  assert.deepEqual(credits(await peer.until(FRAME.WINDOW_UPDATE)), [[1, 20_000]]);
});

Deno.test("StreamTable credits the connection for data of ended streams, padding and late data", async () => {
  await using peer = await TestPeer.connect({ limits: WINDOWS });
  const padded = new Uint8Array(201).fill(0);
  padded[0] = 200;
  await peer.send(headersFrame(1), dataFrame(1, new Uint8Array(20_000)));
  const received = await peer.send(
    frame(FRAME.DATA, 1, { flags: FLAG.PADDED, payload: padded }),
    uint32Frame(FRAME.RST_STREAM, 1, 8),
    dataFrame(1, new Uint8Array(12_567)),
  );
  assert.deepEqual(credits(received), [[0, 201 + 20_000 + 12_567]]);
});

Deno.test("StreamTable ends a stream for data past its window", async () => {
  await using peer = await TestPeer.connect({ limits: WINDOWS });
  const received = await peer.send(headersFrame(1), dataFrame(1, new Uint8Array(65_537)));
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.FLOW_CONTROL_ERROR);
});

Deno.test("StreamTable ends the connection for data past its window", async () => {
  await using peer = await TestPeer.connect({
    limits: { ...WINDOWS, streamWindowBytes: 1_000_000, frameBytesMax: 200_000 },
  });
  const { connectionWindowBytes } = WINDOWS;
  const received = await peer.send(headersFrame(1), dataFrame(1, new Uint8Array(connectionWindowBytes + 1)));
  assert.equal(TestPeer.goawayCode(received), ERROR_CODE.FLOW_CONTROL_ERROR);
});

Deno.test("StreamTable resets a stream whose listener throws, and reports it", async () => {
  const fault = new Error("listener");
  await using peer = await TestPeer.connect({
    onRequest: (request) => {
      if (request.stream.id === 1) throw fault;
      request.onData = () => {
        throw fault;
      };
    },
  });
  const received = await peer.send(headersFrame(1), headersFrame(3), dataFrame(3, new Uint8Array(1)));
  assert.equal(TestPeer.resetCode(received, 1), ERROR_CODE.INTERNAL_ERROR);
  assert.equal(TestPeer.resetCode(received, 3), ERROR_CODE.INTERNAL_ERROR);
  assert.deepEqual(peer.faults, [fault, fault]);
});

Deno.test("StreamTable reads a long payload directly into the listener's room", async () => {
  const buffer = new Uint8Array(300_000);
  let length = 0;
  let filledBytes = 0;
  let isEnded = false;
  const listener: Partial<StreamListener> = {
    onData({ bytes, start, end }, endStream): void {
      buffer.set(bytes.subarray(start, end), length);
      length += end - start;
      isEnded = endStream;
    },
    room: (bytes) => buffer.subarray(length, length + bytes),
    filled(bytes, endStream): void {
      length += bytes;
      filledBytes += bytes;
      isEnded = endStream;
    },
  };
  await using peer = await TestPeer.connect({ onRequest: (request) => Object.assign(request, listener) });
  const payload = Uint8Array.from(buffer, (_, i) => i % 253);
  await peer.send(headersFrame(1), dataFrame(1, payload, true));
  assert.deepEqual(buffer, payload);
  assert.ok(filledBytes > 0);
  assert.equal(isEnded, true);
});
