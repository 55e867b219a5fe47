import assert from "node:assert/strict";
import { randomBelow, randomFraction, testSeed } from "../base/testing/random.ts";
import { NUMBER_BYTES_MAX, NumberWriter } from "./number_writer.ts";

function write(put: (numbers: NumberWriter) => void): string {
  const numbers = new NumberWriter();
  const room = new Uint8Array(NUMBER_BYTES_MAX);
  numbers.attach(room, 0);
  put(numbers);
  assert(numbers.position <= NUMBER_BYTES_MAX);
  return new TextDecoder().decode(room.subarray(0, numbers.position));
}

const floatText = (value: number): string => write((numbers) => numbers.float(Math.fround(value)));
const doubleText = (value: number): string => write((numbers) => numbers.double(value));

Deno.test("float() writes like C's %g: six digits, or nine where six are not exact", () => {
  // Output of printf, with the %.6g or %.9g that strtof reads back.
  const cases: readonly (readonly [number, string])[] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-2.5, "-2.5"],
    [100000, "100000.0"],
    [999999, "999999.0"],
    [1e6, "1e+06"],
    [9e6, "9e+06"],
    [1234567, "1234567.0"],
    [123456789, "123456792.0"],
    [1234567890, "1.23456794e+09"],
    [0.0001, "0.0001"],
    [0.00012345678, "0.000123456775"],
    [0.00001, "1e-05"],
    [1 / 3, "0.333333343"],
    [0.1, "0.1"],
    [16777216, "16777216.0"],
    // Half-way between two numbers of nine digits: the even one.
    [1048576.125, "1048576.12"],
    [1048576.375, "1048576.38"],
    [3.4028234663852886e38, "3.40282347e+38"],
    [1.401298464324817e-45, "1.4013e-45"],
    [1.17549435e-38, "1.17549435e-38"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
    [-Infinity, "-Infinity"],
  ];
  for (const [value, text] of cases) assert.equal(floatText(value), text);
});

Deno.test("double() writes like C's %g: six digits, or seventeen where six are not exact", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0.0"],
    [-1.5, "-1.5"],
    [1e6, "1e+06"],
    [0.1, "0.1"],
    [0.1 + 0.2, "0.30000000000000004"],
    [2 ** 53, "9007199254740992.0"],
    [1 / 3, "0.33333333333333331"],
    [1e300, "1e+300"],
    [5e-324, "4.94066e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    // Half-way between two numbers of seventeen digits: the even one.
    [26215 / 2 ** 18, "0.10000228881835938"],
    [1125899906842624.25, "1125899906842624.2"],
    [NaN, "NaN"],
  ];
  for (const [value, text] of cases) assert.equal(doubleText(value), text);
});

Deno.test("Every floating-point number survives writing and reading, and has a point or an exponent", () => {
  const below = randomBelow(testSeed());
  const bits = new Uint32Array(2);
  const float = new Float32Array(bits.buffer);
  const double = new Float64Array(bits.buffer);
  for (let i = 0; i < 20_000; i++) {
    bits[0] = below(2 ** 32);
    bits[1] = below(2 ** 32);
    for (
      const value of [float[0] as number, Math.fround(randomFraction(below)), Math.fround(randomFraction(below) * 1e6)]
    ) {
      if (!Number.isFinite(value)) continue;
      const text = floatText(value);
      assert(Object.is(Math.fround(Number(text)), value), `${value} was written as ${text}`);
      assert.match(text, /^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]{2,3})?$/);
      assert.match(text, /[.e]/);
    }
    const value = double[0] as number;
    if (Number.isFinite(value)) assert(Object.is(Number(doubleText(value)), value), String(value));
  }
});

Deno.test("Integers are written in full", () => {
  for (const value of [0, 7, -1, 10, 99999, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 53 - 1, -(2 ** 53) + 1]) {
    assert.equal(write((numbers) => numbers.integer(value)), String(value));
  }
  for (const value of [0n, -5n, 2n ** 53n, 2n ** 64n - 1n, -(2n ** 63n)]) {
    assert.equal(write((numbers) => numbers.bigInteger(value)), String(value));
  }
});
