import assert from "node:assert/strict";
import { containerArguments } from "./tensorflow_container.ts";

function argumentsOf(args: readonly string[], variables: Readonly<Record<string, string>> = {}): readonly string[] {
  return containerArguments(args, (name) => variables[name]);
}

const HELLO_WORLD = ["--port=8500", "--rest_api_port=8501", "--model_name=m", "--model_base_path=/models/m"];

Deno.test("containerArguments() makes flags of the variables of TensorFlow Serving's image", () => {
  assert.deepEqual(argumentsOf([], { MODEL_NAME: "m" }), HELLO_WORLD);
  assert.deepEqual(argumentsOf(["--enable_batching"], { MODEL_NAME: "m" }), [...HELLO_WORLD, "--enable_batching"]);
  assert.deepEqual(argumentsOf([], { MODEL_NAME: "m", MODEL_BASE_PATH: "/data" }).at(-1), "--model_base_path=/data/m");
  assert.deepEqual(argumentsOf([], { MODEL_BASE_PATH: "/data" }).at(-1), "--model_base_path=/data/model");
});

Deno.test("containerArguments() leaves other command lines as they are", () => {
  assert.deepEqual(argumentsOf([], {}), []);
  assert.deepEqual(argumentsOf(["model", "--port", "1"], { MODEL_NAME: "m" }), ["model", "--port", "1"]);
  assert.deepEqual(argumentsOf(["tensorflow_model_server", "--port=1"], { MODEL_NAME: "m" }), ["--port=1"]);
});
