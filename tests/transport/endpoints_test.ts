/** The endpoints of the program: TLS with certificates that are renewed, Unix sockets, several addresses. */
import assert from "node:assert/strict";
import { Certificate } from "./interop/certificate.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";
import { askHalf, versionOf } from "../support/steady_load.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const MODEL = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")];
const REST = ["--rest_bind_address", "127.0.0.1", "--rest_port", "any"];

/** Sends one request over a connection of its own. */
async function ask(address: string): Promise<void> {
  using client = new PredictionClient(address);
  assert.equal(versionOf(await askHalf(client, { name: "half" })), "1");
}

/** A GetModelStatusRequest for `half`, as a gRPC message. */
const STATUS_REQUEST = Uint8Array.of(0, 0, 0, 0, 8, 0x0a, 6, 0x0a, 4, ...new TextEncoder().encode("half"));

/** Sends a gRPC request over TLS: `fetch` speaks HTTP/2, and each client object has its own connections. */
async function askOverTls(address: string, client: Deno.HttpClient): Promise<void> {
  const response = await fetch(`https://${address}/tensorflow.serving.ModelService/GetModelStatus`, {
    ...{ client, method: "POST", body: STATUS_REQUEST },
    headers: { "content-type": "application/grpc", "te": "trailers" },
  });
  assert.equal(response.headers.get("content-type"), "application/grpc");
  // An error would have no message.
  assert((await response.bytes()).length > 5);
}

/** The same over a connection of its own. */
async function connectAndAsk(address: string, roots: readonly string[]): Promise<void> {
  using client = Deno.createHttpClient({ caCerts: [...roots] });
  await askOverTls(address, client);
}

/** Requests the model's state over REST. */
async function fetchState(url: string, roots: readonly string[] = []): Promise<number> {
  using client = Deno.createHttpClient({ caCerts: [...roots] });
  const response = await fetch(`${url}/v1/models/half`, { client });
  await response.body?.cancel();
  return response.status;
}

async function restAddress(server: Server): Promise<string> {
  return (await server.event("server started")).rest as string;
}

/** Certificate files that a server polls. */
class CertificateFiles implements AsyncDisposable {
  readonly certPath: string;
  readonly keyPath: string;

  private constructor(readonly folder: string) {
    this.certPath = `${folder}/tls.crt`;
    this.keyPath = `${folder}/tls.key`;
  }

  static async make(): Promise<CertificateFiles> {
    return new CertificateFiles(await Deno.makeTempDir());
  }

  get flags(): string[] {
    return ["--tls_cert", this.certPath, "--tls_key", this.keyPath];
  }

