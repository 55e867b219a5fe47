/** TensorFlow Serving's contract, case by case, as clients of each protocol see it. */
import assert from "node:assert/strict";
import { CONTRACT_CASES } from "./contract/cases.ts";
import type { ContractCase, PlainAnswer, PlainTensor } from "./contract/contract_case.ts";
import { EXAMPLE_CASES } from "./contract/example_cases.ts";
import { askOverGrpc } from "./contract/grpc_front_end.ts";
import { withContractModels } from "./contract/models.ts";
import { askOverRest, HTTP_STATUS, outputsAsJson, type RestAnswer, type Send } from "./contract/rest_front_end.ts";
import { TENSOR_CASES } from "./contract/tensor_cases.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { Server } from "../../support/server.ts";

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

/** Values as text, floats as they are in 32 bits: REST writes no more digits than those need. */
function leaves(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(leaves);
  if (typeof json === "object" && json !== null) {
    return Object.fromEntries(Object.entries(json).sort().map(([name, value]) => [name, leaves(value)]));
  }
  return typeof json === "number" && !Number.isSafeInteger(json) ? String(Math.fround(json)) : String(json);
}

/** Compares what REST answers with what a case names; labels and scores come in pairs there. */
function assertRestAnswer(actual: RestAnswer, { name, source, answer }: ContractCase): void {
  const message = `${name} (${source})`;
  if ("code" in answer) {
    return assert.deepEqual(actual, { status: HTTP_STATUS[answer.code], message: answer.message }, message);
  }
  assert("json" in actual, "message" in actual ? actual.message : message);
  const expected = "outputs" in answer ? outputsAsJson(answer.outputs) : inPairs(answer.result);
  assert.deepEqual(leaves(actual.json), leaves(expected), message);
}

function inPairs(result: unknown): unknown {
  if (!Array.isArray(result) || !Array.isArray(result[0])) return result;
  return result.map((classes: { label: string; score: number }[]) => classes.map(({ label, score }) => [label, score]));
}

Deno.test("over REST every case of the contract that it can say has the same answer", async (t) => {
  await using models = await withContractModels();
  await using server = await Server.start([...models.args, "--rest_port", "any", "--rest_bind_address", "127.0.0.1"]);
  const { rest } = await server.event("server started");
  const send: Send = async (method, path, body) => {
    const init = body === undefined ? { method } : { method, body };
    const response = await fetch(`http://${rest}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  for (const contractCase of CASES.filter(({ rest }) => rest)) {
    await t.step(contractCase.name, async () => {
      assertRestAnswer(await askOverRest(send, contractCase.request), contractCase);
    });
  }
});
