/**
 * Reads from the `.xml` of an OpenVINO IR whether it is complete, and how many bytes its `.bin` must have.
 *
 * @module
 */

/** Bytes read at a time: few enough not to block the event loop. */
const CHUNK_BYTES = 128 * 1024;

/** A constant's range in the weights: `<data element_type="f32" shape="…" offset="0" size="12"/>`. */
const CONSTANT = /<data\b[^<>]*?\belement_type="[^<>]*?\boffset="(\d+)"[^<>]*?\bsize="(\d+)"/g;

/** The longest tag that is buffered until its end is read. */
const TAG_CHARS_MAX = 1 << 20;

/** Facts from an IR's `.xml`. */
export interface IrFacts {
  /** Whether it has the start and the end of an IR. */
  readonly isComplete: boolean;
  /** How many bytes its `.bin` needs for all constants. */
  readonly weightsBytes: number;
}

/**
 * Reads an IR's `.xml` to the end, without parsing it.
 *
 * @throws what `Deno.open` throws when it cannot be read.
 */
export async function readIrFacts(xmlPath: string): Promise<IrFacts> {
  using file = await Deno.open(xmlPath);
  const chunk = new Uint8Array(CHUNK_BYTES);
  // One char a byte, so that no character is split between reads; all patterns are ASCII.
  const decoder = new TextDecoder("latin1");
  let hasBegun = false;
  let weightsBytes = 0;
  let text = "";
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    text += decoder.decode(chunk.subarray(0, count));
    hasBegun ||= text.includes("<net");
    for (const [, offset, size] of text.matchAll(CONSTANT)) {
      weightsBytes = Math.max(weightsBytes, Number(offset) + Number(size));
    }
    text = text.slice(Math.max(text.lastIndexOf("<"), text.length - TAG_CHARS_MAX));
  }
  return { isComplete: hasBegun && text.trimEnd().endsWith("</net>"), weightsBytes };
}
