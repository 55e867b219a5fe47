import assert from "node:assert/strict";
import { FRAME, readUint24, readUint31, readUint32, writeFrameHeader, writeUint32 } from "./frames.ts";

Deno.test("writeFrameHeader() lays a header out as RFC 9113 section 4.1 draws it", () => {
  const bytes = new Uint8Array(11);
  writeFrameHeader(bytes, 1, { length: 0x123456, type: FRAME.PING, flags: 0x25, streamId: 0x7abcdef0 });
  assert.deepEqual(bytes, Uint8Array.of(0, 0x12, 0x34, 0x56, 6, 0x25, 0x7a, 0xbc, 0xde, 0xf0, 0));
});

Deno.test("readUint24(), readUint31() and readUint32() read network order without sign", () => {
  const bytes = Uint8Array.of(0, 0xff, 0xfe, 0xfd, 0xfc);
  assert.equal(readUint24(bytes, 1), 0xfffefd);
  assert.equal(readUint32(bytes, 1), 0xfffefdfc);
  assert.equal(readUint31(bytes, 1), 0x7ffefdfc);
  writeUint32(bytes, 1, { value: 2 ** 32 - 2 });
  assert.equal(readUint32(bytes, 1), 2 ** 32 - 2);
});
