import assert from "node:assert/strict";
import { decodedBytesMax, decodeHuffman, huffmanCodes } from "./huffman.ts";

/** Encodes bit by bit, from the codes alone; `pad` bits fill the last byte. */
function encode(symbols: Iterable<number>, pad = 1): Uint8Array {
  const codes = huffmanCodes();
  let bits = "";
  for (const symbol of symbols) {
    const code = codes[symbol];
    assert(code);
    bits += code.code.toString(2).padStart(code.bits, "0");
  }
  while (bits.length % 8 !== 0) bits += pad;
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) => parseInt(bits.slice(i * 8, i * 8 + 8), 2));
}

function decode(source: Uint8Array): Uint8Array | undefined {
  const target = new Uint8Array(decodedBytesMax(source.length));
  const length = decodeHuffman(source, target);
  return length < 0 ? undefined : target.subarray(0, length);
}

Deno.test("huffmanCodes() agrees with RFC 7541 appendix B where the code's length changes", () => {
  const codes = huffmanCodes();
  const published = [
    ["0", 0x0, 5],
    ["t", 0x9, 5],
    [" ", 0x14, 6],
    ["u", 0x2d, 6],
    [":", 0x5c, 7],
    ["z", 0x7b, 7],
    ["&", 0xf8, 8],
    ["Z", 0xfd, 8],
    ["!", 0x3f8, 10],
    ["\\", 0x7fff0, 19],
    ["\0", 0x1ff8, 13],
    ["\xff", 0x3ffffee, 26],
    ["\x16", 0x3ffffffe, 30],
  ] as const;
  for (const [character, code, bits] of published) {
    assert.deepEqual(codes[character.charCodeAt(0)], { code, bits }, JSON.stringify(character));
  }
  assert.deepEqual(codes[256], { code: 0x3fffffff, bits: 30 });
});

Deno.test("decodeHuffman() decodes every symbol before and after every other", () => {
  for (let first = 0; first < 256; first++) {
    const symbols = Array.from({ length: 512 }, (_, i) => i % 2 === 0 ? first : i >> 1);
    assert.deepEqual(decode(encode(symbols)), Uint8Array.from(symbols));
  }
});

Deno.test("decodeHuffman() decodes the strings of RFC 7541 appendix C", () => {
  const text = (hex: string): string => new TextDecoder().decode(decode(Uint8Array.fromHex(hex)));
  assert.equal(text("f1e3c2e5f23a6ba0ab90f4ff"), "www.example.com");
  assert.equal(text("a8eb10649cbf"), "no-cache");
  assert.equal(text("d07abe941054d444a8200595040b8166e082a62d1bff"), "Mon, 21 Oct 2013 20:13:21 GMT");
});

Deno.test("decodeHuffman() refuses padding of zeros, of eight bits or more, and the end of string", () => {
  assert.equal(decode(encode([0x61], 0)), undefined);
  assert.equal(decode(Uint8Array.of(0xff)), undefined);
  assert.equal(decode(Uint8Array.of(...encode([0x61]), 0xff)), undefined);
  assert.equal(decode(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), undefined);
  assert.equal(decode(encode([0x61, 256, 0x61])), undefined);
  assert.deepEqual(decode(new Uint8Array(0)), new Uint8Array(0));
});
