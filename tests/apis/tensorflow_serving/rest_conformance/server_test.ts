/** The REST server on a socket: what the transport does besides carrying requests. */
import assert from "node:assert/strict";
import type { FakeModelFile } from "../../../../src/engine/testing/fake_engine.ts";
import { tensorFlowServingRoutes } from "../../../../src/apis/tensorflow_serving/routes.ts";
import { CodecThread } from "../../../../src/rest/codec_thread.ts";
import { RestServer } from "../../../../src/rest/server.ts";
import { RestRig } from "./rig.ts";
import { DEFAULT_REST } from "../../../support/config.ts";
import { until } from "../../../support/until.ts";

const PLUS_TWO: FakeModelFile = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }],
  compute: "add",
  value: 2,
};
const BODY = '{"instances": [1, 2.5]}';
const PREDICTIONS = '{\n    "predictions": [3.0, 4.5\n    ]\n}';

/** A server on a port of its own. */
class Listening implements AsyncDisposable {
  readonly server: RestServer;
  readonly port: number;
  readonly #codecThread = new CodecThread(new URL("../../../../src/app/codec_worker.ts", import.meta.url));

  constructor(rig: RestRig, options: { bodyBytesMax?: number } = {}) {
    const services = { ...rig.services, codecThread: this.#codecThread };
    this.server = new RestServer([tensorFlowServingRoutes(services)], {
      ...DEFAULT_REST,
      onFault: (error) => rig.faults.push(String(error.cause)),
      ...options,
    });
    this.port = (this.server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown(1000);
    this.#codecThread[Symbol.dispose]();
  }
}

/** Sends bytes as they are and reads what comes until the server closes. */
async function exchange(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

function predict(url: string, body: BodyInit = BODY): Promise<Response> {
  return fetch(`${url}/v1/models/plus_two:predict`, { method: "POST", body });
}

Deno.test("One connection carries many requests, whole bodies and chunked ones", async () => {
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] });
  await using listening = new Listening(rig);
  const head = "POST /v1/models/plus_two:predict HTTP/1.1\r\nHost: localhost\r\n";
  const whole = `${head}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;
  const chunks = [BODY.slice(0, 5), BODY.slice(5)].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`;
  const last = "HEAD /v1/models/plus_two HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const answers = await exchange(listening.port, whole + chunked + whole + last);
  assert.equal(answers.split("HTTP/1.1 200 OK").length - 1, 4);
  assert.equal(answers.split(PREDICTIONS).length - 1, 3);
  assert(answers.endsWith("\r\n\r\n"), "the answer to HEAD has no body");
});

Deno.test("A body that is too long is refused, whether it says so or not", async () => {
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] });
  await using listening = new Listening(rig, { bodyBytesMax: 1000 });
  const long = new Uint8Array(5000).fill(0x20);
  for (const body of [long, ReadableStream.from([long.subarray(0, 600), long.subarray(600)])]) {
    const response = await predict(listening.url, body);
    assert.equal(response.status, 413);
    assert.match(await response.text(), /longer than the 1000 bytes/);
  }
  assert.equal(await (await predict(listening.url)).text(), PREDICTIONS);
});

Deno.test("A client that leaves in the middle of its body harms no other", async () => {
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] });
  await using listening = new Listening(rig);
  for (let i = 0; i < 5; i++) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: listening.port });
    const start = "POST /v1/models/plus_two:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{";
    await connection.write(new TextEncoder().encode(start));
  }
  assert.equal(await (await predict(listening.url)).text(), PREDICTIONS);
  assert.deepEqual(rig.faults, []);
});

Deno.test("Large bodies go through a thread of their own, there and back, and small ones meanwhile do not wait", async () => {
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] });
  await using listening = new Listening(rig);
  const count = 200_000;
  const large = await predict(listening.url, `{"instances": [${new Array(count).fill("0.25").join()}]}`);
  assert.equal(large.status, 200);
  const { predictions } = await large.json();
  assert.equal(predictions.length, count);
  assert(predictions.every((value: number) => value === 2.25));

  const [refused, small] = await Promise.all([
    predict(listening.url, `{"instances": [${"1,".repeat(count)}]}`),
    predict(listening.url),
  ]);
  assert.equal(refused.status, 400);
  const offset = '{"instances": ['.length + 2 * count;
  assert.equal(
    await refused.text(),
    `{\n    "error": "JSON Parse error: Invalid value. at offset: ${offset}"\n}`,
  );
  assert.equal(await small.text(), PREDICTIONS);
});

/** Inferred off the loop, so that it can be held. */
const LARGE_BODY = `{"instances": [${new Array(300_000).fill("1").join()}]}`;

/** Holds inferences from when it is told to. */
class Gate {
  readonly #inferring = Promise.withResolvers<void>();
  readonly #held = Promise.withResolvers<void>();
  #isHolding = false;

  pass(stage: string): Promise<void> | undefined {
    if (stage !== "infer" || !this.#isHolding) return undefined;
    this.#inferring.resolve();
    return this.#held.promise;
  }

  /** Sends a request and resolves, with what becomes of it, once it is being inferred. */
  async hold(send: () => Promise<Response>): Promise<{ response: Promise<Response> }> {
    this.#isHolding = true;
    const response = send();
    await this.#inferring.promise;
    return { response };
  }

  open(): void {
    this.#held.resolve();
  }
}

Deno.test("A server that leaves finishes what it has begun and takes nothing new", async () => {
  const gate = new Gate();
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] }, { gate: (stage) => gate.pass(stage) });
  const listening = new Listening(rig);
  const running = await gate.hold(() => predict(listening.url, LARGE_BODY));
  const left = listening.server.shutdown(60_000);
  gate.open();
  const response = await running.response;
  assert.equal(response.status, 200);
  assert.equal((await response.json()).predictions.length, 300_000);
  await left;
  await assert.rejects(predict(listening.url), TypeError);
});

Deno.test("A server that leaves does not wait for a client that neither sends nor reads", async () => {
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] });
  const listening = new Listening(rig);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: listening.port });
  const start = "POST /v1/models/plus_two:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{";
  await connection.write(new TextEncoder().encode(start));
  await until("the request has arrived", () => listening.server.runningCount > 0);
  await listening.server.shutdown(20);
});

Deno.test("A server that leaves waits no longer than it is given", async () => {
  const gate = new Gate();
  await using rig = await RestRig.start({ plus_two: [PLUS_TWO] }, { gate: (stage) => gate.pass(stage) });
  const listening = new Listening(rig);
  const running = await gate.hold(() => predict(listening.url, LARGE_BODY));
  await listening.server.shutdown(20);
  const response = await running.response;
  assert.deepEqual([response.status, await response.json()], [503, { error: "The server is leaving" }]);
  gate.open();
});
