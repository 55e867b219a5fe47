// deno-lint-ignore-file camelcase -- fields have the names of the wire
/** `--shape` and `--batch_size` with the runtime itself. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";

const MODELS = fileURLToPath(new URL("./formats/", import.meta.url));

/** The replies of a server with these arguments to `digits` images of these shapes: the output's shape or the error. */
async function digits(args: readonly string[], shapes: readonly (readonly number[])[]): Promise<string[]> {
  await using server = await Server.start([
    "model",
    "--model_name",
    "digits",
    "--model_path",
    modelPath("digits"),
    ...args,
  ]);
  using client = new PredictionClient(server.address);
  const answers: string[] = [];
  for (const shape of shapes) {
    const image = floatTensor(Array(shape.reduce((product, size) => product * size, 1)).fill(1), shape);
    const request = { model_spec: { name: "digits" }, inputs: { image }, output_filter: ["probabilities"] };
    answers.push(
      await client.predict(request).then(
        ({ outputs }) => shapeOf((outputs as Record<string, Message>).probabilities),
        ({ details }) => details as string,
      ),
    );
  }
  return answers;
}

function shapeOf(tensor: Message | undefined): string {
  const { dim } = tensor?.tensor_shape as { dim: { size: string }[] };
  return dim.map(({ size }) => size).join(",");
}

function wrongShape(expected: string, actual: string): string {
  return `Invalid input shape - Expected: ${expected}; Actual: ${actual}; input name: image`;
}

const ONE = [1, 8, 8];
const TWO = [2, 8, 8];

Deno.test("--batch_size makes the first dimension static, dynamic or bounded", async () => {
  assert.deepEqual(await digits(["--batch_size", "2"], [ONE, TWO]), [wrongShape("(2,8,8)", "(1,8,8)"), "2,10"]);
  assert.deepEqual(await digits(["--batch_size", "auto"], [ONE, TWO]), ["1,10", "2,10"]);
  assert.deepEqual(await digits(["--batch_size", "2:4"], [ONE, TWO]), [wrongShape("([2..4],8,8)", "(1,8,8)"), "2,10"]);
});

Deno.test("--shape sets the shape of all inputs, or of one by name", async () => {
  for (const shape of ["(2,8,8)", `{"image": "(2,8,8)"}`]) {
    assert.deepEqual(await digits(["--shape", shape], [ONE, TWO]), [wrongShape("(2,8,8)", "(1,8,8)"), "2,10"]);
  }
});

Deno.test("--shape auto accepts any shape without compiling again", async () => {
  // The model needs 64 pixels, now in any layout.
  assert.deepEqual(await digits(["--shape", "auto"], [ONE, TWO, [3, 4, 16], ONE]), ["1,10", "2,10", "3,10", "1,10"]);
});

Deno.test("an impossible shape is a loading error with OpenVINO's reason, never a hang", async () => {
  for (
    const [path, shape, reason] of [
      [`${MODELS}onnx`, `{"x": "(1,4)"}`, /Cannot reshape the model: .*(?:inconsistent|broadcast)/],
      [`${MODELS}saved_model`, "(1,4)", /Cannot reshape the model: .*[Ii]ncompatible/],
      [`${MODELS}saved_model`, `{"pixels:0": "(3)"}`, /Cannot reshape the model: /],
      [
        `${MODELS}onnx`,
        `{"picture": "(1,3)"}`,
        /Cannot reshape the model: it has no input picture, its inputs are x, bias/,
      ],
    ] as const
  ) {
    const { code, stderr } = await runProgram([
      "model",
      "--model_name",
      "m",
      "--model_path",
      path,
      "--shape",
      shape,
      "--port",
      "0",
    ]);
    assert.notEqual(code, 0);
    assert.match(stderr, reason);
  }
});

Deno.test("a SavedModel is reshaped by the signature's name and by the graph's", async () => {
  for (const name of ["image", "pixels:0"]) {
    await using server = await Server.start([
      "model",
      "--model_name",
      "m",
      "--model_path",
      `${MODELS}saved_model`,
      "--shape",
      JSON.stringify({ [name]: "(2,3)" }),
    ]);
    using client = new PredictionClient(server.address);
    const predict = (image: Message) => client.predict({ model_spec: { name: "m" }, inputs: { image } });
    const { outputs } = await predict(floatTensor([1, 2, 3, 4, 5, 6], [2, 3]));
    assert.equal(shapeOf((outputs as Record<string, Message>).scores), "2,2");
    await assert.rejects(() => predict(floatTensor([1, 2, 3], [1, 3])), /Expected: \(2,3\); Actual: \(1,3\)/);
  }
});
