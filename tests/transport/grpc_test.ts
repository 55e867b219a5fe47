/** The gRPC server alone, with small methods of the test's own, as grpc-js sees it. */
import * as grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { CODE, ServingError } from "../../src/base/status.ts";
import type { RequestGate } from "../../src/base/observed_request.ts";
import type { Method, ServerCall } from "../../src/grpc/call.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { testLimits } from "../../src/http2/testing/limits.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { RawStream } from "../support/raw_stream.ts";

/** Returns its request. */
const ECHO: Method = { path: "/test.Test/Echo", handle: (message, call) => call.reply([message]) };

/** A program that opens 200 connections within 3 s and resets each at once (SO_LINGER of 0). */
const RESETS = `
import socket, struct, sys, time
for _ in range(200):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.close()
    time.sleep(0.015)
`;

/** A server and a client of it. */
class Rig implements AsyncDisposable {
  readonly server: GrpcServer;
  readonly client: PredictionClient;
  readonly faults: ServingError[] = [];
  readonly port: number;

  constructor(
    methods: readonly Method[],
    options: {
      messageBytesMax?: number;
      inflightBytesMax?: number;
      connectionsMax?: number;
      gate?: RequestGate;
      client?: grpc.ClientOptions;
    } = {},
  ) {
    this.server = new GrpcServer(methods, {
      http2: testLimits(),
      configAccess: "all",
      connectionsMax: options.connectionsMax ?? 100,
      messageBytesMax: options.messageBytesMax ?? 64 << 20,
      inflightBytesMax: options.inflightBytesMax ?? 256 << 20,
      onFault: (error) => this.faults.push(error),
      gate: options.gate,
    });
    this.port = (this.server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr).port;
    this.server.accept();
    this.client = new PredictionClient(`127.0.0.1:${this.port}`, options.client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server.shutdown(1000);
  }
}

/** Bytes that differ by offset. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 255;
  return bytes;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("GrpcServer carries messages of any size both ways", async () => {
  await using rig = new Rig([ECHO]);
  for (const length of [0, 1, 16_384 - 5, 16_384, 65_536, 1 << 20, (16 << 20) + 7]) {
    const message = pattern(length);
    const reply = await rig.client.callRaw(ECHO.path, { message });
    assert(isSame(reply, message), `${length} bytes`);
  }
});

Deno.test("GrpcServer handles a hundred concurrent calls on one connection, and mixes nothing up", async () => {
  await using rig = new Rig([ECHO]);
  const sizes = Array.from({ length: 100 }, (_, i) => i * 997);
  const replies = await Promise.all(sizes.map((size) => rig.client.callRaw(ECHO.path, { message: pattern(size) })));
  for (const [i, size] of sizes.entries()) assert.equal(replies[i]?.length, size);
});

for (const coding of ["gzip", "deflate"] as const) {
  const client = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms[coding] };

  Deno.test(`GrpcServer reads and writes ${coding} for a client that does`, async () => {
    await using rig = new Rig([ECHO], { client });
    for (const length of [0, 10, 3 << 20]) {
      const message = new Uint8Array(length).fill(7);
      assert(isSame(await rig.client.callRaw(ECHO.path, { message }), message));
    }
  });

  Deno.test(`GrpcServer bounds the inflated size of a message compressed by ${coding}`, async () => {
    await using rig = new Rig([ECHO], { client, messageBytesMax: 1 << 20 });
    const bomb = rig.client.callRaw(ECHO.path, { message: new Uint8Array(8 << 20) });
    await assert.rejects(bomb, { code: CODE.RESOURCE_EXHAUSTED });
    assert.equal((await rig.client.callRaw(ECHO.path, { message: new Uint8Array(9) })).length, 9);
  });
}

Deno.test("GrpcServer refuses a message that is too long, and keeps the connection", async () => {
  await using rig = new Rig([ECHO], { messageBytesMax: 1000 });
  const tooLong = rig.client.callRaw(ECHO.path, { message: new Uint8Array(2_000_000) });
  await assert.rejects(tooLong, { code: CODE.RESOURCE_EXHAUSTED, details: /larger than max \(2000000 vs\. 1000\)/ });
  assert.equal((await rig.client.callRaw(ECHO.path, { message: new Uint8Array(1000) })).length, 1000);
});

Deno.test("GrpcServer refuses a call with more than 16 KiB of metadata, and keeps the connection", async () => {
  await using rig = new Rig([ECHO]);
  const message = new Uint8Array(10);
  for (const bytes of [17_000, 100_000]) {
    const call = rig.client.callRaw(ECHO.path, { message, metadata: { "x-large": "v".repeat(bytes) } });
    await assert.rejects(call, { code: CODE.RESOURCE_EXHAUSTED, details: /more metadata than the server accepts/ });
    assert.equal((await rig.client.callRaw(ECHO.path, { message })).length, 10);
  }
  assert.equal(rig.server.traffic.acceptedConnections, 1);
});

Deno.test("GrpcServer past its connections closes the longest idle one for a new one, and none with a call", async () => {
  let finish = (): void => {};
  const slow: Method = {
    path: "/test.Test/Slow",
    handle: (message, call) => new Promise<void>((resolve) => finish = resolve).then(() => call.reply([message])),
  };
  await using rig = new Rig([ECHO, slow], { connectionsMax: 3 });
  const message = new Uint8Array(1);
  const busy = rig.client.callRaw(slow.path, { message });
  using opened = new DisposableStack();
  for (let i = 0; i < 5; i++) opened.use(await Deno.connect({ hostname: "127.0.0.1", port: rig.port }));
  using client = new PredictionClient(`127.0.0.1:${rig.port}`);
  assert.equal((await client.callRaw(ECHO.path, { message })).length, 1);
  finish();
  assert.equal((await busy).length, 1);
});

Deno.test("GrpcServer accepts connections while others are reset before it gets to them", async () => {
  await using rig = new Rig([ECHO]);
  const resets = await new Deno.Command("env", { args: ["python3", "-c", RESETS, String(rig.port)] }).spawn();
  let calls = 0;
  let isOver = false;
  resets.status.then(() => isOver = true);
  while (!isOver) {
    using client = new PredictionClient(`127.0.0.1:${rig.port}`);
    await client.callRaw(ECHO.path, { message: new Uint8Array(1) });
    calls++;
  }
  assert((await resets.status).success);
  // The resets would hold the server back for 20 s if each cost a pause of 100 ms.
  assert(calls >= 20, `${calls} clients were served`);
});

Deno.test("GrpcServer sends a thrown ServingError to the client and hides other errors", async () => {
  const refuse: Method = {
    path: "/test.Test/Refuse",
    handle: () => {
      throw new ServingError(CODE.ABORTED, "50% sure: ü");
    },
  };
  const fail: Method = { path: "/test.Test/Fail", handle: () => Promise.reject(new TypeError("x is secret")) };
  await using rig = new Rig([refuse, fail]);
  const message = new Uint8Array();
  await assert.rejects(rig.client.callRaw(refuse.path, { message }), { code: CODE.ABORTED, details: "50% sure: ü" });
  await assert.rejects(rig.client.callRaw(fail.path, { message }), { code: CODE.INTERNAL, details: "Internal error" });
  assert.deepEqual(rig.faults.map(({ cause }) => String(cause)), ["TypeError: x is secret"]);
});

Deno.test("GrpcServer replies UNIMPLEMENTED for an unknown method", async () => {
  await using rig = new Rig([ECHO]);
  const unknown = rig.client.callRaw("/test.Test/Unknown", { message: new Uint8Array(3) });
  await assert.rejects(unknown, { code: CODE.UNIMPLEMENTED, details: "Method /test.Test/Unknown is not implemented" });
});

/** A method that waits until its call is cancelled, and the reason of that. */
function waiting(): { method: Method; reason: Promise<unknown>; entered: Promise<void> } {
  const { promise: reason, resolve } = Promise.withResolvers<unknown>();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const handle = (_: Uint8Array, call: ServerCall): Promise<void> => {
    enter();
    return new Promise((done) =>
      call.signal.addEventListener("abort", () => {
        resolve(call.signal.reason);
        done();
      })
    );
  };
  return { method: { path: "/test.Test/Wait", handle }, reason, entered };
}

Deno.test("GrpcServer aborts a method when its client cancels", async () => {
  const { method, reason, entered } = waiting();
  await using rig = new Rig([method]);
  const abort = new AbortController();
  const call = rig.client.callRaw(method.path, { message: new Uint8Array(), signal: abort.signal });
  await entered;
  abort.abort();
  await assert.rejects(call, { code: CODE.CANCELLED });
  assert.equal((await reason as ServingError).code, CODE.CANCELLED);
});

Deno.test("GrpcServer aborts a method when its client's deadline passes", async () => {
  const { method, reason } = waiting();
  await using rig = new Rig([method]);
  const call = rig.client.callRaw(method.path, { message: new Uint8Array(), timeoutMs: 50 });
  await assert.rejects(call, { code: CODE.DEADLINE_EXCEEDED });
  // Either side may notice first: the client cancels by its own clock.
  assert([CODE.DEADLINE_EXCEEDED, CODE.CANCELLED].includes((await reason as ServingError).code as 4));
});

Deno.test("GrpcServer.shutdown() lets accepted calls finish, and accepts none afterwards", async () => {
  const { promise: mayReply, resolve: letReply } = Promise.withResolvers<void>();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const slow: Method = {
    path: "/test.Test/Slow",
    async handle(message, call): Promise<void> {
      enter();
      await mayReply;
      call.reply([message]);
    },
  };
  const rig = new Rig([slow]);
  const running = rig.client.callRaw(slow.path, { message: pattern(10) });
  await entered;
  const gone = rig.server.shutdown(10_000);
  // The client does not know of the shutdown yet, so this call is still accepted.
  const late = rig.client.callRaw(slow.path, { message: pattern(1) });
  letReply();
  assert.equal((await running).length, 10);
  assert.equal((await late).length, 1);
  await gone;
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: rig.port }), Deno.errors.ConnectionRefused);
  rig.client[Symbol.dispose]();
});

