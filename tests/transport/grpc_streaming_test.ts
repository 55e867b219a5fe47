/** Streaming methods of the gRPC server with many messages either way, as grpc-js sees them. */
import * as grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { CODE, ServingError } from "../../src/base/status.ts";
import type { MessageSink, ServerCall, StreamingMethod, UnaryMethod } from "../../src/grpc/call.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { testLimits } from "../../src/http2/testing/limits.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { RawStream } from "../support/raw_stream.ts";

const MESSAGE_BYTES_MAX = 8 << 20;

const PING: UnaryMethod = { path: "/test.Test/Ping", handle: (message, call) => call.reply([message]) };

/** A method that repeats each message, after `work` on it if that is given. */
class Echo implements StreamingMethod {
  readonly path = "/test.Test/Echo";
  readonly takesLargeMessages = true;
  readonly #work: ((message: Uint8Array) => Promise<void>) | undefined;
  /** Messages handled, and being handled. */
  handled = 0;
  running = 0;
  runningMax = 0;

  constructor(work?: (message: Uint8Array) => Promise<void>) {
    this.#work = work;
  }

  open(call: ServerCall): MessageSink {
    const reply = (message: Uint8Array) => {
      this.handled++;
      call.send([message]);
    };
    const work = this.#work;
    const onMessage = async (message: Uint8Array): Promise<void> => {
      this.runningMax = Math.max(this.runningMax, ++this.running);
      try {
        await work?.(message);
      } finally {
        this.running--;
      }
      reply(message);
    };
    return { onMessage: work === undefined ? reply : onMessage, onEnd: () => call.finish() };
  }
}

class Rig implements AsyncDisposable {
  readonly server: GrpcServer;
  readonly client: PredictionClient;
  readonly address: string;

  constructor(method: StreamingMethod, options: { inflightBytesMax?: number } = {}) {
    this.server = new GrpcServer([method, PING], {
      http2: testLimits(),
      configAccess: "all",
      connectionsMax: 100,
      messageBytesMax: MESSAGE_BYTES_MAX,
      inflightBytesMax: options.inflightBytesMax ?? 256 << 20,
      onFault: (error) => assert.fail(String(error.cause ?? error)),
    });
    this.address = `127.0.0.1:${(this.server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr).port}`;
    this.server.accept();
    this.client = new PredictionClient(this.address);
  }

  open(method: StreamingMethod, options: grpc.ClientOptions = {}): RawStream {
    return new RawStream(this.address, method.path, { "grpc.max_receive_message_length": -1, ...options });
  }

