import assert from "node:assert/strict";
import type { DType } from "../../../base/tensor.ts";
import { DATA_TYPE, dataTypeName, dtypeOf } from "./data_type.ts";

Deno.test("every dtype has a number that maps back to it", () => {
  for (const dtype of Object.keys(DATA_TYPE) as DType[]) assert.equal(dtypeOf(DATA_TYPE[dtype]), dtype);
});

Deno.test("numbers of other types have a name but no dtype", () => {
  const others = { 0: "DT_INVALID", 8: "DT_COMPLEX64", 11: "DT_QINT8", 20: "DT_RESOURCE", 33: "DT_FLOAT4_E2M1FN" };
  for (const [number, name] of Object.entries({ ...others, 101: "DT_FLOAT_REF", 133: "DT_FLOAT4_E2M1FN_REF" })) {
    assert.equal(dtypeOf(Number(number)), undefined);
    assert.equal(dataTypeName(Number(number)), name);
  }
});

Deno.test("numbers without a type are their own names", () => {
  for (const number of [-1, 34, 100, 134, 1000]) {
    assert.equal(dtypeOf(number), undefined);
    assert.equal(dataTypeName(number), String(number));
  }
});
