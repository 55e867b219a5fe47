/**
 * Reads TensorFlow's record files, a sequence of length, checksum, record, checksum (tensorflow/core/lib/io/record_reader.cc).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";

/** The length before a record, and its checksum. */
const HEAD_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** Bytes read and checksummed at a time: few enough not to block the event loop. */
const CHUNK_BYTES = 128 * 1024;
/** Added to a checksum that is stored with its data. */
const MASK_DELTA = 0xa282ead8;
/** The polynomial of CRC-32C (RFC 3720, appendix B.4), bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/**
 * Reads a file's records one after the other.
 *
 * @returns each record's bytes, which belong to the caller.
 * @throws {ServingError} DATA_LOSS for a truncated or damaged record; what `Deno.open` throws when the file cannot be read.
 */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  for (let offset = 0; offset < size;) {
    const head = await readSummed(file, HEAD_BYTES - CHECKSUM_BYTES, offset);
    const bytes = Number(new DataView(head.buffer).getBigUint64(0, true));
    if (bytes > size - offset - HEAD_BYTES - CHECKSUM_BYTES) throw truncated(offset);
    yield await readSummed(file, bytes, offset);
    offset += HEAD_BYTES + bytes + CHECKSUM_BYTES;
  }
}

/** Reads bytes and checks the checksum that follows them. */
async function readSummed(file: Deno.FsFile, count: number, recordOffset: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  let crc = CRC_START;
  for (let filled = 0; filled < count;) {
    const read = await file.read(bytes.subarray(filled, filled + CHUNK_BYTES));
    if (read === null) throw truncated(recordOffset);
    crc = addToCrc(crc, bytes.subarray(filled, filled + read));
    filled += read;
  }
  const checksum = new Uint8Array(CHECKSUM_BYTES);
  for (let filled = 0; filled < CHECKSUM_BYTES;) {
    const read = await file.read(checksum.subarray(filled));
    if (read === null) throw truncated(recordOffset);
    filled += read;
  }
  if (new DataView(checksum.buffer).getUint32(0, true) === masked(crc)) return bytes;
  throw new ServingError(CODE.DATA_LOSS, `corrupted record at ${recordOffset}`);
}

const CRC_START = 0xffffffff;

function addToCrc(crc: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return crc;
}

/** The checksum as stored in the file: inverted, rotated right by 15 bits, plus a constant. */
function masked(crc: number): number {
  const inverted = ~crc;
  return (((inverted >>> 15) | (inverted << 17)) + MASK_DELTA) >>> 0;
}

function truncated(offset: number): ServingError {
  return new ServingError(CODE.DATA_LOSS, `truncated record at ${offset}`);
}
