/** Requests and answers of TensorFlow Serving, byte for byte: the program answers the same bytes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import corpus from "./corpus/grpc.json" with { type: "json" };
import { PredictionClient } from "../../support/prediction_client.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";

/** A message and what comes back; see corpus/make_grpc.py. */
interface WireCase {
  readonly name: string;
  readonly source: string;
  readonly path: string;
  readonly request: string;
  readonly reply?: string;
  readonly status?: number;
  /** Null where the sentence is not TensorFlow Serving's own. */
  readonly message?: string | null;
}

async function check(client: PredictionClient, wireCase: WireCase): Promise<void> {
  const { path, request, reply, status, message } = wireCase;
  const sent = client.callRaw(path, { message: Buffer.from(request, "hex") });
  if (reply !== undefined) return assert.equal((await sent).toString("hex"), reply, wireCase.source);
  const expected = message === null || message === undefined ? { code: status } : { code: status, details: message };
  await assert.rejects(sent, expected, wireCase.source);
}

Deno.test("every message of the corpus is answered with TensorFlow Serving's bytes", async (t) => {
  const args = ["model", "--model_name", "half_plus_two", "--model_path", modelPath("half_plus_two")];
  await using server = await Server.start(args);
  using client = new PredictionClient(server.address);
  for (const wireCase of corpus as readonly WireCase[]) {
    await t.step(wireCase.name, () => check(client, wireCase));
  }
});
