import assert from "node:assert/strict";
import { joinParts } from "../../../base/bytes.ts";
import type { MalformedTensor } from "../../../base/signature.ts";
import { CODE } from "../../../base/status.ts";
import type { NumericTensor, StringTensor, Tensor } from "../../../base/tensor.ts";
import { TensorReader, writeTensor } from "./tensor_codec.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import { lengthField, message, numberField, varint } from "../../../protobuf/testing/wire_messages.ts";
import { WireWriter } from "../../../protobuf/wire_writer.ts";

const BYTES_MAX = 1 << 20;

/** TensorProto's dtype and tensor_shape. */
function head(dataType: number, shape: readonly (number | bigint)[]): number[] {
  const dims = shape.map((size) => lengthField(2, numberField(1, size)));
  return [...numberField(1, dataType), ...lengthField(2, ...dims)];
}

function decode(...fields: number[][]): Tensor | MalformedTensor {
  return decodeWithin(BYTES_MAX, ...fields);
}

function decodeWithin(bytesLeft: number, ...fields: number[][]): Tensor | MalformedTensor {
  const bytes = message(...fields);
  const tensorReader = new TensorReader();
  tensorReader.read(new WireReader(bytes));
  return tensorReader.tensor(bytes, { name: "x", budget: { bytesLeft } });
}

function numbers(tensor: Tensor | MalformedTensor): number[] {
  assert(tensor.dtype !== "malformed" && tensor.dtype !== "string", tensor.dtype);
  return [...tensor.bytes];
}

function floats(tensor: Tensor | MalformedTensor): number[] {
  return [...new Float32Array(Uint8Array.from(numbers(tensor)).buffer)];
}

function texts(tensor: Tensor | MalformedTensor): string[] {
  assert(tensor.dtype === "string", tensor.dtype);
  return tensor.strings.map((bytes) => new TextDecoder().decode(bytes));
}

function assertMalformed(tensor: Tensor | MalformedTensor, sentence = "tensor parsing error: x"): void {
  assert(tensor.dtype === "malformed", tensor.dtype);
  assert.equal(tensor.error.code, CODE.INVALID_ARGUMENT);
  assert.equal(tensor.error.message, sentence);
}

const FLOATS = [...new Uint8Array(Float32Array.of(1, 2, 3).buffer)];

Deno.test("tensor_content becomes a view of the message", () => {
  const bytes = message(head(1, [3]), lengthField(4, FLOATS));
  const reader = new TensorReader();
  reader.read(new WireReader(bytes));
  const tensor = reader.tensor(bytes, { name: "x", budget: { bytesLeft: 0 } }) as NumericTensor;
  assert.equal(tensor.bytes.buffer, bytes.buffer);
  assert.deepEqual(tensor.shape, [3]);
  assert.deepEqual(floats(tensor), [1, 2, 3]);
});

Deno.test("packed floats become a view of the message, which ends with the shape if there are too many", () => {
  const bytes = message(head(1, [2]), lengthField(5, FLOATS));
  const reader = new TensorReader();
  reader.read(new WireReader(bytes));
  const tensor = reader.tensor(bytes, { name: "x", budget: { bytesLeft: 0 } }) as NumericTensor;
  assert.equal(tensor.bytes.buffer, bytes.buffer);
  assert.deepEqual(floats(tensor), [1, 2]);
});

Deno.test("floats may be packed, single and in pieces", () => {
  const single = (index: number) => [5 << 3 | WIRE.FIXED32, ...FLOATS.slice(4 * index, 4 * index + 4)];
  for (
    const fields of [
      [single(0), single(1), single(2)],
      [lengthField(5, FLOATS.slice(0, 8)), single(2)],
      [single(0), numberField(3, 0), single(1), lengthField(5, FLOATS.slice(8))],
      [lengthField(6, FLOATS, FLOATS.slice(0, 4)), lengthField(5, FLOATS)],
    ]
  ) {
    assert.deepEqual(floats(decode(head(1, [3]), ...fields)), [1, 2, 3]);
  }
});

