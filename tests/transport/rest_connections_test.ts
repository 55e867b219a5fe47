/** Silent, slow and too many REST clients: they are disconnected or refused without cost to others. */
import assert from "node:assert/strict";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";

/** Silent connections are found through Linux's list of the process's sockets. */
const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const PREDICT = "POST /v1/models/half:predict HTTP/1.1\r\nHost: localhost\r\n";
const BODY = '{"instances": [10]}';

/** A connection that sends raw bytes. */
class RawClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  #received = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Everything received so far. */
  get received(): string {
    return this.#received;
  }

  static async connect(port: number, text = ""): Promise<RawClient> {
    const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
    await client.send(text);
    return client;
  }

  async send(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  /** Reads until the received data contains a text. Fails if the server closes before. */
  async until(text: string): Promise<void> {
    while (!this.#received.includes(text)) {
      if (!await this.#read()) throw new Error(`The server hung up: ${this.#received}`);
    }
  }

  /** Reads until the server closes the connection. */
  async ended(): Promise<string> {
    while (await this.#read());
    return this.#received;
  }

  async #read(): Promise<boolean> {
    const chunk = new Uint8Array(4096);
    const count = await this.#connection.read(chunk).catch(() => null);
    if (count === null) return false;
    this.#received += new TextDecoder().decode(chunk.subarray(0, count));
    return true;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

async function start(args: readonly string[]): Promise<{ server: Server; port: number; ask: () => Promise<number> }> {
  const server = await Server.start([
    ...["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")],
    ...["--rest_bind_address", "127.0.0.1", "--rest_port", "any", ...args],
  ]);
  const { rest } = await server.event("server started");
  const ask = async () => {
    const response = await fetch(`http://${rest}/v1/models/half:predict`, { method: "POST", body: BODY });
    await response.body?.cancel();
    return response.status;
  };
  return { server, port: Number((rest as string).split(":")[1]), ask };
}

Deno.test("silent REST connections are closed, whatever they have sent so far", LINUX_ONLY, async () => {
  const { server, port } = await start(["--rest_max_connection_idle_seconds", "1"]);
  await using _ = server;
  using nothing = await RawClient.connect(port);
  using halfAHeader = await RawClient.connect(port, `${PREDICT}X-Half`);
  using idle = await RawClient.connect(port, `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
  await idle.until("predictions");
  // A request in progress keeps its connection, although the client is silent.
  using slow = await RawClient.connect(port, `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n`);
  await Promise.all([nothing.ended(), halfAHeader.ended(), idle.ended()]);
  await slow.send(BODY);
  await slow.until("predictions");
});

Deno.test(
  "REST connections past --rest_max_connections are closed, those without any request first",
  LINUX_ONLY,
  async () => {
    const { server, port } = await start(["--rest_max_connections", "3"]);
    await using _ = server;
    using asking = await RawClient.connect(port, `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
    await asking.until("predictions");
    const silent = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(port)));
    let ended = 0;
    const enough = Promise.withResolvers<void>();
    const ends = silent.map(async (client) => {
      await client.ended();
      if (++ended === 8) enough.resolve();
    });
    await enough.promise;
    await asking.send(`${PREDICT.replace("half", "nope")}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
    await asking.until("Servable not found");
    await server.stop();
    await Promise.all(ends);
    for (const client of silent) client[Symbol.dispose]();
  },
);

Deno.test("REST requests past --rest_max_connections are refused at once with 503", async () => {
  const { server, port, ask } = await start(["--rest_max_connections", "2", "--shutdown_grace_seconds", "1"]);
  await using _ = server;
  const head = `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n`;
  using first = await RawClient.connect(port, head);
  using second = await RawClient.connect(port, head);
  while (await ask() !== 503);
  await first.send(BODY);
  await first.until("predictions");
  assert.equal(await ask(), 200);
  await second.send(BODY);
  await second.until("predictions");
});

Deno.test(
  "a REST request without its body gets 408, and its connection is closed",
  LINUX_ONLY,
  async () => {
    const { server, port, ask } = await start(["--rest_api_timeout_in_ms", "300"]);
    await using _ = server;
    using short = await RawClient.connect(port, `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n{`);
    using long = await RawClient.connect(port, `${PREDICT}Content-Length: 1000000\r\n\r\n{`);
    using endless = await RawClient.connect(port, `${PREDICT}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`);
    for (const client of [short, long, endless]) await client.until("408 Request Timeout");
    assert.equal(await ask(), 200);
    await Promise.all([short, long, endless].map((client) => client.ended()));
  },
);

Deno.test("a REST request that names two hosts or two lengths is refused, and its connection closed", async () => {
  const { server, port } = await start([]);
  await using _ = server;
  const chunked = `Transfer-Encoding: chunked\r\n\r\n13\r\n${BODY}\r\n0\r\n\r\n`;
  for (
    const request of [
      `${PREDICT}Content-Length: ${BODY.length}\r\n${chunked}`,
      `${PREDICT}Host: other\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
    ]
  ) {
    using client = await RawClient.connect(port, `${request}GET /v1/models/half HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const reply = await client.ended();
    assert.match(reply, /^HTTP\/1\.1 400 /);
    assert.match(reply, /\r\nconnection: close\r\n/i);
    assert.equal(reply.split("HTTP/1.1 ").length, 2, "what follows is not a request");
  }
});

Deno.test("REST replies say that their connection ends while the server waits to shut down", LINUX_ONLY, async () => {
  const { server, port } = await start(["--shutdown_delay_seconds", "3600"]);
  await using _ = server;
  const request = `${PREDICT}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;
  using client = await RawClient.connect(port, request);
  await client.until('"predictions"');
  assert.match(client.received, /200 OK/);
  assert.doesNotMatch(client.received, /connection: close/i);
  server.signal("SIGTERM");
  await server.event("server leaving");
  await client.send(request);
  await client.until("connection: close");
  assert.equal((await server.stop("SIGINT")).code, 130);
});
