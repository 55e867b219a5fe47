/** The gRPC server, as other gRPC implementations see it, over every kind of endpoint. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Certificate } from "./interop/certificate.ts";
import { CHECKS, expectChecks, findClients } from "./interop/clients.ts";
import { InteropServer } from "./interop/server.ts";
import { findTool } from "../support/tools.ts";

const clients = await findClients();
const ghz = await findTool("ghz");
const INTEROP_PROTO = fileURLToPath(new URL("./interop/interop.proto", import.meta.url));
const IPV4 = { hostname: "127.0.0.1", port: 0 } as const;
const IPV6 = { hostname: "::1", port: 0 } as const;

/** Whether this machine has IPv6. */
function hasIpv6(): boolean {
  try {
    Deno.listen(IPV6).close();
    return true;
  } catch {
    return false;
  }
}

for (const client of clients) {
  const ignore = client.command === undefined;

  Deno.test(`${client.name} passes all checks over IPv4`, { ignore }, async () => {
    await using server = new InteropServer(IPV4);
    await expectChecks(client, server, CHECKS);
    assert.equal(server.restartCount, 1);
  });

  Deno.test(`${client.name} passes all checks over IPv6`, { ignore: ignore || !hasIpv6() }, async () => {
    await using server = new InteropServer(IPV6);
    await expectChecks(client, server, CHECKS);
  });

  Deno.test(`${client.name} passes all checks over a Unix socket`, { ignore }, async () => {
    const folder = await Deno.makeTempDir();
    {
      await using server = new InteropServer({ path: `${folder}/grpc.sock` });
      await expectChecks(client, server, CHECKS);
    }
    await Deno.remove(folder);
  });

  Deno.test(`${client.name} passes all checks over TLS`, { ignore }, async () => {
    await using certificate = await Certificate.make();
    await using server = new InteropServer({ ...IPV4, tls: certificate });
    await expectChecks(client, { target: server.target, roots: certificate.certPath }, CHECKS);
  });
}

Deno.test("clients that ping as often as they can are served and not disconnected", async () => {
  // All run at once, because grpc-go and grpc-java ping only every ten seconds.
  await Promise.all(
    clients.filter(({ command }) => command !== undefined).map(async (client) => {
      await using server = new InteropServer(IPV4);
      await expectChecks(client, server, ["keepalive"]);
    }),
  );
});

Deno.test("ghz gets 20,000 successful replies over 8 connections", { ignore: ghz === undefined }, async () => {
  await using server = new InteropServer(IPV4);
  const process = new Deno.Command(ghz as string, {
    args: [
      ...["--insecure", "--proto", INTEROP_PROTO, "--call", "ovserve.interop.Interop/Echo", "--binary"],
      ...["--total", "20000", "--concurrency", "64", "--connections", "8", "--format", "json", server.target],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const request = new Blob([Uint8Array.of(0x0a, 5), "hello"]);
  await request.stream().pipeTo(process.stdin);
  const { stdout } = await process.output();
  const { statusCodeDistribution } = JSON.parse(new TextDecoder().decode(stdout));
  assert.deepEqual(statusCodeDistribution, { OK: 20_000 });
});
