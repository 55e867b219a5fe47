/**
 * HPACK's Huffman code (RFC 7541 section 5.2 and appendix B). The code is canonical, so its lengths define it; the decoder walks a
 * table made from them, four bits a step.
 *
 * @module
 */

/** Code length in bits of the symbols 0 to 255. The end of string, symbol 256, has 30. */
// deno-fmt-ignore
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const END_OF_STRING = 256;
const END_OF_STRING_BITS = 30;

/** A symbol's code: its bits, right-aligned, and their number. */
export interface HuffmanCode {
  readonly code: number;
  readonly bits: number;
}

/** The codes of the symbols 0 to 255, and of the end of string. */
export function huffmanCodes(): readonly HuffmanCode[] {
  const bitsOf = [...CODE_BITS, END_OF_STRING_BITS];
  const codes: HuffmanCode[] = new Array(bitsOf.length);
  let code = 0;
  for (let bits = 1; bits <= END_OF_STRING_BITS; bits++) {
    code <<= 1;
    for (let symbol = 0; symbol < bitsOf.length; symbol++) {
      if (bitsOf[symbol] === bits) codes[symbol] = { code: code++, bits };
    }
  }
  return codes;
}

// A state is an inner node of the code's tree. For each state and four bits the table holds the next state (low 9 bits), whether a
// symbol is emitted (EMITS) and which one (from bit SYMBOL_SHIFT on).
const EMITS = 1 << 9;
const SYMBOL_SHIFT = 10;
/** The step into the end of string, which no string may contain. */
const FORBIDDEN = -1;

const STEPS: Int32Array = new Int32Array(END_OF_STRING * 16);
/** States in which a string may end: at most seven bits after the last symbol, all ones. */
const MAY_END: Uint8Array = new Uint8Array(END_OF_STRING);
buildTables();

function buildTables(): void {
  const children = buildTree();
  for (let state = 0; state < END_OF_STRING; state++) {
    for (let nibble = 0; nibble < 16; nibble++) STEPS[state * 16 + nibble] = step(children, { state, nibble });
  }
  let state = 0;
  for (let ones = 0; ones < 8; ones++) {
    MAY_END[state] = 1;
    state = children[state * 2 + 1] as number;
  }
}

/** Two entries per node: the number of an inner node, or the complement of a symbol. */
function buildTree(): Int32Array {
  const children = new Int32Array(END_OF_STRING * 2);
  let nodes = 1;
  huffmanCodes().forEach(({ code, bits }, symbol) => {
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const at = node * 2 + ((code >>> bit) & 1);
      if (children[at] === 0) children[at] = nodes++;
      node = children[at] as number;
    }
    children[node * 2 + (code & 1)] = ~symbol;
  });
  return children;
}

function step(children: Int32Array, from: { state: number; nibble: number }): number {
  let node = from.state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = children[node * 2 + ((from.nibble >>> bit) & 1)] as number;
    if (node >= 0) continue;
    if (~node === END_OF_STRING) return FORBIDDEN;
    emitted = EMITS | (~node << SYMBOL_SHIFT);
    node = 0;
  }
  return node | emitted;
}

/** The largest number of bytes that `bytes` of Huffman code decode to. */
export function decodedBytesMax(bytes: number): number {
  return (bytes * 8 / 5) | 0;
}

/**
 * Decodes `source` into `target`, which has room for {@link decodedBytesMax}. Returns the number of bytes written; -1 if the string
 * contains the end-of-string symbol or its padding is not up to seven ones.
 */
export function decodeHuffman(source: Uint8Array, target: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i] as number;
    let next = STEPS[state * 16 + (byte >>> 4)] as number;
    if (next === FORBIDDEN) return -1;
    if (next & EMITS) target[length++] = next >>> SYMBOL_SHIFT;
    next = STEPS[(next & 0x1ff) * 16 + (byte & 15)] as number;
    if (next === FORBIDDEN) return -1;
    if (next & EMITS) target[length++] = next >>> SYMBOL_SHIFT;
    state = next & 0x1ff;
  }
  return MAY_END[state] === 1 ? length : -1;
}
