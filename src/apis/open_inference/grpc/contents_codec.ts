/**
 * InferTensorContents: the elements of a tensor in the field of its datatype (protos/inference/grpc_service.proto).
 *
 * @module
 */
import type { MalformedTensor } from "../../../base/signature.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import { type DType, DTYPE_BYTES, type NumericDType, type Tensor } from "../../../base/tensor.ts";
import { checkPackedRun, decodeValues, isVerbatim, type Run, viewValues } from "../../../protobuf/value_codec.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { DATATYPE } from "../datatype.ts";
import { malformedInput } from "../infer_request.ts";

/** More pieces than any encoder leaves values in. */
const RUNS_MAX = 1 << 16;
/** The field of InferTensorContents that holds the elements of each dtype; undefined where there is none. */
const CONTENTS_FIELD: Readonly<Record<DType, number | undefined>> = {
  bool: 1,
  i8: 2,
  i16: 2,
  i32: 2,
  i64: 3,
  u8: 4,
  u16: 4,
  u32: 4,
  u64: 5,
  f32: 6,
  f64: 7,
  string: 8,
  f16: undefined,
  bf16: undefined,
};

/** The wire type of a single value of each field of InferTensorContents, by number. */
const CONTENTS_WIRE: readonly (number | undefined)[] = [
  undefined,
  WIRE.VARINT,
  WIRE.VARINT,
  WIRE.VARINT,
  WIRE.VARINT,
  WIRE.VARINT,
  WIRE.FIXED32,
  WIRE.FIXED64,
  WIRE.LENGTH,
];

/** Dtypes narrower than the field that carries them, with the values they hold. */
const NARROW: Readonly<
  Partial<Record<DType, { readonly wide: "i32" | "u32"; readonly min: number; readonly max: number }>>
> = {
  i8: { wide: "i32", min: -0x80, max: 0x7f },
  i16: { wide: "i32", min: -0x8000, max: 0x7fff },
  u8: { wide: "u32", min: 0, max: 0xff },
  u16: { wide: "u32", min: 0, max: 0xffff },
};

/**
 * Notes where the values of a message lie, after those of an earlier part of it; which of them are meant is known only with the datatype.
 *
 * @throws {ServingError} INVALID_ARGUMENT when it is not protobuf; RESOURCE_EXHAUSTED for too many pieces.
 */
export function readContents(reader: WireReader, before: Run[] | undefined): Run[] {
  const runs = before ?? [];
  while (reader.position < reader.limit) {
    const start = reader.position;
    const tag = reader.readTag();
    const field = tag >>> 3;
    const wireType = CONTENTS_WIRE[field];
    if (wireType === undefined) {
      reader.skip(tag);
    } else if (wireType === (tag & 7)) {
      reader.skip(tag);
      const last = runs[runs.length - 1];
      if (last !== undefined && last.field === field && !last.isPacked && last.end === start) {
        last.end = reader.position;
      } else addRun(runs, { field, isPacked: false, start, end: reader.position });
    } else if ((tag & 7) === WIRE.LENGTH) {
      const length = reader.readLength();
      const run = { field, isPacked: true, start: reader.position, end: reader.position + length };
      checkPackedRun(reader.bytes, run, wireType);
      reader.position = run.end;
      addRun(runs, run);
    } else {
      reader.skip(tag);
    }
  }
  return runs;
}

function addRun(runs: Run[], run: Run): void {
  if (runs.length === RUNS_MAX) {
    throw new ServingError(CODE.RESOURCE_EXHAUSTED, `A tensor's values lie in more than ${RUNS_MAX} pieces`);
  }
  runs.push(run);
}

/** What typed contents are of: an input with `count` elements by its shape. */
export interface TypedInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly count: number;
}

/** The tensor whose values lie in `runs` of a message, which a tensor of floats may borrow. */
export function tensorFrom(
  message: Uint8Array,
  runs: readonly Run[],
  { name, dtype, shape, count }: TypedInput,
): Tensor | MalformedTensor {
  const datatype = DATATYPE[dtype];
  const field = CONTENTS_FIELD[dtype];
  if (field === undefined) return malformedInput(name, `of ${datatype} has no typed contents: use raw_input_contents`);
  const other = runs.find((run) => run.field !== field);
  if (other !== undefined) {
    return malformedInput(name, `of ${datatype} has its contents in the field of another datatype`);
  }
  const found = countValues(message, runs);
  // Counted before anything is allocated: a shape may claim what it likes.
  if (found !== count) {
    const claimed = `has the shape [${shape}] of ${count} elements`;
    return malformedInput(name, found === 0 ? `${claimed} and no data` : `${claimed}, but ${found} of them`);
  }
  if (dtype === "string") return { dtype, shape, strings: readStrings(message, runs, count) };
  const source = { message, runs, field };
  if (isVerbatim(dtype)) {
    const bytes = viewValues(source, { dtype, count }) ?? decodeValues(source, { dtype, count });
    return { dtype, shape, bytes };
  }
  const narrow = NARROW[dtype];
  if (narrow === undefined) return { dtype, shape, bytes: decodeValues(source, { dtype, count }) };
  const wide = decodeValues(source, { dtype: narrow.wide, count });
  const values = narrow.wide === "i32" ? new Int32Array(wide.buffer) : new Uint32Array(wide.buffer);
  const outside = values.find((value) => value < narrow.min || value > narrow.max);
  if (outside !== undefined) {
    return malformedInput(name, `of ${datatype} has the value ${outside}, which is out of range`);
  }
  return { dtype, shape, bytes: narrowed(dtype, values) };
}

/** The low bytes of each value. */
function narrowed(dtype: NumericDType, values: Int32Array | Uint32Array): Uint8Array {
  const elements = DTYPE_BYTES[dtype] === 1 ? Uint8Array.from(values) : Uint16Array.from(values);
  return new Uint8Array(elements.buffer);
}

/** How many values runs hold. */
function countValues(message: Uint8Array, runs: readonly Run[]): number {
  let count = 0;
  for (const run of runs) {
    const wireType = CONTENTS_WIRE[run.field];
    if (!run.isPacked) {
      const reader = new WireReader(message);
      reader.position = run.start;
      reader.limit = run.end;
      for (; reader.position < run.end; count++) reader.skip(reader.readTag());
    } else if (wireType === WIRE.FIXED32) count += (run.end - run.start) / 4;
    else if (wireType === WIRE.FIXED64) count += (run.end - run.start) / 8;
    else for (let i = run.start; i < run.end; i++) if ((message[i] as number) < 0x80) count++;
  }
  return count;
}

function readStrings(message: Uint8Array, runs: readonly Run[], count: number): Uint8Array[] {
  const strings: Uint8Array[] = new Array(count);
  const reader = new WireReader(message);
  let i = 0;
  for (const run of runs) {
    reader.position = run.start;
    reader.limit = run.end;
    while (reader.position < run.end) {
      reader.readTag();
      strings[i++] = reader.readView();
    }
  }
  return strings;
}
