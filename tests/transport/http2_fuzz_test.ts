/** HTTP/2 against random bytes, damaged frames and random sequences of valid ones: connections end cleanly, within their bounds. */
import assert from "node:assert/strict";
import { type RandomBelow, withSeeds } from "../../src/base/testing/random.ts";
import { joinParts } from "../../src/base/bytes.ts";
import { ConnectionError, FLAG, FRAME, PREFACE } from "../../src/http2/frames.ts";
import { PrefaceError } from "../../src/http2/frame_parser.ts";
import { encodeHeaders } from "../../src/http2/hpack/encoder.ts";
import {
  dataFrame,
  frame,
  headersFrame,
  settingsFrame,
  TestPeer,
  uint32Frame,
} from "../../src/http2/testing/test_peer.ts";

const FUZZ_MS = 1500;
const ANSWER = encodeHeaders([{ name: ":status", value: "200" }]);
/** More bytes of replies than any input causes unless something is broken. */
const ANSWER_BYTES_MAX = 1_000_000;

function randomBytes(random: RandomBelow, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

/** A frame that is probably valid, on one of a few streams. */
function likelyFrame(random: RandomBelow): Uint8Array {
  const streamId = random(8) === 0 ? random(12) : 1 + 2 * random(20);
  switch (random(10)) {
    case 0:
    case 1:
    case 2:
      return headersFrame(streamId, { endStream: random(2) === 0, endHeaders: random(10) !== 0 });
    case 3:
    case 4:
      return dataFrame(streamId, randomBytes(random, random(200)), random(3) === 0);
    case 5:
      return uint32Frame(FRAME.WINDOW_UPDATE, random(2) === 0 ? 0 : streamId, random(1000));
    case 6:
      return uint32Frame(FRAME.RST_STREAM, streamId, random(14));
    case 7:
      return settingsFrame([random(7), random(100_000)]);
    case 8:
      return frame(FRAME.PING, 0, { flags: random(2), payload: randomBytes(random, 8) });
    default:
      return frame(random(12), streamId, { flags: random(256), payload: randomBytes(random, random(40)) });
  }
}

/** Sends one input in random pieces, and checks that the connection survives it or ends cleanly. */
async function serve(input: Uint8Array, random: RandomBelow): Promise<void> {
  await using peer = new TestPeer({
    limits: { streamsMax: 10 },
    onRequest: ({ stream }) => {
      const kind = random(4);
      if (kind === 0) return;
      stream.sendHeaders(ANSWER, kind === 1);
      stream.sendData([new Uint8Array(random(500))], kind === 2);
      if (kind === 3) queueMicrotask(() => stream.sendHeaders(ANSWER, true));
    },
  });
  let answerBytes = 0;
  for (let at = 0; at < input.length && !peer.socket.isWriteClosed;) {
    const end = at + 1 + random(input.length);
    for (const { payload } of await peer.send(input.subarray(at, end))) answerBytes += payload.length;
    at = end;
  }
  for (const fault of peer.faults) {
    if (!(fault instanceof ConnectionError) && !(fault instanceof PrefaceError)) throw fault;
  }
  assert.ok(peer.connection.streamCount <= 10);
  assert.ok(answerBytes <= ANSWER_BYTES_MAX, `${answerBytes} bytes were answered to ${input.length}`);
  peer.socket.end();
  await peer.served;
}

async function fuzz(makeInput: (random: RandomBelow) => Uint8Array): Promise<void> {
  await withSeeds((random) => serve(makeInput(random), random), FUZZ_MS);
}

Deno.test("Http2Connection survives random bytes", async () => {
  await fuzz((random) => joinParts([random(3) === 0 ? new Uint8Array(0) : PREFACE, randomBytes(random, random(500))]));
});

Deno.test("Http2Connection survives random frames", async () => {
  await fuzz((random) => {
    const frames = Array.from({ length: random(60) }, () => likelyFrame(random));
    return joinParts([PREFACE, settingsFrame(), frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK }), ...frames]);
  });
});

Deno.test("Http2Connection survives sessions with bytes changed, lost and doubled", async () => {
  await fuzz((random) => {
    const session = joinParts([
      PREFACE,
      settingsFrame([4, random(100_000)]),
      ...Array.from({ length: 10 }, (_, i) => [
        headersFrame(i * 2 + 1),
        dataFrame(i * 2 + 1, randomBytes(random, random(100))),
        dataFrame(i * 2 + 1, new Uint8Array(random(100)), true),
      ]).flat(),
    ]);
    for (let i = random(5); i >= 0; i--) {
      session[PREFACE.length + random(session.length - PREFACE.length)] = random(256);
    }
    const cut = random(session.length);
    return joinParts([session.subarray(0, cut), session.subarray(Math.max(0, cut + random(20) - 10))]);
  });
});
