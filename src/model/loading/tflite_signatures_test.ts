import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { servingError } from "../testing/loading.ts";
import { readTfliteSignatures } from "./tflite_signatures.ts";

const PLAIN = new URL("../../../tests/models/formats/tflite/1/model.tflite", import.meta.url);
const SIGNED = new URL("../../../tests/models/saved_models/tflite_signatures/1/model.tflite", import.meta.url);

Deno.test("readTfliteSignatures() reads the signatures of TensorFlow Serving's metadata", async () => {
  const signatures = readTfliteSignatures(await Deno.readFile(SIGNED));
  assert.deepEqual([...signatures], [["serving_default", {
    inputs: new Map([["x", "tflite_input"]]),
    outputs: new Map([["y", "y"]]),
    methodName: "tensorflow/serving/predict",
  }]]);
});

Deno.test("readTfliteSignatures() finds none in a file without any, or the file's own", async () => {
  for (const { inputs } of readTfliteSignatures(await Deno.readFile(PLAIN)).values()) {
    assert.deepEqual([...inputs.keys()], ["x"]);
  }
});

Deno.test("readTfliteSignatures() ends with DATA_LOSS or an answer for a file that is cut short or changed", async () => {
  const whole = await Deno.readFile(SIGNED);
  let refused = 0;
  const read = (bytes: Uint8Array): void => {
    try {
      readTfliteSignatures(bytes);
    } catch (error) {
      refused++;
      assert.ok(servingError(CODE.DATA_LOSS, /it is damaged$/)(error), String(error));
    }
  };
  for (let length = 0; length < whole.length; length++) read(whole.subarray(0, length));
  for (let at = 0; at < whole.length; at++) read(whole.with(at, 255 - (whole[at] as number)));
  assert.ok(refused > 100);
});
