/**
 * Clients of other gRPC implementations, and how to run them. Each is a program with the arguments `TARGET ROOTS CHECK...`: the address
 * of the server, a file with the certificate to trust ("-" for no TLS), and names of checks. It prints a line of JSON for each check:
 * `{"check": "deadline", "error": null}`, or the error as text.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { python } from "../../support/python.ts";

const HERE = fileURLToPath(new URL("./", import.meta.url));
const TOOLS = fileURLToPath(new URL("../../../.ovserve/tools/", import.meta.url));

/** The checks of every client, in their order. */
export const CHECKS = [
  "small_messages",
  "large_messages",
  "many_calls",
  "calls_at_once",
  "deadline",
  "cancellation",
  "gzip",
  "metadata",
  "errors",
  "restart",
] as const;

/** Checks that take long, or end only with the client. */
export type Check = (typeof CHECKS)[number] | "keepalive" | "flood";

/** How to start a client. */
export interface Client {
  readonly name: string;
  /** The program with its first arguments; undefined if it could not be built. */
  readonly command: readonly [string, ...string[]] | undefined;
  readonly env?: Record<string, string>;
}

/** The address of a server, and how to connect. */
export interface Place {
  readonly target: string;
  /** The file with the certificate to trust; undefined without TLS. */
  readonly roots?: string | undefined;
}

/** Time for all checks of a client, after which it counts as hanging. */
const CLIENT_MS_MAX = 120_000;

/** All clients. Reports on stderr which ones are missing, and so skipped. */
export async function findClients(): Promise<Client[]> {
  const interpreter = await python();
  const clients: Client[] = [
    { name: "grpcio", command: inPython(interpreter, "sync_client.py") },
    { name: "grpcio's asyncio", command: inPython(interpreter, "aio_client.py") },
    { name: "grpc-go", command: await built("interop-go") && [`${TOOLS}interop-go`] },
    {
      name: "grpc-java",
      command: await built("interop-java/Client.class") &&
        ["java", "-cp", `${TOOLS}interop-java:${TOOLS}interop-java/lib/*`, "Client"],
    },
    {
      name: "grpc-js on Node",
      command: await built("interop-node/node_modules/@grpc/grpc-js") && ["node", `${HERE}node/client.cjs`],
      env: { NODE_PATH: `${TOOLS}interop-node/node_modules` },
    },
    { name: "grpc++", command: await built("interop-cpp/client") && [`${TOOLS}interop-cpp/client`] },
  ];
  for (const { name, command } of clients) {
    if (command !== undefined) continue;
    // deno-lint-ignore no-console
    console.error(`Tests with ${name} are skipped: it is not built. deno task test says why`);
  }
  return clients;
}

function inPython(interpreter: string | undefined, script: string): Client["command"] {
  return interpreter === undefined ? undefined : [interpreter, `${HERE}python/${script}`];
}

async function built(path: string): Promise<true | undefined> {
  try {
    await Deno.stat(`${TOOLS}${path}`);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/** Starts a client with checks. The caller ends it. */
export function startClient({ command, env }: Client, place: Place, checks: readonly Check[]): Deno.ChildProcess {
  assert(command !== undefined);
  const [program, ...args] = command;
  return new Deno.Command(program, {
    args: [...args, place.target, place.roots ?? "-", ...checks],
    // Proxies are for remote hosts only.
    env: { http_proxy: "", https_proxy: "", HTTP_PROXY: "", HTTPS_PROXY: "", grpc_proxy: "", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a client with checks. Fails with the errors it reports. */
export async function expectChecks(client: Client, place: Place, checks: readonly Check[]): Promise<void> {
  const process = startClient(client, place, checks);
  const timer = setTimeout(() => process.kill("SIGKILL"), CLIENT_MS_MAX);
  const { stdout, stderr } = await process.output();
  clearTimeout(timer);
  const reports = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  const expected = checks.map((check) => ({ check, error: null }));
  assert.deepEqual(reports.map((line) => JSON.parse(line)), expected, new TextDecoder().decode(stderr));
}
