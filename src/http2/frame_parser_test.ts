import assert from "node:assert/strict";
import { joinParts, type Span } from "../base/bytes.ts";
import { ConnectionError, FLAG, FRAME, PREFACE } from "./frames.ts";
import { type Frame, FrameParser, type FrameSink, PrefaceError } from "./frame_parser.ts";
import { dataFrame, frame } from "./testing/test_peer.ts";

/** Records all events. */
class Recorder implements FrameSink {
  readonly events: string[] = [];
  room: Uint8Array | undefined;
  readonly needs: number | undefined;

  constructor(needs?: number) {
    this.needs = needs;
  }

  onPreface(): void {
    this.events.push("preface");
  }

  payloadNeeded(frame: Frame): number {
    return this.needs ?? frame.length;
  }

  onFrame(frame: Frame): void {
    const { type, flags, streamId, bytes, start, end } = frame;
    this.events.push(`frame ${type} ${flags} ${streamId} [${bytes.subarray(start, end)}]`);
  }

  onDataBegin(frame: Frame, padding: number): void {
    this.events.push(`data of ${frame.length} with ${padding}`);
  }

  onDataChunk({ bytes, start, end }: Span, isLast: boolean): void {
    this.events.push(`chunk [${bytes.subarray(start, end)}]${isLast ? " last" : ""}`);
  }

  dataRoom(): Uint8Array | undefined {
    return this.room;
  }

  onDataFilled(bytes: number, isLast: boolean): void {
    this.events.push(`filled ${bytes}${isLast ? " last" : ""}`);
  }
}

function rig(
  needs?: number,
): { sink: Recorder; parser: FrameParser; feed: (bytes: Uint8Array, step?: number) => void } {
  const sink = new Recorder(needs);
  const parser = new FrameParser(sink, { bufferBytesMax: 65_536 });
  const feed = (bytes: Uint8Array, step = Infinity): void => {
    for (let at = 0; at < bytes.length;) {
      const space = parser.space();
      const count = Math.min(space.length, bytes.length - at, step);
      space.set(bytes.subarray(at, at + count));
      at += count;
      parser.received(count);
    }
  };
  return { sink, parser, feed };
}

const PADDED_DATA = frame(FRAME.DATA, 1, { flags: FLAG.PADDED, payload: Uint8Array.of(2, 7, 8, 9, 0, 0) });
const SESSION = joinParts([
  PREFACE,
  frame(FRAME.SETTINGS, 0),
  frame(FRAME.PING, 0, { payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }),
  PADDED_DATA,
  dataFrame(3, new Uint8Array(0), true),
  frame(0x77, 5, { flags: 0xff, payload: Uint8Array.of(5) }),
]);
const SESSION_EVENTS = [
  "preface",
  "frame 4 0 0 []",
  "frame 6 0 0 [1,2,3,4,5,6,7,8]",
  "data of 6 with 3",
  "chunk [7,8,9] last",
  "data of 0 with 0",
  "chunk [] last",
  "frame 119 255 5 [5]",
];

Deno.test("FrameParser.received() finds the same frames wherever reads are split", () => {
  for (const step of [Infinity, 20, 10, 9, 8, 7, 3, 2]) {
    const { sink, feed } = rig();
    feed(SESSION, step);
    const chunks = sink.events.filter((event) => event.startsWith("chunk [")).join(" ").match(/\d+/g);
    assert.deepEqual(chunks, ["7", "8", "9"], `step ${step}`);
    const others = (events: string[]): string[] => events.filter((event) => !event.startsWith("chunk"));
    assert.deepEqual(others(sink.events), others(SESSION_EVENTS), `step ${step}`);
    assert.equal(sink.events.filter((event) => event.endsWith("last")).length, 2, `step ${step}`);
  }
});

Deno.test("FrameParser.received() passes on a whole payload that arrives at once", () => {
  const { sink, feed } = rig();
  feed(SESSION);
  assert.deepEqual(sink.events, SESSION_EVENTS);
});

Deno.test("FrameParser.received() drops payload that is not needed", () => {
  const { sink, feed } = rig(2);
  feed(PREFACE);
  feed(
    joinParts([
      frame(99, 1, { payload: new Uint8Array(100_000).fill(3) }),
      frame(98, 0, { payload: Uint8Array.of(1, 2) }),
    ]),
  );
  assert.deepEqual(sink.events, ["preface", "frame 99 0 1 [3,3]", "frame 98 0 0 [1,2]"]);
});

Deno.test("FrameParser.received() grows the buffer for a frame that needs it, and takes it whole", () => {
  const { sink, feed } = rig();
  feed(PREFACE);
  feed(frame(99, 1, { payload: new Uint8Array(50_000) }), 1000);
  assert.equal(sink.events.length, 2);
});

Deno.test("FrameParser.space() is the room of the listener during a long payload", () => {
  const { sink, parser, feed } = rig();
  feed(joinParts([PREFACE, dataFrame(1, new Uint8Array(200_000)).subarray(0, 9 + 10)]));
  assert.equal(sink.events.at(-1), `chunk [${new Uint8Array(10)}]`);
  sink.room = new Uint8Array(120_000);
  assert.equal(parser.space(), sink.room);
  parser.received(100_000);
  sink.room = new Uint8Array(300_000);
  assert.equal(parser.space().length, 99_990);
  parser.received(99_990);
  assert.deepEqual(sink.events.slice(-2), ["filled 100000", "filled 99990 last"]);
  feed(frame(FRAME.SETTINGS, 0));
  assert.equal(sink.events.at(-1), "frame 4 0 0 []");
});

Deno.test("FrameParser.space() does not ask for room for short payloads", () => {
  const { sink, parser, feed } = rig();
  sink.room = new Uint8Array(100);
  feed(joinParts([PREFACE, dataFrame(1, new Uint8Array(200_000)).subarray(0, 100)]));
  assert.notEqual(parser.space().buffer, sink.room.buffer);
});

Deno.test("FrameParser.space() grows while reads fill it and shrinks when they no longer do", () => {
  const { parser, feed } = rig();
  feed(PREFACE);
  const small = parser.space().length;
  feed(dataFrame(1, new Uint8Array(300_000)));
  const large = parser.space().length;
  assert.ok(large > small);
  assert.ok(large <= 65_536);
  for (let i = 0; i < 100; i++) feed(frame(FRAME.SETTINGS, 0));
  assert.equal(parser.space().length, small);
});

Deno.test("FrameParser.received() fails for another protocol at the first wrong byte", () => {
  for (const text of ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX", "\x16\x03\x01"]) {
    const { feed } = rig();
    assert.throws(() => feed(new TextEncoder().encode(text)), PrefaceError);
  }
});

Deno.test("FrameParser.received() fails for padding longer than its frame", () => {
  for (const payload of [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(3, 0, 0)]) {
    const { feed } = rig();
    feed(PREFACE);
    assert.throws(() => feed(frame(FRAME.DATA, 1, { flags: FLAG.PADDED, payload })), ConnectionError);
  }
});

Deno.test("FrameParser.stop() stops parsing, even when the sink calls it", () => {
  const { sink, parser, feed } = rig();
  feed(PREFACE);
  sink.onFrame = () => {
    sink.events.push("frame");
    parser.stop();
  };
  feed(joinParts([frame(FRAME.SETTINGS, 0), frame(FRAME.SETTINGS, 0)]));
  feed(frame(FRAME.SETTINGS, 0));
  assert.deepEqual(sink.events, ["preface", "frame"]);
});
