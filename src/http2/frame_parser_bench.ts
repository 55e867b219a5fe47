import { joinParts } from "../base/bytes.ts";
import { type Frame, FrameParser, type FrameSink } from "./frame_parser.ts";
import { PREFACE } from "./frames.ts";
import { dataFrame, headersFrame } from "./testing/test_peer.ts";

const SINK: FrameSink = {
  onPreface: () => {},
  payloadNeeded: (frame: Frame) => frame.length,
  onFrame: () => {},
  onDataBegin: () => {},
  onDataChunk: () => {},
  dataRoom: () => undefined,
  onDataFilled: () => {},
};

function feeder(): (bytes: Uint8Array) => void {
  const parser = new FrameParser(SINK, { bufferBytesMax: 262_144 });
  const feed = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) {
      const space = parser.space();
      const count = Math.min(space.length, bytes.length - at);
      space.set(bytes.subarray(at, at + count));
      at += count;
      parser.received(count);
    }
  };
  feed(PREFACE);
  return feed;
}

const CALLS = joinParts(
  Array.from({ length: 32 }, () => joinParts([headersFrame(1), dataFrame(1, new Uint8Array(5), true)])),
);
const MESSAGE = joinParts(Array.from({ length: 37 }, () => dataFrame(1, new Uint8Array(16_384))));
const feed = feeder();

Deno.bench("FrameParser.received(): 32 small calls in one read", () => feed(CALLS));
Deno.bench("FrameParser.received(): 606 kB in frames of 16 kB", () => feed(MESSAGE));