Deno.test("GrpcServer.shutdown() ends calls that do not finish in time", async () => {
  const { method, entered } = waiting();
  const rig = new Rig([method]);
  const call = rig.client.callRaw(method.path, { message: new Uint8Array() });
  await entered;
  const ended = assert.rejects(call, { code: CODE.UNAVAILABLE });
  await rig.server.shutdown(50);
  await ended;
  rig.client[Symbol.dispose]();
});

Deno.test("GrpcServer handles large messages one after the other when memory is short, and replies to all", async () => {
  let running = 0;
  let most = 0;
  const slowEcho: Method = {
    path: "/test.Test/SlowEcho",
    async handle(message, call): Promise<void> {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      call.reply([message.subarray(0, 3)]);
    },
  };
  await using rig = new Rig([slowEcho], { inflightBytesMax: 12 << 20 });
  const calls = Array.from({ length: 20 }, (_, i) => {
    const message = new Uint8Array(5 << 20).fill(i);
    return rig.client.callRaw(slowEcho.path, { message });
  });
  for (const [i, reply] of (await Promise.all(calls)).entries()) assert.deepEqual([...reply], [i, i, i]);
  assert.equal(most, 2);
});

Deno.test("GrpcServer keeps a message unchanged while its method holds it, whatever happens meanwhile", async () => {
  const held: Uint8Array[] = [];
  const { promise: allHeld, resolve: tellHeld } = Promise.withResolvers<void>();
  const { promise: mayReply, resolve: letReply } = Promise.withResolvers<void>();
  const lengths = Array.from({ length: 60 }, (_, i) => 1 + i % 5 * (i % 5 === 4 ? 70_000 : 900) + i);
  const hold: Method = {
    path: "/test.Test/Hold",
    findAligned: (_, length) => length % 23,
    async handle(message, call): Promise<void> {
      if (held.push(message) === lengths.length) tellHeld();
      await mayReply;
      call.reply([message]);
    },
  };
  await using rig = new Rig([hold, ECHO]);
  const leaving = new AbortController();
  const calls = lengths.map((length, i) => {
    const signal = i % 3 === 0 ? { signal: leaving.signal } : {};
    return rig.client.callRaw(hold.path, { message: pattern(length), ...signal });
  });
  const settled = Promise.allSettled(calls);
  await allHeld;
  leaving.abort();
  // Messages of all sizes reuse whatever memory is free now.
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      lengths.map((length) => rig.client.callRaw(ECHO.path, { message: new Uint8Array(length).fill(round) })),
    );
  }
  for (const message of held) assert(isSame(message, pattern(message.length)), `${message.length} bytes held`);
  letReply();
  for (const [i, outcome] of (await settled).entries()) {
    if (i % 3 === 0) assert.equal(outcome.status, "rejected");
    else assert(outcome.status === "fulfilled" && isSame(outcome.value, pattern(lengths[i] as number)));
  }
});