  /** Lets the server run some turns of its event loop: one per round trip. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.client.callRaw(PING.path, { message: new Uint8Array(1) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server.shutdown(1000);
  }
}

/** A message with bytes derived from its number. */
function numbered(number: number, length: number): Uint8Array {
  const message = new Uint8Array(length);
  for (let i = 0; i < length; i++) message[i] = (number * 31 + i * 7 + (i >> 8)) & 255;
  return message;
}

async function assertEchoed(stream: RawStream, sizes: readonly number[]): Promise<void> {
  for (const [number, size] of sizes.entries()) {
    const echoed = await stream.next();
    assert.equal(Buffer.compare(echoed, numbered(number, size)), 0, `message ${number} of ${size} bytes`);
  }
  stream.end();
  assert.equal((await stream.ended).code, CODE.OK);
}

const SIZES = [0, 1, 5, 16_384, 65_535, 65_536, 700_000, 3, (3 << 20) + 1, 10, 200_000, 8 << 20, 2];

for (const [kind, work] of [["at once", undefined], ["asynchronously", () => Promise.resolve()]] as const) {
  Deno.test(`a streaming method that handles messages ${kind} gets messages of any size in their order`, async () => {
    const echo = new Echo(work);
    await using rig = new Rig(echo);
    using stream = rig.open(echo);
    for (const [number, size] of SIZES.entries()) stream.send(numbered(number, size));
    await assertEchoed(stream, SIZES);
  });
}

Deno.test("a streaming method gets compressed messages of any size in their order", async () => {
  const echo = new Echo(() => Promise.resolve());
  await using rig = new Rig(echo);
  using stream = rig.open(echo, { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });
  for (const [number, size] of SIZES.entries()) stream.send(numbered(number, size));
  await assertEchoed(stream, SIZES);
});

Deno.test("a streaming method gets a message only once it has handled the one before", async () => {
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const echo: Echo = new Echo(() => gates[echo.handled]?.promise ?? Promise.resolve());
  await using rig = new Rig(echo);
  using stream = rig.open(echo);
  for (let number = 0; number < 3; number++) stream.send(numbered(number, 10));
  stream.end();
  for (const [number, gate] of gates.entries()) {
    await rig.turns(5);
    assert.deepEqual([echo.handled, echo.running], [number, 1]);
    gate.resolve();
    await stream.next();
  }
  assert.equal((await stream.ended).code, CODE.OK);
  assert.equal(echo.runningMax, 1);
});

Deno.test("a client that does not read its replies gets no more work done, and all of it once it reads", async () => {
  const echo = new Echo(() => Promise.resolve());
  await using rig = new Rig(echo);
  using stream = rig.open(echo);
  stream.pause();
  const sizes = Array.from({ length: 40 }, () => 1 << 20);
  for (const [number, size] of sizes.entries()) stream.send(numbered(number, size));
  // grpc-js and the system buffer a few messages; then nothing moves any more.
  for (let before = -1; before !== echo.handled;) {
    before = echo.handled;
    await rig.turns(100);
  }
  assert(echo.handled > 0 && echo.handled <= sizes.length / 2, `${echo.handled} messages were handled`);
  stream.resume();
  await assertEchoed(stream, sizes);
});

Deno.test("large messages of streams wait for memory like those of other calls", async () => {
  const gate = Promise.withResolvers<void>();
  const echo = new Echo(() => gate.promise);
  await using rig = new Rig(echo, { inflightBytesMax: 1 << 20 });
  using first = rig.open(echo);
  using second = rig.open(echo);
  const sizes = [700_000, 700_000];
  for (const stream of [first, second]) for (const [i, size] of sizes.entries()) stream.send(numbered(i, size));
  while (rig.server.traffic.waitingForMemory === 0) await rig.turns(1);
  await rig.turns(20);
  assert.equal(echo.running, 1);
  assert.equal(rig.server.traffic.inflightBytes, 700_000);
  gate.resolve();
  await Promise.all([assertEchoed(first, sizes), assertEchoed(second, sizes)]);
  assert.equal(echo.runningMax, 1);
  assert.equal(rig.server.traffic.inflightBytes, 0);
});

Deno.test("a stream that is cancelled gives back memory, granted or waited for, once its message is handled", async () => {
  const gate = Promise.withResolvers<void>();
  const echo = new Echo(() => gate.promise);
  await using rig = new Rig(echo, { inflightBytesMax: 1 << 20 });
  using stream = rig.open(echo);
  for (let i = 0; i < 2; i++) stream.send(numbered(i, 700_000));
  while (rig.server.traffic.waitingForMemory === 0) await rig.turns(1);
  stream.cancel();
  while (rig.server.traffic.waitingForMemory > 0) await rig.turns(1);
  assert.equal(rig.server.traffic.inflightBytes, 700_000);
  gate.resolve();
  while (rig.server.traffic.inflightBytes > 0) await rig.turns(1);
});

Deno.test("a streaming method that rejects ends the call with its status, and gets nothing more", async () => {
  const echo = new Echo((message) =>
    message.length === 2 ? Promise.reject(new ServingError(CODE.ABORTED, "no twos")) : Promise.resolve()
  );
  await using rig = new Rig(echo);
  using stream = rig.open(echo);
  for (const length of [1, 2, 3]) stream.send(numbered(0, length));
  assert.equal((await stream.next()).length, 1);
  assert.deepEqual(await stream.ended, { code: CODE.ABORTED, details: "no twos" });
  assert.equal(echo.handled, 1);
});

Deno.test("a streaming method refuses messages past its bound, also inflated ones", async () => {
  const echo = new Echo(() => Promise.resolve());
  await using rig = new Rig(echo);
  const gzip = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip };
  for (const options of [{}, gzip]) {
    using stream = rig.open(echo, options);
    stream.send(new Uint8Array(MESSAGE_BYTES_MAX + 1));
    const { code, details } = await stream.ended;
    assert.equal(code, CODE.RESOURCE_EXHAUSTED, details);
  }
  assert.equal(echo.handled, 0);
});
