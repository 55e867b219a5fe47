/** `ovserve status` and `ovserve predict` with a running server. */
import assert from "node:assert/strict";
import { Certificate } from "../transport/interop/certificate.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { type Outcome, runProgram, Server } from "../support/server.ts";

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}

/** Runs a tool against a server. */
function ask(server: Server, tool: string, ...args: string[]): Promise<Outcome> {
  return runProgram([tool, "--port", portOf(server.address), ...args]);
}

function serveHalf(...flags: string[]): Promise<Server> {
  return Server.start(["model", "--model_name", "half", "--model_path", modelPath("half_plus_two"), ...flags]);
}

/** Returns a one-dimensional array in NumPy's format. */
function npy(values: Float32Array<ArrayBuffer>): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(117) + "\n";
  const prefix = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length, 0];
  return new Uint8Array([...prefix, ...new TextEncoder().encode(header), ...new Uint8Array(values.buffer)]);
}

Deno.test("ovserve status lists all models with their versions and errors", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 7 });
  await scratch.addVersion("half", { model: "half_plus_two", version: 8 });
  await Deno.writeTextFile(`${scratch.path}/half/8/half_plus_two.xml`, `<net name="a" version="11"><layers></net>`);
  const config = await scratch.writeConfig({
    half: { model_version_policy: { all: {} } },
    tiny: { base_path: modelPath("tiny") },
  });
  await using server = await Server.start(["config", "--config_path", config]);
  const { code, stdout, stderr } = await ask(server, "status");
  assert.equal(stderr, "");
  assert.equal(code, 0);
  const [title, half, broken, tiny, end] = stdout.split("\n");
  assert.equal(title, "MODEL  VERSION  STATE      ERROR");
  assert.equal(half, "half   7        AVAILABLE");
  assert.match(broken ?? "", /^half {3}8 {8}END {8}Cannot read the model: ./);
  assert.equal(tiny, "tiny   1        AVAILABLE");
  assert.equal(end, "");

  const one = await ask(server, "status", "--model_name", "tiny", "--format", "json");
  assert.deepEqual(JSON.parse(one.stdout), {
    models: [{ name: "tiny", versions: [{ version: 1, state: "AVAILABLE" }] }],
  });
});

Deno.test("ovserve status fails for a model without an available version", async () => {
  await using server = await serveHalf();
  const { code, stdout, stderr } = await ask(server, "status", "--model_name", "other");
  assert.equal(code, 1);
  assert.match(stdout, /^other {2}- {8}- {6}Could not find any versions of model other$/m);
  assert.equal(stderr, "ovserve: No version to answer with: other\n");
});

Deno.test("ovserve predict accepts the JSON of REST and prints REST's reply", async () => {
  await using scratch = await Scratch.make();
  await using server = await serveHalf();
  const rows = await scratch.write("rows.json", `{"instances": [1.0, 2.0, 5.0]}`);
  const predict = (...args: string[]) => ask(server, "predict", "--model_name", "half", ...args);
  const { code, stdout, stderr } = await predict("--input", rows);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { predictions: [2.5, 3, 4.5] });

  const columns = await scratch.write("columns.json", `{"inputs": {"x": [3]}}`);
  const asked = await predict("--input", columns, "--model_version", "1", "--output_filter", "y");
  assert.deepEqual(JSON.parse(asked.stdout), { outputs: [3.5] });
});

Deno.test("ovserve predict sends NumPy arrays, and messages of any length both ways", async () => {
  await using scratch = await Scratch.make();
  await using server = await serveHalf();
  const values = Float32Array.from({ length: 300_000 }, (_, i) => i % 100);
  await Deno.writeFile(`${scratch.path}/x.npy`, npy(values));
  const { code, stdout, stderr } = await ask(
    server,
    "predict",
    "--model_name",
    "half",
    "--input",
    `${scratch.path}/x.npy`,
  );
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout).outputs, Array.from(values, (value) => value / 2 + 2));
});

Deno.test("ovserve predict reports errors of the server and of the file", async () => {
  await using scratch = await Scratch.make();
  await using server = await serveHalf();
  const input = await scratch.write("x.json", `{"instances": [1]}`);
  const complaint = async (...args: string[]) => {
    const { code, stderr } = await ask(server, "predict", ...args);
    return `${code} ${stderr.trim()}`;
  };
  assert.match(
    await complaint("--model_name", "other", "--input", input),
    /^1 ovserve: Servable not found for request: Latest\(other\)$/,
  );
  assert.match(
    await complaint("--model_name", "half", "--model_version", "9", "--input", input),
    /^1 ovserve: Servable not found for request: Specific\(half, 9\)$/,
  );
  assert.match(
    await complaint("--model_name", "half", "--output_filter", "z", "--input", input),
    /^1 ovserve: output tensor alias not found in signature: z /,
  );
  const broken = await scratch.write("broken.json", `{"instances": [`);
  assert.match(await complaint("--model_name", "half", "--input", broken), /^1 ovserve: .*broken\.json: JSON/);
  assert.match(
    await complaint("--model_name", "half", "--input", "nowhere"),
    /^1 ovserve: Cannot read nowhere: it does not exist$/,
  );
  assert.match(await complaint("--model_name", "half"), /^2 ovserve: --input is missing: /);
  assert.match(
    await complaint("--model_name", "half", "--input", input, "--model_version", "1", "--version_label", "a"),
    /^2 ovserve: --model_version and --version_label cannot go together /,
  );
});

Deno.test("ovserve predict asks a server with TLS, with any certificate", async () => {
  await using certificate = await Certificate.make();
  await using scratch = await Scratch.make();
  const key = certificate.certPath.replace("cert.pem", "key.pem");
  await using server = await serveHalf("--tls_cert", certificate.certPath, "--tls_key", key);
  const input = await scratch.write("x.json", `{"instances": [1]}`);
  const { stdout, stderr } = await ask(server, "predict", "--tls", "--model_name", "half", "--input", input);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), { predictions: [2.5] });
});

Deno.test("the tools report a server that is no gRPC server", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("hello"));
  const { port } = server.addr as Deno.NetAddr;
  const { code, stderr } = await runProgram(["status", "--port", String(port)]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`^ovserve: The server at 127\\.0\\.0\\.1:${port} answers with HTTP status 200 and no gRPC status`),
  );

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode("SSH-2.0-OpenSSH_9.9\r\n"));
      // Closing a socket with unread data resets the connection, and data that was sent is lost.
      for (let count: number | null = 0; count !== null;) {
        count = await connection.read(new Uint8Array(1024)).catch(() => null);
      }
      connection.close();
    }
  })();
  const other = await runProgram(["status", "--port", String(address.port)]);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /does not speak HTTP\/2$/m);
  listener.close();
  await serving;
});
