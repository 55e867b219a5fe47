import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { Http2Connection } from "./connection.ts";
import { ConnectionError, ERROR_CODE, FLAG, FRAME, PREFACE, readUint32, STREAM_ID_MAX } from "./frames.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import { testLimits } from "./testing/limits.ts";
import { dataFrame, frame, headersFrame, settingsFrame, TestPeer } from "./testing/test_peer.ts";

const ANSWER = encodeHeaders([{ name: ":status", value: "200" }]);
const PING = frame(FRAME.PING, 0, { payload: new Uint8Array(8) });

function text(peer: TestPeer): string {
  return new TextDecoder().decode(joinParts(peer.socket.written.splice(0)));
}

Deno.test("Http2Connection sends its SETTINGS after the client's preface", async () => {
  await using peer = new TestPeer();
  assert.deepEqual(await peer.send(PREFACE.subarray(0, 23)), []);
  const received = await peer.send(PREFACE.subarray(23), settingsFrame());
  assert.deepEqual(received.map(({ type, flags }) => [type, flags]), [
    [FRAME.SETTINGS, 0],
    [FRAME.WINDOW_UPDATE, 0],
    [FRAME.SETTINGS, FLAG.ACK],
  ]);
});

Deno.test("Http2Connection replies to an HTTP/1 client in HTTP/1, and to other protocols with nothing", async () => {
  await using peer = new TestPeer();
  peer.socket.feed(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await peer.hungUp();
  const [head = "", body = ""] = text(peer).split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 505 /);
  assert.equal(/Content-Length: (\d+)/.exec(head)?.[1], `${body.length}`);
  await using other = new TestPeer();
  other.socket.feed(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00));
  await other.hungUp();
  assert.equal(text(other), "");
});

Deno.test("Http2Connection.serve() resolves once the peer has closed, and resets the streams", async () => {
  const peer = await TestPeer.connect();
  await peer.send(headersFrame(1));
  peer.socket.end();
  await peer.served;
  assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
  assert.equal(peer.socket.isClosed, true);
});

Deno.test("Http2Connection.close() ends pending reads and writes", async () => {
  const peer = await TestPeer.connect();
  peer.socket.isBlocked = true;
  await peer.send(headersFrame(1), PING);
  peer.connection.close();
  peer.connection.close();
  await peer.served;
  assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
});

Deno.test("Http2Connection closes if the peer does not close after GOAWAY", async () => {
  const peer = await TestPeer.connect({ limits: { lingerTimeoutMs: 20 } });
  const received = await peer.send(dataFrame(0, new Uint8Array(1)));
  assert.equal(TestPeer.goawayCode(received), ERROR_CODE.PROTOCOL_ERROR);
  await peer.served;
  assert.equal(peer.socket.isClosed, true);
});

Deno.test("Http2Connection continues after a partial write", async () => {
  await using peer = await TestPeer.connect({
    onRequest: ({ stream }) => stream.sendData([Uint8Array.from({ length: 1000 }, (_, i) => i % 251)], true),
  });
  peer.socket.writeBytesMax = 7;
  peer.socket.feed(headersFrame(1, { endStream: true }));
  const [data] = await peer.until(FRAME.DATA);
  assert.deepEqual(data?.payload, Uint8Array.from({ length: 1000 }, (_, i) => i % 251));
});

Deno.test("Http2Connection stops reading while the peer does not read, and resumes with it", async () => {
  await using peer = await TestPeer.connect({ limits: { outgoingBytesMax: 1000 } });
  peer.socket.isBlocked = true;
  const pings = joinParts(Array.from({ length: 100 }, () => PING));
  await peer.send(PING);
  peer.socket.feed(pings);
  peer.socket.feed(headersFrame(1));
  // What is fed here comes in one read; what is fed after it must wait until the pings' answers have left.
  for (let i = 0; i < 20; i++) await Promise.resolve();
  peer.socket.feed(headersFrame(3));
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assert.deepEqual(peer.requests.map(({ stream }) => stream.id), [1]);
  peer.socket.unblock();
  const received = await peer.send();
  assert.equal(received.filter(({ type }) => type === FRAME.PING).length, 101);
  assert.deepEqual(peer.requests.map(({ stream }) => stream.id), [1, 3]);
});