Deno.test("every dtype is read from its own field, packed or single", () => {
  const cases: [dataType: number, field: number, values: (number | bigint)[], bytes: number[]][] = [
    [3, 7, [-2, 70000], [0xfe, 0xff, 0xff, 0xff, 0x70, 0x11, 0x01, 0]],
    [4, 7, [1, 255], [1, 255]],
    [5, 7, [-2, 300], [0xfe, 0xff, 0x2c, 0x01]],
    [6, 7, [-2, 127], [0xfe, 0x7f]],
    [9, 10, [-2, 2n ** 40n], [0xfe, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 1, 0, 0]],
    [10, 11, [1, 0], [1, 0]],
    [14, 13, [0x3f80, 0x4000], [0x80, 0x3f, 0x00, 0x40]],
    [17, 7, [65535, 2], [0xff, 0xff, 2, 0]],
    [19, 13, [0x3c00, 0xc000], [0x00, 0x3c, 0x00, 0xc0]],
    [22, 16, [2 ** 32 - 1, 1], [255, 255, 255, 255, 1, 0, 0, 0]],
    [23, 17, [2n ** 64n - 1n, 1], [255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0]],
  ];
  for (const [dataType, field, values, bytes] of cases) {
    const packed = lengthField(field, ...values.map(varint));
    const singles = values.flatMap((value) => numberField(field, value));
    for (const run of [packed, singles]) {
      assert.deepEqual(numbers(decode(head(dataType, [2]), run)), bytes, `data type ${dataType}`);
    }
  }
});

Deno.test("integers too large for the dtype keep their lower bits, and a bool is true unless zero", () => {
  assert.deepEqual(numbers(decode(head(4, [3]), lengthField(7, varint(256), varint(257), varint(-1)))), [0, 1, 255]);
  assert.deepEqual(numbers(decode(head(5, [1]), lengthField(7, varint(65536 + 5)))), [5, 0]);
  assert.deepEqual(numbers(decode(head(19, [1]), lengthField(13, varint(-1)))), [255, 255]);
  const bools = [varint(0), varint(2), varint(256), varint(2n ** 40n)];
  assert.deepEqual(numbers(decode(head(10, [4]), lengthField(11, ...bools))), [0, 1, 1, 1]);
  assert.deepEqual(numbers(decode(head(10, [2]), numberField(11, 2n ** 40n), numberField(11, 0))), [1, 0]);
});

