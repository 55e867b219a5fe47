/** Requests that share inferences, on a real server: clients must not notice the difference. */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { join } from "node:path";
import { loadPredict } from "../support/load.ts";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { findTool } from "../support/tools.ts";

const h2load = await findTool("h2load");
const DIGITS = ["model", "--model_name", "digits", "--model_path", modelPath("digits")];
const CLIENTS = 8;
const REQUESTS = 30;

/** An image for the model, a different one for each number. */
function image(number: number): number[] {
  return Array.from({ length: 64 }, (_, pixel) => (number * 31 + pixel * 7) % 17);
}

function request(images: readonly number[][]): Message {
  return { model_spec: { name: "digits" }, inputs: { image: floatTensor(images.flat(), [images.length, 8, 8]) } };
}

/** The numbers of a reply, rounded: the rows of a batch are computed in other groups, which changes the last bits. */
function probabilities(answer: Message): number[] {
  const { probabilities } = answer.outputs as Record<string, { float_val: number[] }>;
  return (probabilities?.float_val ?? []).map((value) => Number(value.toFixed(4)));
}

/** A folder with a file of batching parameters, removed at the end. */
class Parameters implements Disposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly path: string;

  constructor(text: string) {
    this.path = join(this.#folder, "batching.txt");
    Deno.writeTextFileSync(this.path, text);
  }

  get flags(): string[] {
    return ["--enable_batching", "--batching_parameters_file", this.path];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

Deno.test("Requests that share inferences get the same replies as alone", async () => {
  const numbers = Array.from({ length: CLIENTS * REQUESTS }, (_, i) => i);
  const rowsOf = (number: number) => Array.from({ length: 1 + number % 3 }, (_, row) => image(number * 3 + row));
  using parameters = new Parameters(
    "max_batch_size { value: 8 } allowed_batch_sizes: [2, 8] max_enqueued_batches { value: 1000 }",
  );
  const answers = await Promise.all([[], parameters.flags].map(async (flags) => {
    await using server = await Server.start([...DIGITS, ...flags]);
    const measured = await server.event("model measured");
    assert.equal(measured.isBatched, flags.length > 0);
    const clients = Array.from({ length: CLIENTS }, () => new PredictionClient(server.address));
    try {
      return await Promise.all(numbers.map(async (number) => {
        const client = clients[number % CLIENTS] as PredictionClient;
        return probabilities(await client.predict(request(rowsOf(number))));
      }));
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  }));
  assert.deepEqual(answers[1], answers[0]);
  assert.equal(answers[0]?.[2]?.length, 30);
});

Deno.test("A request that fails does not affect others of the same batch", async () => {
  await using server = await Server.start([...DIGITS, "--enable_batching"]);
  using client = new PredictionClient(server.address);
  const good = request([image(1)]);
  const alone = probabilities(await client.predict(good));
  const bad = [
    { ...good, model_spec: { name: "nobody" } },
    { ...good, inputs: { image: floatTensor(image(1), [1, 4, 16]) } },
    { ...good, output_filter: ["nothing"] },
  ];
  const outcomes = await Promise.allSettled([good, ...bad, good].map((message) => client.predict(message)));
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === "fulfilled" ? probabilities(outcome.value) : outcome.reason.code),
    [alone, status.NOT_FOUND, status.INVALID_ARGUMENT, status.INVALID_ARGUMENT, alone],
  );
});

Deno.test("A client that cancels, or whose deadline passes, does not affect others", async () => {
  // No batch fills, so all of them wait.
  using parameters = new Parameters("max_batch_size { value: 100 } batch_timeout_micros { value: 300000 }");
  await using server = await Server.start([...DIGITS, ...parameters.flags]);
  using client = new PredictionClient(server.address);
  const leaving = new AbortController();
  const calls = [
    client.predict(request([image(1)])),
    client.predict(request([image(2)]), { signal: leaving.signal }),
    client.predict(request([image(3)]), { timeoutMs: 50 }),
  ];
  leaving.abort();
  const outcomes = await Promise.allSettled(calls);
  assert.deepEqual(outcomes.map((outcome) => outcome.status === "fulfilled" ? "answered" : outcome.reason.code), [
    "answered",
    status.CANCELLED,
    status.DEADLINE_EXCEEDED,
  ]);
});

Deno.test("Requests with more rows than a batch are rejected, or split if configured", async () => {
  const five = request([1, 2, 3, 4, 5].map(image));
  using whole = new Parameters("max_batch_size { value: 4 }");
  {
    await using server = await Server.start([...DIGITS, ...whole.flags]);
    using client = new PredictionClient(server.address);
    await assert.rejects(client.predict(five), {
      code: status.INVALID_ARGUMENT,
      details: "Task size 5 is larger than maximum input batch size 4",
    });
  }
  using split = new Parameters(
    "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } max_execution_batch_size { value: 2 }",
  );
  await using server = await Server.start([...DIGITS, ...split.flags]);
  using client = new PredictionClient(server.address);
  const rows = await Promise.all([1, 2, 3, 4, 5].map((number) => client.predict(request([image(number)]))));
  assert.deepEqual(probabilities(await client.predict(five)), rows.flatMap(probabilities));
});

Deno.test("Requests past the bound of waiting ones fail with UNAVAILABLE", async () => {
  using parameters = new Parameters(
    "max_batch_size { value: 2 } max_enqueued_batches { value: 1 } batch_timeout_micros { value: 60000000 }",
  );
  await using server = await Server.start([...DIGITS, ...parameters.flags]);
  using client = new PredictionClient(server.address);
  const waiting = client.predict(request([image(1)]));
  await assert.rejects(client.predict(request([image(2), image(3)])), {
    code: status.UNAVAILABLE,
    details: "The batch scheduling queue to which this task was submitted is full; " +
      "currently 1 batches enqueued and max_enqueued_batches is 1",
  });
  // This request fills its batch.
  await client.predict(request([image(4)]));
  await waiting;
});

Deno.test("Parameters in a version's folder apply if configured, and a version without them is not batched", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(modelPath("digits"), join(folder, "plain"));
    await Deno.mkdir(join(folder, "own/1"), { recursive: true });
    for (const name of ["digits.xml", "digits.bin"]) {
      await Deno.copyFile(join(modelPath("digits"), "1", name), join(folder, "own/1", name));
    }
    await Deno.writeTextFile(join(folder, "own/1/batching_params.pbtxt"), "max_batch_size { value: 3 }");
    const models = ["plain", "own"].map((name) => ({ config: { name, base_path: join(folder, name) } }));
    const list = join(folder, "models.json");
    await Deno.writeTextFile(list, JSON.stringify({ model_config_list: models }));

    await using server = await Server.start([
      ...["config", "--config_path", list, "--enable_batching", "--enable_per_model_batching_parameters"],
    ]);
    const [plain, own] = await Promise.all(
      ["plain", "own"].map((model) => server.event("model measured", ({ name }) => name === model)),
    );
    assert.deepEqual([plain?.isBatched, own?.isBatched], [false, true]);
    using client = new PredictionClient(server.address);
    const four = request([1, 2, 3, 4].map(image));
    await client.predict({ ...four, model_spec: { name: "plain" } });
    await assert.rejects(client.predict({ ...four, model_spec: { name: "own" } }), { code: status.INVALID_ARGUMENT });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("A model with a static shape is served without batching, and the log has the reason", async () => {
  await using server = await Server.start([...DIGITS, "--enable_batching", "--batch_size", "1"]);
  const noted = await server.event("model noted");
  assert.match(String(noted.note), /^Requests are not batched: the first dimension of the input image is always 1$/);
  using client = new PredictionClient(server.address);
  assert.equal(probabilities(await client.predict(request([image(1)]))).length, 10);
});

Deno.test({
  name: "Under load every request is answered, with and without batching",
  ignore: h2load === undefined,
  async fn(): Promise<void> {
    await using server = await Server.start([...DIGITS, "--enable_batching"]);
    const outcome = await loadPredict(h2load as string, {
      modelSpec: { name: "digits", signatureName: "" },
      inputs: [{
        name: "image",
        tensor: { dtype: "f32", shape: [1, 8, 8], bytes: new Uint8Array(Float32Array.from(image(1)).buffer) },
      }],
      outputFilter: [],
    }, { address: server.address, calls: 20_000, connections: 16, streams: 4 });
    assert.equal(outcome.succeeded, 20_000);
    // A digit and ten probabilities: a reply without them is an error.
    assert(outcome.dataBytes > 20_000 * 48, `replies of ${outcome.dataBytes / 20_000} bytes`);
  },
});
