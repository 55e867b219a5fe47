import { HeaderBlocks } from "./header_blocks.ts";
import { encodeHeaders } from "./hpack/encoder.ts";
import { testLimits } from "./testing/limits.ts";
import { requestFields } from "./testing/test_peer.ts";

const FIELDS = requestFields(
  { name: "te", value: "trailers" },
  { name: "content-type", value: "application/grpc" },
  { name: "user-agent", value: "bench/1.0" },
  { name: "grpc-timeout", value: "4999996u" },
);
const BLOCK = encodeHeaders(FIELDS);
const SAME = { bytes: BLOCK, start: 0, end: BLOCK.length };
const blocks = new HeaderBlocks(testLimits());
const LAST_DIGIT = BLOCK.length - 2;
const HUFFMAN = Uint8Array.fromHex("828684418cf1e3c2e5f23a6ba0ab90f4ff");
let digit = 0;

Deno.bench("HeaderBlocks.decodeRequest(): the block of the request before", () => {
  blocks.decodeRequest(SAME);
});

Deno.bench("HeaderBlocks.decodeRequest(): a block not seen before", () => {
  BLOCK[LAST_DIGIT] = 0x30 + (digit = (digit + 1) % 10);
  blocks.decodeRequest(SAME);
});

Deno.bench("HeaderBlocks.decodeTrailers(): Huffman code entering the table", () => {
  blocks.decodeTrailers({ bytes: HUFFMAN, start: 0, end: HUFFMAN.length });
});

Deno.bench("encodeHeaders(): a request", () => {
  encodeHeaders(FIELDS);
});