Deno.test("one value fills the shape, and the last of several fills the rest", () => {
  assert.deepEqual(floats(decode(head(1, [2, 3]), lengthField(5, FLOATS.slice(8)))), [3, 3, 3, 3, 3, 3]);
  assert.deepEqual(floats(decode(head(1, [5]), lengthField(5, FLOATS))), [1, 2, 3, 3, 3]);
  assert.deepEqual(numbers(decode(head(4, [7]), lengthField(7, [1, 2]))), [1, 2, 2, 2, 2, 2, 2]);
  assert.deepEqual(numbers(decode(head(9, [2]), numberField(10, 5))), [5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(texts(decode(head(7, [3]), lengthField(8, "a"), lengthField(8, "b"))), ["a", "b", "b"]);
});

Deno.test("a tensor without values, or with values in another dtype's field, is zeros", () => {
  assert.deepEqual(numbers(decode(head(3, [2]))), [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(floats(decode(head(1, [2]), lengthField(7, [1, 2]))), [0, 0]);
  assert.deepEqual(texts(decode(head(7, [2]))), ["", ""]);
});

Deno.test("extra values are ignored", () => {
  assert.deepEqual(numbers(decode(head(4, [2]), lengthField(7, [1, 2, 3]))), [1, 2]);
  assert.deepEqual(numbers(decode(head(4, [2]), numberField(7, 1), lengthField(7, [2, 3]), numberField(7, 4))), [1, 2]);
  assert.deepEqual(texts(decode(head(7, []), lengthField(8, "a"), lengthField(8, "b"))), ["a"]);
});

Deno.test("tensor_content overrides typed values unless it is empty", () => {
  assert.deepEqual(numbers(decode(head(4, [2]), lengthField(7, [1, 2]), lengthField(4, [3, 4]))), [3, 4]);
  assert.deepEqual(numbers(decode(head(4, [2]), lengthField(4), lengthField(7, [1, 2]))), [1, 2]);
});

Deno.test("tensor_content that does not match the shape is rejected with TensorFlow Serving's error", () => {
  assertMalformed(decode(head(1, [2]), lengthField(4, FLOATS)));
  assertMalformed(decode(head(1, [4]), lengthField(4, FLOATS)));
});

Deno.test("tensor_content of strings is all lengths followed by all strings", () => {
  const content = lengthField(4, varint(1), varint(0), varint(130), "a", "b".repeat(130));
  assert.deepEqual(texts(decode(head(7, [3]), content)), ["a", "", "b".repeat(130)]);
  for (const bytes of [[1], [1, 1, 65], [1, 1, 65, 66, 67], [0x80, 0x80]]) {
    assertMalformed(decode(head(7, [2]), lengthField(4, bytes)));
  }
});

Deno.test("a scalar has no dimensions, and unknown_rank is ignored", () => {
  assert.deepEqual(decode(numberField(1, 4), numberField(7, 5)), { dtype: "u8", shape: [], bytes: Uint8Array.of(5) });
  const unknownRank = lengthField(2, numberField(3, 1));
  assert.deepEqual(numbers(decode(numberField(1, 4), unknownRank, numberField(7, 5))), [5]);
});

Deno.test("a tensor without elements has no bytes, whatever its values", () => {
  assert.deepEqual(decode(head(1, [2, 0, 3]), lengthField(4, FLOATS)), {
    dtype: "f32",
    shape: [2, 0, 3],
    bytes: new Uint8Array(0),
  });
  assert.deepEqual(decode(head(7, [0]), lengthField(8, "a")), { dtype: "string", shape: [0], strings: [] });
});

Deno.test("shapes that no tensor can have are rejected with TensorFlow Serving's error", () => {
  for (const shape of [[-1], [2, -1], [2n ** 62n, 4], [2 ** 32, 2 ** 32], new Array(255).fill(1)]) {
    assertMalformed(decode(head(1, shape)));
  }
});

Deno.test("unsupported data types are rejected by name", () => {
  assertMalformed(decode(head(0, [1])));
  const names = {
    8: "DT_COMPLEX64",
    12: "DT_QUINT8",
    20: "DT_RESOURCE",
    21: "DT_VARIANT",
    101: "DT_FLOAT_REF",
    77: "77",
  };
  for (const [dataType, name] of Object.entries(names)) {
    assertMalformed(decode(head(Number(dataType), [1])), `Tensor x has dtype ${name}, which is not supported`);
  }
});

Deno.test("a tensor cannot allocate more than the budget, whose rest remains for the next tensor", () => {
  const huge = decode(head(1, [2 ** 50]), lengthField(5, FLOATS.slice(0, 4)));
  assert(huge.dtype === "malformed");
  assert.equal(huge.error.code, CODE.RESOURCE_EXHAUSTED);
  assert.match(
    huge.error.message,
    /^Tensor x takes 4503599627370496 bytes of memory, 1048576 are left to the request$/,
  );
  const strings = decode(head(7, [2 ** 30]));
  assert(strings.dtype === "malformed" && strings.error.code === CODE.RESOURCE_EXHAUSTED);

  const budget = { bytesLeft: 100 };
  const bytes = message(head(1, [20]), lengthField(5, FLOATS));
  const reader = new TensorReader();
  reader.read(new WireReader(bytes));
  assert.equal(reader.tensor(bytes, { name: "x", budget }).dtype, "f32");
  assert.equal(budget.bytesLeft, 20);
  assert.equal(reader.tensor(bytes, { name: "y", budget }).dtype, "malformed");
});

Deno.test("parts of one tensor merge: the last dtype and content, the dimensions and values of all", () => {
  const tensor = decode(
    head(3, [2]),
    lengthField(7, [1, 2]),
    head(4, [2]),
    lengthField(7, [3]),
    numberField(7, 4),
  );
  assert.deepEqual(tensor, { dtype: "u8", shape: [2, 2], bytes: Uint8Array.of(1, 2, 3, 4) });
  assert.deepEqual(numbers(decode(head(4, [1]), lengthField(4, [1, 2]), lengthField(4, [3]))), [3]);
});

Deno.test("unknown fields and known fields of another wire type are skipped", () => {
  const tensor = decode(
    numberField(99, 1),
    head(4, [1]),
    lengthField(9, FLOATS),
    lengthField(14, "handle"),
    numberField(5, 1),
    lengthField(1, "x"),
    numberField(2, 1),
    numberField(4, 1),
    lengthField(2, numberField(9, 1)),
    lengthField(7, [6]),
  );
  assert.deepEqual(numbers(tensor), [6]);
});

Deno.test("a packed field that ends inside a value is rejected, whatever the dtype", () => {
  for (const run of [lengthField(5, [1, 2, 3]), lengthField(6, FLOATS.slice(0, 4)), lengthField(7, [1, 0x80])]) {
    assert.throws(() => decode(head(4, [1]), run), /Cannot parse message: a packed field ends inside a value/);
  }
  const long = lengthField(7, [...new Array(10).fill(0x80), 0]);
  assert.throws(() => decode(head(4, [1]), long), /more than ten bytes/);
  assert.throws(() => decode(head(9, [1]), lengthField(10, [...new Array(10).fill(0x80), 0])), /more than ten bytes/);
});

function encode(tensor: Tensor, asTensorContent = false): Uint8Array {
  const writer = new WireWriter();
  writeTensor(writer, tensor, { asTensorContent });
  return joinParts(writer.finish());
}

Deno.test("a tensor is encoded in the order dtype, shape, values, with the shape even if empty", () => {
  const scalar: Tensor = { dtype: "u8", shape: [], bytes: Uint8Array.of(200) };
  assert.deepEqual(encode(scalar), message(head(4, []), lengthField(7, varint(200))));
  assert.deepEqual(encode(scalar, true), message(head(4, []), lengthField(4, [200])));
  const empty: Tensor = { dtype: "f32", shape: [2, 0], bytes: new Uint8Array(0) };
  assert.deepEqual(
    encode(empty),
    message(numberField(1, 1), lengthField(2, lengthField(2, numberField(1, 2)), [18, 0])),
  );
});

Deno.test("negative integers are encoded with ten bytes, 16-bit floats as their bits, bools as 0 and 1", () => {
  assert.deepEqual(
    encode({ dtype: "i8", shape: [3], bytes: Uint8Array.of(0xff, 0x80, 5) }),
    message(head(6, [3]), lengthField(7, varint(-1), varint(-128), varint(5))),
  );
  assert.deepEqual(
    encode({ dtype: "i16", shape: [2], bytes: Uint8Array.of(0, 0x80, 0xff, 0x7f) }),
    message(head(5, [2]), lengthField(7, varint(-32768), varint(32767))),
  );
  assert.deepEqual(
    encode({ dtype: "i32", shape: [2], bytes: new Uint8Array(Int32Array.of(-(2 ** 31), 2 ** 31 - 1).buffer) }),
    message(head(3, [2]), lengthField(7, varint(-(2 ** 31)), varint(2 ** 31 - 1))),
  );
  assert.deepEqual(
    encode({ dtype: "f16", shape: [1], bytes: Uint8Array.of(0x00, 0xc0) }),
    message(head(19, [1]), lengthField(13, varint(0xc000))),
  );
  assert.deepEqual(
    encode({ dtype: "bool", shape: [3], bytes: Uint8Array.of(0, 1, 255) }),
    message(head(10, [3]), lengthField(11, [0, 1, 1])),
  );
});

Deno.test("64-bit integers of every length are encoded", () => {
  const values = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)];
  for (let bits = 1n; bits < 63n; bits++) values.push(2n ** bits, 2n ** bits - 1n, -(2n ** bits));
  const bytes = new Uint8Array(BigInt64Array.from(values).buffer);
  const shape = [values.length];
  assert.deepEqual(
    encode({ dtype: "i64", shape, bytes }),
    message(head(9, shape), lengthField(10, ...values.map(varint))),
  );
  const unsigned = values.map((value) => BigInt.asUintN(64, value));
  assert.deepEqual(
    encode({ dtype: "u64", shape, bytes }),
    message(head(23, shape), lengthField(17, ...unsigned.map(varint))),
  );
});

Deno.test("unaligned bytes are encoded like any others", () => {
  const memory = new Uint8Array(20);
  for (const [dtype, elementBytes] of [["i16", 2], ["u32", 4], ["i64", 8], ["f32", 4]] as const) {
    for (let offset = 0; offset < 4; offset++) {
      const bytes = memory.subarray(offset, offset + elementBytes);
      bytes.fill(7);
      const shape = [1];
      assert.deepEqual(encode({ dtype, shape, bytes }), encode({ dtype, shape, bytes: bytes.slice() }));
    }
  }
});

Deno.test("strings are encoded as one field each, or as all lengths followed by all strings", () => {
  const tensor: StringTensor = { dtype: "string", shape: [2], strings: [Uint8Array.of(97), new Uint8Array(0)] };
  assert.deepEqual(encode(tensor), message(head(7, [2]), lengthField(8, "a"), lengthField(8)));
  assert.deepEqual(encode(tensor, true), message(head(7, [2]), lengthField(4, [1, 0, 97])));
});

Deno.test("more values than fit a chunk survive encoding and decoding", () => {
  const bytes = new Uint8Array(8 * 5000);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  for (const [dtype, shape] of [["i64", [5000]], ["u32", [10_000]], ["i16", [20_000]], ["u8", [40_000]]] as const) {
    const encoded = encode({ dtype, shape, bytes });
    const reader = new TensorReader();
    reader.read(new WireReader(encoded));
    assert.deepEqual(reader.tensor(encoded, { name: "x", budget: { bytesLeft: BYTES_MAX } }), { dtype, shape, bytes });
  }
});
