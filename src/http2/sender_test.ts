import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { ERROR_CODE, FLAG, FRAME, SETTING } from "./frames.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import type { HeaderField } from "./http2.ts";
import { Sender } from "./sender.ts";
import { testLimits } from "./testing/limits.ts";
import {
  headersFrame,
  type ReceivedFrame,
  settingsFrame,
  TestPeer,
  type TestRequest,
  uint32Frame,
} from "./testing/test_peer.ts";

const HEADERS = encodeHeaders([{ name: ":status", value: "200" }]);
const TRAILERS = encodeHeaders([{ name: "x", value: "y" }]);

/** Bytes that differ by offset. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

function dataOf(frames: readonly ReceivedFrame[], streamId = 1): Uint8Array {
  return joinParts(
    frames.filter((one) => one.type === FRAME.DATA && one.streamId === streamId).map((one) => one.payload),
  );
}

function shapes(frames: readonly ReceivedFrame[]): [type: number, flags: number, length: number][] {
  return frames.map(({ type, flags, payload }) => [type, flags, payload.length]);
}

function replyWith(length: number): (request: TestRequest) => void {
  return ({ stream }) => {
    stream.sendHeaders(HEADERS, false);
    stream.sendData([pattern(length)], false);
    stream.sendHeaders(TRAILERS, true);
  };
}

Deno.test("Sender sends headers, data and trailers in one write", async () => {
  await using peer = await TestPeer.connect({ onRequest: replyWith(5) });
  const received = await peer.send(headersFrame(1, { endStream: true }));
  assert.deepEqual(shapes(received), [
    [FRAME.HEADERS, FLAG.END_HEADERS, 1],
    [FRAME.DATA, 0, 5],
    [FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, TRAILERS.length],
  ]);
  assert.equal(peer.connection.streamCount, 0);
});

Deno.test("Sender writes parts as one run of data, in frames of at most the peer's size", async () => {
  await using peer = await TestPeer.connect({
    onRequest: ({ stream }) => {
      const all = pattern(40_000);
      stream.sendData([all.subarray(0, 5), all.subarray(5, 5), all.subarray(5, 39_999), all.subarray(39_999)], true);
    },
  });
  const received = await peer.send(headersFrame(1, { endStream: true }));
  assert.deepEqual(shapes(received), [[FRAME.DATA, 0, 16_384], [FRAME.DATA, 0, 16_384], [
    FRAME.DATA,
    FLAG.END_STREAM,
    7232,
  ]]);
  assert.deepEqual(dataOf(received), pattern(40_000));
  await peer.send(settingsFrame([SETTING.MAX_FRAME_SIZE, 50_000]));
  const next = await peer.send(headersFrame(3, { endStream: true }));
  assert.deepEqual(shapes(next), [[FRAME.DATA, 0, 25_535]]);
  const rest = await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 0, 100_000));
  assert.deepEqual(shapes(rest), [[FRAME.DATA, FLAG.END_STREAM, 14_465]]);
});

Deno.test("Sender ends a stream with an empty frame even when the windows are closed", async () => {
  await using peer = await TestPeer.connect({ onRequest: ({ stream }) => stream.sendData([], true) });
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 0]));
  assert.deepEqual(shapes(await peer.send(headersFrame(1, { endStream: true }))), [[FRAME.DATA, FLAG.END_STREAM, 0]]);
});

Deno.test("Sender holds back what the stream's window does not allow, trailers too", async () => {
  await using peer = await TestPeer.connect({ onRequest: replyWith(100) });
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 30]));
  const first = await peer.send(headersFrame(1, { endStream: true }));
  assert.deepEqual(shapes(first), [[FRAME.HEADERS, FLAG.END_HEADERS, 1], [FRAME.DATA, 0, 30]]);
  assert.equal(peer.request.stream.bytesPending, 70);
  const second = await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 69));
  assert.deepEqual(shapes(second), [[FRAME.DATA, 0, 69]]);
  const third = await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 5));
  assert.deepEqual(shapes(third), [[FRAME.DATA, 0, 1], [
    FRAME.HEADERS,
    FLAG.END_HEADERS | FLAG.END_STREAM,
    TRAILERS.length,
  ]]);
  assert.deepEqual(dataOf([...first, ...second, ...third]), pattern(100));
  assert.equal(peer.connection.streamCount, 0);
});

Deno.test("Sender shares the connection's window between streams in turn", async () => {
  await using peer = await TestPeer.connect({ onRequest: replyWith(200_000) });
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 1_000_000]));
  const first = await peer.send(headersFrame(1, { endStream: true }), headersFrame(3, { endStream: true }));
  assert.equal(dataOf(first, 1).length, 65_535);
  assert.equal(dataOf(first, 3).length, 0);
  const second = await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 0, 131_072));
  assert.equal(dataOf(second, 1).length, 65_536);
  assert.equal(dataOf(second, 3).length, 65_536);
  const third = await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 0, 1_000_000));
  assert.deepEqual(dataOf([...first, ...second, ...third], 1), pattern(200_000));
  assert.deepEqual(dataOf([...first, ...second, ...third], 3), pattern(200_000));
});

Deno.test("Sender applies SETTINGS_INITIAL_WINDOW_SIZE to open streams, below zero and back, after the ACK", async () => {
  await using peer = await TestPeer.connect({ onRequest: replyWith(100) });
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 60]));
  await peer.send(headersFrame(1, { endStream: true }));
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 10]));
  assert.deepEqual(shapes(await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 50))), []);
  assert.deepEqual(shapes(await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 1))), [[FRAME.DATA, 0, 1]]);
  const received = await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 49]));
  assert.deepEqual(shapes(received).slice(0, 2), [[FRAME.SETTINGS, FLAG.ACK, 0], [FRAME.DATA, 0, 39]]);
});

Deno.test("Sender ends the connection if SETTINGS take a stream's window out of range", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(headersFrame(1), uint32Frame(FRAME.WINDOW_UPDATE, 1, 2 ** 31 - 1 - 65_535));
  const received = await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 65_536]));
  assert.equal(TestPeer.goawayCode(received), ERROR_CODE.FLOW_CONTROL_ERROR);
});

Deno.test("Sender reports when data that was held back has left", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 10]), headersFrame(1));
  const { stream } = peer.request;
  stream.sendData([pattern(10)], false);
  assert.equal(stream.bytesPending, 0);
  assert.equal(peer.request.drainedCount, 0);
  stream.sendData([pattern(5)], false);
  stream.sendData([pattern(5)], false);
  assert.equal(stream.bytesPending, 10);
  await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 7));
  assert.equal(peer.request.drainedCount, 0);
  await peer.send(uint32Frame(FRAME.WINDOW_UPDATE, 1, 7));
  assert.equal(peer.request.drainedCount, 1);
  assert.equal(stream.bytesPending, 0);
});

Deno.test("Sender sends later data by itself", async () => {
  await using peer = await TestPeer.connect();
  await peer.send(headersFrame(1, { endStream: true }));
  await Promise.resolve();
  replyWith(3)(peer.request);
  assert.deepEqual(dataOf(await peer.until(FRAME.DATA)), pattern(3));
});

Deno.test("Sender splits a header block larger than the peer's frames into CONTINUATION frames", async () => {
  const fields: HeaderField[] = [{ name: ":status", value: "200" }, { name: "x", value: "v".repeat(40_000) }];
  await using peer = await TestPeer.connect({
    onRequest: ({ stream }) => stream.sendHeaders(encodeHeaders(fields), true),
  });
  const received = await peer.send(headersFrame(1, { endStream: true }));
  assert.deepEqual(received.map(({ type, flags }) => [type, flags]), [
    [FRAME.HEADERS, FLAG.END_STREAM],
    [FRAME.CONTINUATION, 0],
    [FRAME.CONTINUATION, FLAG.END_HEADERS],
  ]);
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 100_000, fieldsMax: 10 });
  assert.deepEqual(decoder.decode(joinParts(received.map(({ payload }) => payload))), fields);
});

Deno.test("Sender announces once that it uses no table if the peer's is smaller than the default", async () => {
  await using peer = await TestPeer.connect({ onRequest: ({ stream }) => stream.sendHeaders(HEADERS, true) });
  await peer.send(settingsFrame([SETTING.HEADER_TABLE_SIZE, 0]));
  const received = await peer.send(headersFrame(1, { endStream: true }), headersFrame(3, { endStream: true }));
  assert.deepEqual(received.map(({ payload }) => payload), [Uint8Array.of(0x20, 0x88), Uint8Array.of(0x88)]);
});

Deno.test("Sender resets a stream with too much pending, but lets one message wait", async () => {
  await using peer = await TestPeer.connect({
    limits: { streamPendingBytesMax: 1000, connectionPendingBytesMax: 5000 },
  });
  await peer.send(settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 0]), headersFrame(1), headersFrame(3), headersFrame(5));
  const [first, second, third] = peer.requests;
  assert.ok(first && second && third);
  first.stream.sendData([pattern(3000)], false);
  assert.equal(first.resetCode, undefined);
  first.stream.sendData([pattern(1)], false);
  assert.equal(first.resetCode, ERROR_CODE.ENHANCE_YOUR_CALM);
  assert.equal(TestPeer.resetCode(await peer.until(FRAME.RST_STREAM), 1), ERROR_CODE.ENHANCE_YOUR_CALM);
  second.stream.sendData([pattern(6000)], false);
  assert.equal(second.resetCode, undefined);
  third.stream.sendData([pattern(1)], false);
  assert.equal(third.resetCode, ERROR_CODE.ENHANCE_YOUR_CALM);
});

Deno.test("Sender applies a new initial window without a visit to each stream", () => {
  const sender = new Sender(testLimits(), { onEndSent: () => {}, onDrained: () => {}, onOverflow: () => {} });
  const flips = Array.from({ length: 64 }, (_, i) => ({ id: SETTING.INITIAL_WINDOW_SIZE, value: 2 ** 31 - 1 - i }));
  sender.applySettings(flips, () => assert.fail("the streams were visited"));
});
