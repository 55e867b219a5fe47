import assert from "node:assert/strict";
import { ERROR_CODE, FLAG, FRAME, PREFACE, SETTING } from "./frames.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import { frame, headersFrame, settingsFrame, TestPeer } from "./testing/test_peer.ts";

const HEADERS = encodeHeaders([{ name: ":status", value: "200" }]);
const PING = frame(FRAME.PING, 0, { payload: new Uint8Array(8) });
/** Nothing times out but what a test asks for. */
const NEVER: Partial<Http2Limits> = {
  prefaceTimeoutMs: 0,
  headersTimeoutMs: 0,
  writeTimeoutMs: 0,
  stallTimeoutMs: 0,
  idleTimeoutMs: 0,
  keepaliveIntervalMs: 0,
  keepaliveTimeoutMs: 0,
  lingerTimeoutMs: 20,
};

Deno.test("Watchdog closes a connection without a complete preface", async () => {
  for (const bytes of [PREFACE.subarray(0, 0), PREFACE.subarray(0, 10), PREFACE]) {
    const peer = new TestPeer({ limits: { ...NEVER, prefaceTimeoutMs: 20 } });
    await peer.send(bytes);
    await peer.served;
  }
});

Deno.test("Watchdog ends a connection with an incomplete header block", async () => {
  const peer = await TestPeer.connect({ limits: { ...NEVER, headersTimeoutMs: 20 } });
  await peer.send(headersFrame(1, { endHeaders: false }));
  assert.equal(TestPeer.goawayCode(await peer.until(FRAME.GOAWAY)), ERROR_CODE.ENHANCE_YOUR_CALM);
  await peer.served;
});

Deno.test("Watchdog closes a connection whose peer does not read", async () => {
  const peer = await TestPeer.connect({ limits: { ...NEVER, writeTimeoutMs: 20 } });
  peer.socket.isBlocked = true;
  await peer.send(headersFrame(1), PING);
  await peer.served;
  assert.equal(peer.request.resetCode, ERROR_CODE.CANCEL);
});

Deno.test("Watchdog closes a connection whose peer never reads our GOAWAY", async () => {
  const peer = await TestPeer.connect({ limits: { ...NEVER, writeTimeoutMs: 20 } });
  peer.socket.isBlocked = true;
  await peer.send(frame(FRAME.PING, 1, { payload: new Uint8Array(8) }));
  await peer.served;
});

Deno.test("Watchdog resets a stream whose window never opens, and keeps the connection", async () => {
  await using peer = await TestPeer.connect({ limits: { ...NEVER, stallTimeoutMs: 20 } });
  await peer.send(
    settingsFrame([SETTING.INITIAL_WINDOW_SIZE, 0]),
    headersFrame(1, { endStream: true }),
    headersFrame(3),
  );
  const [first, second] = peer.requests;
  first?.stream.sendHeaders(HEADERS, false);
  first?.stream.sendData([new Uint8Array(10)], true);
  assert.equal(TestPeer.resetCode(await peer.until(FRAME.RST_STREAM), 1), ERROR_CODE.CANCEL);
  assert.equal(first?.resetCode, ERROR_CODE.CANCEL);
  assert.equal(second?.resetCode, undefined);
  assert.equal(peer.connection.streamCount, 1);
});

Deno.test("Watchdog shuts an idle connection down", async () => {
  const peer = await TestPeer.connect({ limits: { ...NEVER, idleTimeoutMs: 20 } });
  const frames = await peer.until(FRAME.PING);
  assert.equal(TestPeer.goawayCode(frames), ERROR_CODE.NO_ERROR);
  const ping = frames.at(-1);
  assert.equal(ping?.type, FRAME.PING);
  await peer.send(frame(FRAME.PING, 0, { flags: FLAG.ACK, payload: ping?.payload ?? new Uint8Array(0) }));
  await peer.served;
});

Deno.test("Watchdog pings a silent peer, and closes if nothing arrives", async () => {
  const peer = await TestPeer.connect({ limits: { ...NEVER, keepaliveIntervalMs: 20, keepaliveTimeoutMs: 20 } });
  for (let i = 0; i < 3; i++) {
    const ping = (await peer.until(FRAME.PING)).find(({ type }) => type === FRAME.PING);
    assert.ok(ping);
    await peer.send(frame(FRAME.PING, 0, { flags: FLAG.ACK, payload: ping.payload }));
  }
  await peer.until(FRAME.PING);
  await peer.served;
  assert.equal(TestPeer.goawayCode(peer.received()), undefined);
});