  async put({ cert, key }: { cert: string; key: string }): Promise<void> {
    await Deno.writeTextFile(this.certPath, cert);
    await Deno.writeTextFile(this.keyPath, key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("--tls_cert and --tls_key are for gRPC and REST, on every address", async () => {
  await using certificate = await Certificate.make();
  await using files = await CertificateFiles.make();
  await files.put(certificate);
  await using server = await Server.start([...MODEL, ...REST, ...files.flags, "--rest_bind_address", "127.0.0.1,::1"]);
  await connectAndAsk(server.address, [certificate.cert]);
  await assert.rejects(connectAndAsk(server.address, []));
  const addresses = (await restAddress(server)).split(",");
  assert.match(addresses[1] ?? "", /^\[::1\]:/);
  assert.equal(new Set(addresses.map((address) => address.split(":").at(-1))).size, 1);
  for (const address of addresses) assert.equal(await fetchState(`https://${address}`, [certificate.cert]), 200);
});

Deno.test("--ssl_config_file is for gRPC alone", async () => {
  await using certificate = await Certificate.make();
  await using files = await CertificateFiles.make();
  const path = `${files.folder}/ssl.pbtxt`;
  const { cert, key } = certificate;
  await Deno.writeTextFile(path, `server_key: ${JSON.stringify(key)}\nserver_cert: ${JSON.stringify(cert)}\n`);
  await using server = await Server.start([...MODEL, ...REST, "--ssl_config_file", path]);
  await connectAndAsk(server.address, [cert]);
  assert.equal(await fetchState(`http://${await restAddress(server)}`), 200);
});

Deno.test("a certificate and a key that do not match are refused with a clear error", async () => {
  await using certificate = await Certificate.make();
  await using other = await Certificate.make();
  await using files = await CertificateFiles.make();
  await files.put({ cert: certificate.cert, key: other.key });
  const { code, stderr } = await runProgram([...MODEL, "--port", "0", ...files.flags]);
  assert.equal(code, 1);
  assert.match(stderr, /^ovserve: Cannot listen on 0\.0\.0\.0:0: .*key/im);
});

Deno.test("a port in use by another server is reported with TLS too", async () => {
  await using certificate = await Certificate.make();
  await using files = await CertificateFiles.make();
  await files.put(certificate);
  await using server = await Server.start([...MODEL, ...files.flags]);
  const port = server.address.split(":")[1] ?? "";
  const { code, stderr } = await runProgram([...MODEL, "--port", port, ...files.flags]);
  assert.equal(code, 1);
  assert.match(stderr, /the port is in use, choose another with --port/);
});

for (const threads of ["1", "3"]) {
  Deno.test(
    `certificates are renewed under load (threads: ${threads}), and no client that connects fails`,
    LINUX_ONLY,
    async () => {
      await using first = await Certificate.make();
      await using second = await Certificate.make();
      await using files = await CertificateFiles.make();
      await files.put(first);
      await using server = await Server.start([
        ...[...MODEL, ...REST, ...files.flags],
        ...["--file_system_poll_wait_seconds", "0.1", "--grpc_workers", threads],
      ]);
      const rest = `https://${await restAddress(server)}`;
      const both = [first.cert, second.cert];
      let isOver = false;
      let calls = 0;
      const caller = async (call: () => Promise<unknown>): Promise<void> => {
        while (!isOver) {
          await call();
          calls++;
        }
      };
      using stayer = Deno.createHttpClient({ caCerts: both });
      const callers = Promise.all([
        caller(() => connectAndAsk(server.address, both)),
        caller(() => connectAndAsk(server.address, both)),
        caller(() => askOverTls(server.address, stayer)),
        caller(() => fetchState(rest, both)),
      ]);
      const renewals = (count: number): Promise<void> =>
        server.until(() => server.events("certificate renewed").length === count, `renewal ${count}`);

      for (const [count, { cert, key }] of [[1, second], [2, first], [3, second]] as const) {
        // Tools write the certificate before its key; a pair that does not match must not be used.
        await Deno.writeTextFile(files.certPath, cert);
        if (count === 1) await server.event("certificate refused");
        await Deno.writeTextFile(files.keyPath, key);
        await Promise.race([renewals(count), callers]);
        await connectAndAsk(server.address, [cert]);
        assert.equal(await fetchState(rest, [cert]), 200);
      }
      await assert.rejects(connectAndAsk(server.address, [first.cert]));
      isOver = true;
      await callers;
      assert(calls > 20, `${calls} calls`);
    },
  );
}

Deno.test(
  "--grpc_socket_path is an endpoint beside the port, and replaces a socket left by a killed server",
  LINUX_ONLY,
  async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/grpc.sock`;
    const options = { permissions: ["--allow-write"] };
    {
      const killed = await Server.start([...MODEL, "--grpc_socket_path", path], options);
      await ask(`unix:${path}`);
      await killed.stop("SIGKILL");
      assert((await Deno.lstat(path)).isSocket);
    }
    {
      await using server = await Server.start([...MODEL, "--grpc_socket_path", path], options);
      assert.equal((await server.event("server started")).grpcSocket, path);
      await ask(`unix:${path}`);
      await ask(server.address);
    }
    // Fails if the file still exists.
    await Deno.remove(folder);
  },
);
