import assert from "node:assert/strict";
import { joinParts, type Span } from "../base/bytes.ts";
import { ConnectionError, ERROR_CODE } from "./frames.ts";
import { HeaderBlocks } from "./header_blocks.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import { testLimits } from "./testing/limits.ts";
import { requestFields } from "./testing/test_peer.ts";

function span(bytes: Uint8Array): Span {
  return { bytes: joinParts([Uint8Array.of(1, 2, 3), bytes, Uint8Array.of(4)]), start: 3, end: 3 + bytes.length };
}

function rig(limits = {}): HeaderBlocks {
  return new HeaderBlocks(testLimits(limits));
}

Deno.test("HeaderBlocks.decodeRequest() returns the same object for the same bytes", () => {
  const blocks = rig();
  const block = encodeHeaders(requestFields());
  const first = blocks.decodeRequest(span(block));
  assert.equal(typeof first, "object");
  assert.equal(blocks.decodeRequest(span(block)), first);
  const other = blocks.decodeRequest(span(encodeHeaders(requestFields({ name: "x", value: "y" }))));
  assert.notEqual(other, first);
  assert.equal(blocks.decodeRequest(span(block)), first);
});

Deno.test("HeaderBlocks.decodeRequest() does not use its cache once the dynamic table has changed", () => {
  const blocks = rig();
  const indexed = (value: string): Uint8Array =>
    joinParts([encodeHeaders(requestFields()), Uint8Array.of(0x40), encodeHeaders([{ name: "x", value }]).subarray(1)]);
  const refersToNewest = span(joinParts([encodeHeaders(requestFields()), Uint8Array.of(0x80 | 62)]));
  const valueOf = (decoded: ReturnType<HeaderBlocks["decodeRequest"]>): string | undefined =>
    typeof decoded === "object" ? decoded.fields.at(-1)?.value : undefined;
  blocks.decodeRequest(span(indexed("first")));
  const first = blocks.decodeRequest(refersToNewest);
  assert.equal(valueOf(first), "first");
  assert.equal(blocks.decodeRequest(refersToNewest), first);
  blocks.decodeRequest(span(indexed("second")));
  assert.equal(valueOf(blocks.decodeRequest(refersToNewest)), "second");
  blocks.decodeRequest(span(indexed("second")));
  blocks.decodeRequest(span(indexed("second")));
  assert.equal(valueOf(blocks.decodeRequest(refersToNewest)), "second");
});

Deno.test("HeaderBlocks.decodeRequest() distinguishes malformed from too large", () => {
  const blocks = rig({ headerFieldsMax: 10 });
  assert.equal(blocks.decodeRequest(span(encodeHeaders([{ name: "x", value: "y" }]))), "malformed");
  const many = Array.from({ length: 7 }, () => ({ name: "x", value: "y" }));
  assert.equal(blocks.decodeRequest(span(encodeHeaders(requestFields(...many)))), "too large");
});

Deno.test("HeaderBlocks.continue() assembles fragments within bounds", () => {
  const blocks = rig({ continuationsMax: 3, headerBlockBytesMax: 100 });
  const block = encodeHeaders(requestFields());
  blocks.begin(span(block.subarray(0, 5)));
  blocks.continue(span(block.subarray(5, 5)));
  blocks.continue(span(block.subarray(5, 20)));
  blocks.continue(span(block.subarray(20)));
  assert.equal(typeof blocks.decodeRequest(blocks.whole()), "object");
  const isCalm = (error: unknown): boolean =>
    error instanceof ConnectionError && error.code === ERROR_CODE.ENHANCE_YOUR_CALM;
  assert.throws(() => blocks.continue(span(new Uint8Array(1))), isCalm);
  blocks.begin(span(new Uint8Array(60)));
  assert.throws(() => blocks.continue(span(new Uint8Array(41))), isCalm);
});

Deno.test("HeaderBlocks.decodeTrailers() refuses pseudo-header fields", () => {
  const blocks = rig();
  assert.deepEqual(blocks.decodeTrailers(span(encodeHeaders([{ name: "x", value: "y" }]))), [{
    name: "x",
    value: "y",
  }]);
  assert.equal(blocks.decodeTrailers(span(encodeHeaders([{ name: ":path", value: "/" }]))), "malformed");
});
