/** `ovserve health` and `ovserve licenses`, run as by a container's health check and by its user. */
import assert from "node:assert/strict";
import { Certificate } from "../transport/interop/certificate.ts";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}

Deno.test("ovserve health exits with 0 if the server is ready", async () => {
  await using server = await Server.start(["model", "--model_name", "digits", "--model_path", modelPath("digits")]);
  const { code, stdout, stderr } = await runProgram(["health", "--port", portOf(server.address)]);
  assert.equal(stderr, "");
  assert.equal(stdout, "ready\n");
  assert.equal(code, 0);
});

Deno.test("ovserve health asks a server with TLS, with any certificate", async () => {
  await using certificate = await Certificate.make();
  const tls = ["--tls_cert", certificate.certPath, "--tls_key", certificate.certPath.replace("cert.pem", "key.pem")];
  const model = ["model", "--model_name", "digits", "--model_path", modelPath("digits")];
  await using server = await Server.start([...model, ...tls]);
  const { code, stdout, stderr } = await runProgram(["health", "--tls", "--port", portOf(server.address)]);
  assert.equal(stderr, "");
  assert.equal(stdout, "ready\n");
  assert.equal(code, 0);
});

Deno.test("ovserve health reports a server without its model as not ready", async () => {
  const empty = await Deno.makeTempDir();
  try {
    await using server = await Server.start(["--model_name", "none", "--model_base_path", empty]);
    const { code, stderr } = await runProgram(["health", "--port", portOf(server.address)]);
    assert.equal(stderr, `ovserve: The server at ${server.address} is not ready\n`);
    assert.equal(code, 1);
  } finally {
    await Deno.remove(empty);
  }
});

Deno.test("ovserve health reports that no server answers", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { code, stderr } = await runProgram(["health", "--port", String(port)]);
  assert.match(stderr, new RegExp(`^ovserve: No server answers at 127\\.0\\.0\\.1:${port}: connect ECONNREFUSED`));
  assert.equal(code, 1);
});

Deno.test("ovserve health does not wait for a silent server", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const { code, stderr } = await runProgram(["health", "--port", String(port), "--timeout_seconds", "0.2"]);
  assert.equal(stderr, `ovserve: The server at 127.0.0.1:${port} did not answer within 0.2 s\n`);
  assert.equal(code, 1);
});

Deno.test("ovserve licenses prints the licence of the program", async () => {
  const { code, stdout } = await runProgram(["licenses"]);
  assert.match(stdout, /Apache License\s+Version 2\.0, January 2004/);
  assert.equal(code, 0);
});