Deno.test("Http2Connection.shutdown() announces itself twice, lets streams finish and refuses new ones", async () => {
  const peer = await TestPeer.connect();
  await peer.send(headersFrame(1, { endStream: true }));
  const over = peer.connection.shutdown();
  const [first, ping] = await peer.until(FRAME.PING);
  assert.ok(first && ping);
  assert.equal(first.type, FRAME.GOAWAY);
  assert.equal(readUint32(first.payload, 0), STREAM_ID_MAX);
  assert.deepEqual(await peer.send(headersFrame(3, { endStream: true })), []);
  const pong = frame(FRAME.PING, 0, { flags: FLAG.ACK, payload: ping.payload });
  const [again] = await peer.send(pong);
  assert.equal(again?.type, FRAME.PING);
  // A client may write the headers of a stream after the first PONG that it opened before it heard of the GOAWAY.
  const [second] = await peer.send(headersFrame(5, { endStream: true }), pong);
  assert.ok(second);
  assert.equal(second.type, FRAME.GOAWAY);
  assert.equal(readUint32(second.payload, 0), 5);
  assert.equal(readUint32(second.payload, 4), ERROR_CODE.NO_ERROR);
  assert.equal(TestPeer.resetCode(await peer.send(headersFrame(7)), 7), ERROR_CODE.REFUSED_STREAM);
  for (const { stream } of peer.requests) stream.sendHeaders(ANSWER, true);
  await peer.hungUp();
  assert.equal(peer.received().filter(({ type }) => type === FRAME.HEADERS).length, 3);
  peer.socket.end();
  await over;
  await peer.served;
});

Deno.test("Http2Connection.shutdown() bounds the wait for the PING and for the peer to close", async () => {
  const peer = await TestPeer.connect({ limits: { lingerTimeoutMs: 20 } });
  await peer.connection.shutdown(1000);
  assert.equal(peer.received().filter(({ type }) => type === FRAME.GOAWAY).length, 2);
  assert.equal(peer.socket.isClosed, true);
  await peer.served;
});

Deno.test("Http2Connection.shutdown() cuts off streams that do not finish in time", async () => {
  const peer = await TestPeer.connect();
  await peer.send(headersFrame(1));
  await peer.connection.shutdown(20);
  assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
  assert.equal(peer.socket.isClosed, true);
  await peer.served;
});

Deno.test("Http2Connection.shutdown() closes at once before the client's preface, or before it serves", async () => {
  const peer = new TestPeer();
  await peer.connection.shutdown();
  await peer.served;
  const { socket } = new TestPeer();
  socket.close();
  const unserved = new Http2Connection(socket, { limits: testLimits(), peer: "", onRequest: () => assert.fail() });
  await unserved.shutdown();
});

Deno.test("Http2Connection reports the error in GOAWAY and to onFault", async () => {
  await using peer = await TestPeer.connect();
  const received = await peer.send(dataFrame(0, new Uint8Array(1)));
  const sentence = new TextDecoder().decode(received.at(-1)?.payload.subarray(8));
  assert.equal(sentence, "DATA frame is on no stream");
  assert.deepEqual(peer.faults, [new ConnectionError(ERROR_CODE.PROTOCOL_ERROR, sentence)]);
});

Deno.test("Http2Connection serves a real socket", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const connection = new Http2Connection(await listener.accept(), {
    limits: testLimits(),
    peer: "client",
    onRequest: (stream) => {
      stream.sendHeaders(ANSWER, true);
      return { onData: () => {}, onTrailers: () => {}, onReset: () => {} };
    },
  });
  const served = connection.serve();
  await client.write(joinParts([PREFACE, settingsFrame(), headersFrame(1, { endStream: true })]));
  const expected = joinParts([
    frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK }),
    headersFrame(1, { fields: [{ name: ":status", value: "200" }], endStream: true }),
  ]);
  let received = new Uint8Array(0);
  const buffer = new Uint8Array(1000);
  while (!received.toHex().endsWith(expected.toHex())) {
    const count = await client.read(buffer);
    assert.ok(count);
    received = joinParts([received, buffer.subarray(0, count)]) as Uint8Array<ArrayBuffer>;
  }
  client.close();
  await served;
});
