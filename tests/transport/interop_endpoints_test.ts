/** Endpoints with misbehaving clients, and the files of Unix sockets. */
import assert from "node:assert/strict";
import { joinParts } from "../../src/base/bytes.ts";
import { FRAME, PREFACE, SETTING, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX } from "../../src/http2/frames.ts";
import type { Http2Limits } from "../../src/http2/limits.ts";
import {
  dataFrame,
  headersFrame,
  requestFields,
  settingsFrame,
  uint32Frame,
} from "../../src/http2/testing/test_peer.ts";
import { Certificate } from "./interop/certificate.ts";
import { InteropServer } from "./interop/server.ts";
import { until } from "../support/until.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };

/** Linux's constants (tcp(7)). */
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** A length-prefixed `StringValue`: "unread 20000000". */
const WAIT_FOR_20_MB = joinParts([
  Uint8Array.of(0, 0, 0, 0, 17, 0x0a, 15),
  new TextEncoder().encode("unread 20000000"),
]);

/** A TLS server, and what its clients need. */
class TlsRig implements AsyncDisposable {
  readonly #certificate: Certificate;
  readonly server: InteropServer;

  private constructor(certificate: Certificate, limits: Partial<Http2Limits>) {
    this.#certificate = certificate;
    this.server = new InteropServer({ hostname: "127.0.0.1", port: 0, tls: certificate }, limits);
  }

  static async start(limits: Partial<Http2Limits> = {}): Promise<TlsRig> {
    return new TlsRig(await Certificate.make(), limits);
  }

  get address(): { hostname: string; port: number } {
    return { hostname: "127.0.0.1", port: Number(this.server.target.split(":")[1]) };
  }

  connectTls(alpnProtocols: string[]): Promise<Deno.TlsConn> {
    return Deno.connectTls({ ...this.address, caCerts: [this.#certificate.cert], alpnProtocols });
  }

  /** Checks that a well-behaved client is served. */
  async expectServed(): Promise<void> {
    const conn = await this.connectTls(["h2"]);
    await conn.write(joinParts([PREFACE, settingsFrame()]));
    const frame = new Uint8Array(9);
    for (let length = 0; length < frame.length;) {
      const count = await conn.read(frame.subarray(length));
      assert(count !== null, "the server has hung up");
      length += count;
    }
    assert.equal(frame[3], FRAME.SETTINGS);
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#certificate[Symbol.asyncDispose]();
  }
}

/** Reads until the server closes the connection, cleanly or not. */
async function untilClosed(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    while (await conn.read(buffer) !== null);
  } catch (error) {
    assert(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof, String(error));
  }
  conn.close();
}

Deno.test(
  "a client that starts no TLS handshake is disconnected, and delays no other",
  LINUX_ONLY,
  async () => {
    await using rig = await TlsRig.start({ prefaceTimeoutMs: 300 });
    const silent = await Promise.all(Array.from({ length: 20 }, () => Deno.connect(rig.address)));
    await silent[0]?.write(Uint8Array.of(22, 3, 1));
    await rig.expectServed();
    await Promise.all(silent.map(untilClosed));
    await rig.expectServed();
  },
);

Deno.test("a client that does not speak TLS is disconnected", async () => {
  await using rig = await TlsRig.start();
  for (const text of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
    const conn = await Deno.connect(rig.address);
    await conn.write(new TextEncoder().encode(text));
    await untilClosed(conn);
  }
  await rig.expectServed();
});

Deno.test("a client that does not offer HTTP/2 by ALPN is disconnected", async () => {
  await using rig = await TlsRig.start();
  await untilClosed(await rig.connectTls([]));
  const http1 = await rig.connectTls(["http/1.1"]);
  await assert.rejects(http1.handshake(), /alert|NoApplicationProtocol/i);
  http1.close();
  await rig.expectServed();
});

Deno.test("shutting down does not wait for TLS handshakes", LINUX_ONLY, async () => {
  const rig = await TlsRig.start({ prefaceTimeoutMs: 60_000 });
  const silent = await Deno.connect(rig.address);
  await rig.expectServed();
  await rig[Symbol.asyncDispose]();
  await untilClosed(silent);
});

Deno.test("connections past the bound are closed, also during their TLS handshakes", LINUX_ONLY, async () => {
  await using rig = await TlsRig.start({ prefaceTimeoutMs: 300 });
  const silent = await Promise.all(Array.from({ length: 120 }, () => Deno.connect(rig.address)));
  await Promise.all(silent.map(untilClosed));
  await rig.expectServed();
});

Deno.test("a TLS client that does not read its reply is disconnected", LINUX_ONLY, async () => {
  await using rig = await TlsRig.start({ writeTimeoutMs: 300 });
  const conn = await rig.connectTls(["h2"]);
  const fields = [{ name: ":path", value: "/ovserve.interop.Interop/Wait" }, {
    name: "content-type",
    value: "application/grpc",
  }];
  const sent = [
    PREFACE,
    settingsFrame([SETTING.INITIAL_WINDOW_SIZE, WINDOW_BYTES_MAX]),
    uint32Frame(FRAME.WINDOW_UPDATE, 0, WINDOW_BYTES_MAX - WINDOW_BYTES_DEFAULT),
    headersFrame(1, { fields: [...requestFields().filter(({ name }) => name !== ":path"), ...fields] }),
    dataFrame(1, WAIT_FOR_20_MB, true),
  ];
  await conn.write(joinParts(sent));
  await rig.server.arrived("unread");
  rig.server.release("unread");
  await until("the connection is gone", () => rig.server.connectionCount === 0);
  conn.close();
});

Deno.test("data over TLS is sent without waiting for acknowledgements", LINUX_ONLY, async () => {
  const library = Deno.dlopen("libc.so.6", {
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  });
  await using rig = await TlsRig.start();
  const conn = await rig.connectTls(["h2"]);
  await until("one connection is left", () => rig.server.connectionCount === 1);
  const values: number[] = [];
  for (let descriptor = 0; descriptor < 1024; descriptor++) {
    const [address, value] = [new Uint8Array(28), new Int32Array(1)];
    if (library.symbols.getsockname(descriptor, address, Uint32Array.of(address.length)) !== 0) continue;
    if (new DataView(address.buffer).getUint16(2) !== rig.address.port) continue;
    assert.equal(library.symbols.getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, value, Uint32Array.of(4)), 0);
    values.push(value[0] as number);
  }
  library.close();
  conn.close();
  // The option of the listener, which its connections inherit.
  assert.deepEqual(values, [1, 1]);
});

Deno.test("a Unix socket's file disappears with its server", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/grpc.sock`;
  for (let round = 0; round < 2; round++) {
    await using server = new InteropServer({ path });
    assert.equal(server.target, `unix:${path}`);
    assert((await Deno.lstat(path)).isSocket);
  }
  // Fails if the file still exists.
  await Deno.remove(folder);
});
