/** The program as clients from elsewhere see it: Triton's and KServe's packages, and curl. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { modelPath } from "../../support/model_path.ts";
import { python } from "../../support/python.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";

const CLIENTS = fileURLToPath(new URL("./clients/", import.meta.url));
const REST = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
const CLIENT_MS_MAX = 120_000;

const interpreter = await python("open_inference_python");

async function start(
  scratch: Scratch,
  names: readonly string[],
  flags: readonly string[] = [],
): Promise<Server & { rest: string }> {
  const models = Object.fromEntries(names.map((name) => [name, { "base_path": modelPath(name) }]));
  const config = await scratch.writeConfig(models);
  const server = await Server.start(["config", "--config_path", config, ...REST, ...flags]);
  const { rest } = await server.event("server started");
  return Object.assign(server, { rest: rest as string });
}

/** Runs a script, with a step for each line it prints. */
async function runClient(t: Deno.TestContext, script: string, { server, count }: {
  server: Server & { rest: string };
  count: number;
}): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(interpreter as string, {
    args: ["-B", `${CLIENTS}${script}`, server.address, server.rest],
    signal: AbortSignal.timeout(CLIENT_MS_MAX),
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
  for (const line of lines) {
    const { check, error } = JSON.parse(line) as { check: string; error: string | null };
    await t.step(check, () => assert.equal(error, null, error ?? ""));
  }
  assert.equal(lines.length, count, new TextDecoder().decode(stderr));
}

Deno.test({
  name: "Triton's clients: all dtypes, streams, classification, compression, over gRPC and HTTP",
  ignore: interpreter === undefined,
  fn: async (t) => {
    await using scratch = await Scratch.make();
    await using server = await start(scratch, ["half_plus_two", "mixed", "digits"]);
    await runClient(t, "triton_client.py", { server, count: 6 });
  },
});

Deno.test({
  name: "Triton's clients read the same from three serving threads",
  ignore: interpreter === undefined,
  fn: async (t) => {
    await using scratch = await Scratch.make();
    await using server = await start(scratch, ["half_plus_two", "mixed", "digits"], ["--grpc_workers", "3"]);
    await runClient(t, "triton_client.py", { server, count: 6 });
  },
});

Deno.test({
  name: "KServe's clients: JSON and binary tensors, over gRPC and HTTP",
  ignore: interpreter === undefined,
  fn: async (t) => {
    await using scratch = await Scratch.make();
    await using server = await start(scratch, ["half_plus_two"]);
    await runClient(t, "kserve_client.py", { server, count: 2 });
  },
});

Deno.test({
  name: "Triton's clients load and unload a model while another is asked",
  ignore: interpreter === undefined,
  fn: async (t) => {
    const explicit = ["--model_control_mode", "explicit", "--load_model", "half_plus_two"];
    await using scratch = await Scratch.make();
    await using server = await start(scratch, ["half_plus_two", "tiny"], explicit);
    await runClient(t, "triton_repository.py", { server, count: 2 });
  },
});

async function curl(args: readonly string[]): Promise<Uint8Array> {
  const { stdout, stderr, success } = await new Deno.Command("curl", { args: ["-sS", ...args] }).output();
  assert(success, new TextDecoder().decode(stderr));
  return stdout;
}

Deno.test("curl sends a tensor as it lies in memory, and reads one", async () => {
  await using scratch = await Scratch.make();
  await using server = await start(scratch, ["half_plus_two"]);
  const body = `${scratch.path}/body`;
  await Deno.writeFile(body, new Uint8Array(Float32Array.of(1, 2, 3).buffer));
  const url = `http://${server.rest}/v2/models/half_plus_two/infer`;
  const reply = await curl(["-i", "-H", "Inference-Header-Content-Length: 0", "--data-binary", `@${body}`, url]);
  const text = new TextDecoder("latin1").decode(reply);
  assert.match(text, /^HTTP\/1.1 200 /);
  const [, length] = /inference-header-content-length: (\d+)/i.exec(text) ?? [];
  const binary = reply.slice(text.indexOf("\r\n\r\n") + 4 + Number(length));
  assert.deepEqual([...new Float32Array(binary.buffer)], [2.5, 3, 3.5]);
});