Deno.test("GrpcServer releases memory when calls are cancelled", async () => {
  const { method } = waiting();
  await using rig = new Rig([ECHO, method], { inflightBytesMax: 4 << 20 });
  const abort = new AbortController();
  const message = new Uint8Array(3 << 20);
  const stuck = Array.from({ length: 5 }, () => rig.client.callRaw(method.path, { message, signal: abort.signal }));
  const small = await rig.client.callRaw(ECHO.path, { message: new Uint8Array(100) });
  assert.equal(small.length, 100);
  abort.abort();
  await Promise.allSettled(stuck);
  assert.equal((await rig.client.callRaw(ECHO.path, { message })).length, message.length);
});

Deno.test("GrpcServer refuses a message that is larger than all memory for messages", async () => {
  await using rig = new Rig([ECHO], { inflightBytesMax: 1 << 20 });
  const message = new Uint8Array(2 << 20);
  await assert.rejects(rig.client.callRaw(ECHO.path, { message }), { code: CODE.RESOURCE_EXHAUSTED });
});

/** A gate that the test opens; records what waits at it. */
class TestGate implements RequestGate {
  isOpen = false;
  readonly waiting: number[] = [];
  readonly #opened = Promise.withResolvers<void>();
  readonly #changed = Promise.withResolvers<void>();

