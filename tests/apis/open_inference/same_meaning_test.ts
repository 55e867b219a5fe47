/** The cases of TensorFlow Serving's contract mean the same over the Open Inference Protocol: equal numbers, equal codes. */
import assert from "node:assert/strict";
import type { CodeName } from "../../../src/base/status.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { Server } from "../../support/server.ts";
import { CONTRACT_CASES } from "../tensorflow_serving/contract/cases.ts";
import type { ContractCase, PlainTensor } from "../tensorflow_serving/contract/contract_case.ts";
import { askOverGrpc } from "../tensorflow_serving/contract/grpc_front_end.ts";
import { withContractModels } from "../tensorflow_serving/contract/models.ts";
import { askOverRest, HTTP_STATUS, type Send } from "../tensorflow_serving/contract/rest_front_end.ts";
import { TENSOR_CASES } from "../tensorflow_serving/contract/tensor_cases.ts";
import { inferOverGrpc, inferOverRest, type Outcome, type PlainPrediction, textOf } from "./front_ends.ts";

/** A case with what this protocol can say of it. */
interface SharedCase {
  readonly contractCase: ContractCase;
  readonly prediction: PlainPrediction;
}

/** Predictions with plain tensors of a model that is named, without a label: the protocol has none. */
function sharedCases(): SharedCase[] {
  return [...CONTRACT_CASES, ...TENSOR_CASES].flatMap((contractCase) => {
    const { request } = contractCase;
    if (request.api !== "predict" || request.spec?.name === undefined || request.spec.label !== undefined) return [];
    const inputs = Object.entries(request.inputs ?? {});
    const plain = inputs.filter((entry): entry is [string, PlainTensor] => !("proto" in entry[1]));
    if (plain.length < inputs.length) return [];
    const prediction = {
      spec: request.spec,
      inputs: Object.fromEntries(plain),
      outputFilter: request.outputFilter ?? [],
    };
    return [{ contractCase, prediction }];
  });
}

/** What a gRPC code is over REST. */
function overRest(outcome: Outcome): Outcome {
  if ("outputs" in outcome) return outcome;
  return { ...outcome, code: HTTP_STATUS[outcome.code as CodeName] ?? outcome.code };
}

Deno.test("TensorFlow Serving's cases have the same numbers and codes over four front ends", async (t) => {
  await using models = await withContractModels();
  await using server = await Server.start([...models.args, "--rest_port", "any", "--rest_bind_address", "127.0.0.1"]);
  const { rest } = await server.event("server started");
  using client = new PredictionClient(server.address);
  const send: Send = async (method, path, body) => {
    const response = await fetch(`http://${rest}${path}`, body === undefined ? { method } : { method, body });
    return { status: response.status, text: await response.text() };
  };
  const cases = sharedCases();
  assert(cases.length > 20, String(cases.length));
  assert(cases.some(({ contractCase: { answer } }) => "outputs" in answer));
  for (const { contractCase: { name, request, rest: isOverRest = false }, prediction } of cases) {
    await t.step(name, async () => {
      const theirs = await askOverGrpc(client, request);
      assert(!("result" in theirs));
      const expected: Outcome = "code" in theirs ? theirs : {
        outputs: Object.fromEntries(Object.entries(theirs.outputs).map(([output, tensor]) => [output, textOf(tensor)])),
      };
      const overGrpc = await inferOverGrpc(client, prediction);
      if ("code" in expected && expected.code === "NOT_FOUND") {
        // The sentence is Triton's.
        assert(
          "code" in overGrpc && overGrpc.code === "NOT_FOUND" && /^Request for unknown model/.test(overGrpc.message),
        );
      } else assert.deepEqual(overGrpc, expected);
      for (const isBinary of [false, true]) {
        assert.deepEqual(await inferOverRest(rest as string, prediction, { isBinary }), overRest(overGrpc));
      }
      if (!isOverRest) return;
      const theirRest = await askOverRest(send, request);
      const status = "status" in theirRest ? theirRest.status : 200;
      const ours = overRest(overGrpc);
      assert.equal("code" in ours ? ours.code : 200, status);
    });
  }
});
