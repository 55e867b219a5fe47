/** Integers past 32 bits, with the whole program: rejected unless a flag says otherwise, and never if nothing is computed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { PlainAnswer, PlainTensor } from "../apis/tensorflow_serving/contract/contract_case.ts";
import { askOverGrpc } from "../apis/tensorflow_serving/contract/grpc_front_end.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { Server } from "../support/server.ts";

const WIDE = fileURLToPath(new URL("../apis/tensorflow_serving/contract/models/wide", import.meta.url));
const ARITHMETIC = fileURLToPath(new URL("../apis/tensorflow_serving/contract/models/arithmetic", import.meta.url));

function one(dtype: PlainTensor["dtype"], value: bigint): PlainTensor {
  return { dtype, shape: [1], values: [value] };
}

async function doubled(args: readonly string[], i64: bigint): Promise<PlainAnswer> {
  await using server = await Server.start(["model", "--model_name", "wide", "--model_path", WIDE, ...args]);
  using client = new PredictionClient(server.address);
  const inputs = { i64: one("i64", i64), u64: one("u64", 1n), u32: one("u32", 1n) };
  return await askOverGrpc(client, { api: "predict", spec: { name: "wide" }, inputs, outputFilter: ["i64_out"] });
}

Deno.test("An integer that OpenVINO would compute wrong is rejected with its input's name and value", async () => {
  assert.deepEqual(await doubled([], 2n ** 33n), {
    code: "INVALID_ARGUMENT",
    message: "Invalid input value - Expected: -2147483648 to 2147483647, since the runtime computes I64 in 32 bits; " +
      "Actual: 8589934592; input name: i64",
  });
});

Deno.test("--check_integer_range=false passes such integers to OpenVINO, which computes with their lower 32 bits", async () => {
  const answer = await doubled(["--check_integer_range=false"], 2n ** 33n + 5n);
  assert("outputs" in answer);
  assert.deepEqual(answer.outputs.i64_out, one("i64", 10n));
});

Deno.test("Loading a model logs doubles that OpenVINO computes as floats", async () => {
  await using server = await Server.start(["model", "--model_name", "a", "--model_path", ARITHMETIC]);
  assert.match(server.log, /The input f64 is f64, and the runtime computes it as f32/);
});