  wait({ signal }: { signal: AbortSignal }, bytes: number): Promise<void> {
    this.waiting.push(bytes);
    this.#changed.resolve();
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      this.#opened.promise.then(resolve);
    });
  }

  /** Resolves once a call waits. */
  occupied(): Promise<void> {
    return this.#changed.promise;
  }

  open(): void {
    this.isOpen = true;
    this.#opened.resolve();
  }
}

Deno.test("GrpcServer holds back calls of methods that wait for its gate, and no others", async () => {
  const gate = new TestGate();
  const gated: Method = { ...ECHO, path: "/test.Test/Gated", waitsForGate: true };
  await using rig = new Rig([ECHO, gated], { gate });
  const message = pattern(100);
  const held = rig.client.callRaw(gated.path, { message });
  await gate.occupied();
  assert(isSame(await rig.client.callRaw(ECHO.path, { message }), message));
  assert.deepEqual(gate.waiting, [100]);
  gate.open();
  assert(isSame(await held, message));
  assert(isSame(await rig.client.callRaw(gated.path, { message }), message));
  assert.deepEqual(gate.waiting, [100]);
});

Deno.test("GrpcServer keeps a stream's messages until its gate is open", async () => {
  const gate = new TestGate();
  const received: number[] = [];
  const gated: Method = {
    path: "/test.Test/Gated",
    waitsForGate: true,
    open: (call) => ({
      onMessage: (message) => {
        received.push(message.length);
        call.send([message]);
      },
      onEnd: () => call.finish(),
    }),
  };
  await using rig = new Rig([ECHO, gated], { gate });
  using stream = new RawStream(`127.0.0.1:${rig.port}`, gated.path);
  stream.send(pattern(5));
  stream.send(pattern(6));
  stream.end();
  await gate.occupied();
  await rig.client.callRaw(ECHO.path, { message: pattern(1) });
  assert.deepEqual(received, []);
  gate.open();
  assert.equal((await stream.next()).length, 5);
  assert.equal((await stream.next()).length, 6);
  assert.equal((await stream.ended).code, CODE.OK);
});
