/** TensorFlow Serving's contract, case by case, as clients of each protocol see it. */
import assert from "node:assert/strict";
import { CONTRACT_CASES } from "./contract/cases.ts";
import type { ContractCase, PlainAnswer, PlainTensor } from "./contract/contract_case.ts";
import { EXAMPLE_CASES } from "./contract/example_cases.ts";
import { askOverGrpc } from "./contract/grpc_front_end.ts";
import { withContractModels } from "./contract/models.ts";
import { TENSOR_CASES } from "./contract/tensor_cases.ts";
import { PredictionClient } from "./prediction_client.ts";
import { Server } from "./server.ts";

const CASES: readonly ContractCase[] = [...CONTRACT_CASES, ...TENSOR_CASES, ...EXAMPLE_CASES];

/** Values as text, since whole numbers may be written as numbers or as bigints. */
function textOf({ dtype, shape, values }: PlainTensor): unknown {
  return { dtype, shape, values: values.map(String) };
}

/** Compares what an answer has with what a case names. */
function assertAnswer(actual: PlainAnswer, { name, source, answer }: ContractCase): void {
  const message = `${name} (${source})`;
  if ("code" in answer || "code" in actual) return assert.deepEqual(actual, answer, message);
  if ("outputs" in answer) {
    assert("outputs" in actual, message);
    const texts = (outputs: Readonly<Record<string, PlainTensor>>): unknown[] =>
      Object.entries(outputs).map(([output, tensor]) => [output, textOf(tensor)]).sort();
    assert.deepEqual(texts(actual.outputs), texts(answer.outputs), message);
  } else {
    assert("result" in actual, message);
    assert.deepEqual(actual.result, answer.result, message);
  }
  if (answer.servedBy !== undefined) assert.deepEqual(actual.servedBy, answer.servedBy, message);
}

Deno.test("over gRPC every case of the contract is answered as TensorFlow Serving answers it", async (t) => {
  await using models = await withContractModels();
  await using server = await Server.start(models.args);
  using client = new PredictionClient(server.address);
  for (const contractCase of CASES) {
    await t.step(contractCase.name, async () => {
      assertAnswer(await askOverGrpc(client, contractCase.request), contractCase);
    });
  }
});
