/** An API of the test's own, registered with the program: the gate, deadlines, errors, metrics and the log apply to it unasked. */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { Api } from "../../src/apis/api.ts";
import { App } from "../../src/app/app.ts";
import { modelConfig } from "../../src/cli/commands/model.ts";
import { statusOf } from "../../src/rest/http_reply.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { RawStream } from "../support/raw_stream.ts";
import { Scratch } from "../support/scratch.ts";
import type { LogEvent } from "../support/server.ts";

/** The load is held back by a named pipe. */
const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const SAY = "/test.Echo/Say";
const CHAT = "/test.Echo/Chat";
const REST_TIMEOUT_MS = 2000;

const encoder = new TextEncoder();
/** A HealthCheckRequest, and the replies. */
const HEALTH_OF_ECHO = Uint8Array.of(0x0a, 9, ...encoder.encode("test.Echo"));
const NOT_SERVING = [8, 2];
const SERVING = [8, 1];
const decoder = new TextDecoder();

/** Answers with what it is sent. "silence" is never answered, "broken" fails. */
const ECHO: Api = {
  name: "echo",
  healthServices: [{ name: "test.Echo", needsModels: true }],
  methods: () => [
    { path: SAY, waitsForGate: true, handle: (message, call) => echo(message).then((reply) => call.reply([reply])) },
    {
      path: CHAT,
      waitsForGate: true,
      open: (call) => ({ onMessage: (message) => call.send([message]), onEnd: () => call.finish() }),
    },
  ],
  routes: () => ({
    owns: (path) => path.startsWith("/echo/"),
    errorReply: (error) => ({ status: statusOf(error), body: `echo: ${error.message}`, contentType: "text/plain" }),
    routes: [
      {
        method: "POST",
        name: "Say",
        waitsForGate: true,
        readsBody: true,
        match: ({ path }) =>
          path === "/echo/say" ? async (body) => ({ status: 200, body: decoder.decode(await echo(body)) }) : undefined,
      },
      {
        method: "GET",
        name: "Hush",
        match: ({ path }) => path === "/echo/hush" ? () => ({ status: 200, body: "hush" }) : undefined,
      },
    ],
  }),
};

async function echo(message: Uint8Array): Promise<Uint8Array> {
  const text = decoder.decode(message);
  if (text === "silence") await new Promise<never>(() => {});
  if (text === "broken") throw new Error("a secret");
  return message;
}

/** A server with the API alone. Its one model is being loaded until {@link release}. */
class Rig implements AsyncDisposable {
  readonly events: LogEvent[] = [];
  readonly scratch: Scratch;
  readonly #listening = Promise.withResolvers<LogEvent>();
  #started: Promise<App> | undefined;

  private constructor(scratch: Scratch) {
    this.scratch = scratch;
  }

  static async start(): Promise<Rig> {
    const rig = new Rig(await Scratch.make());
    await rig.scratch.addVersion("half", { model: "half_plus_two", version: 1 });
    assert((await new Deno.Command("env", { args: ["mkfifo", rig.#pipe] }).output()).success);
    const config = modelConfig({
      "model_name": "half",
      "model_path": `${rig.scratch.path}/half`,
      "port": "0",
      "rest_port": "any",
      "rest_bind_address": "127.0.0.1",
      "rest_api_timeout_in_ms": String(REST_TIMEOUT_MS),
      "grpc_bind_address": "127.0.0.1",
      "enable_batching": "true",
      "enable_per_model_batching_parameters": "true",
      "access_log": "true",
    });
    const write = (line: string) => rig.#take(JSON.parse(line));
    rig.#started = App.start({ ...config, log: { level: "info", format: "json", write } }, { apis: [ECHO] });
    rig.#started.catch((error) => rig.#listening.reject(error));
    await rig.#listening.promise;
    return rig;
  }

  get #pipe(): string {
    return `${this.scratch.path}/half/1/batching_params.pbtxt`;
  }

  #take(event: LogEvent): void {
    this.events.push(event);
    if (event.event === "server listening") this.#listening.resolve(event);
  }

  /** Lets the server start. */
  async release(): Promise<void> {
    await Deno.writeTextFile(this.#pipe, "max_batch_size { value: 1000 }");
    await this.#started;
  }

  async grpc(): Promise<string> {
    return (await this.#listening.promise).grpc as string;
  }

  /** A REST request: its status, media type and body. */
  async fetch(path: string, body?: string): Promise<readonly [number, string | null, string]> {
    const { rest } = await this.#listening.promise;
    const init = body === undefined ? {} : { method: "POST", body };
    const response = await fetch(`http://${rest}${path}`, init);
    return [response.status, response.headers.get("content-type"), await response.text()];
  }

  /** The requests that were logged, by what matters here. */
  logged(): unknown[][] {
    return this.events.filter(({ event }) => event === "request").map((line) => [line.interface, line.path, line.code]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#started)?.[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

Deno.test(
  "an API that is registered waits at the gate, and keeps deadlines, errors, metrics and the log",
  LINUX_ONLY,
  async () => {
    await using rig = await Rig.start();
    using client = new PredictionClient(await rig.grpc());
    using stream = new RawStream(await rig.grpc(), CHAT);

    const settled: string[] = [];
    const noted = <T>(what: string, promise: Promise<T>) => {
      const noting = promise.then((result) => (settled.push(what), result));
      noting.catch(() => {});
      return noting;
    };
    // In the metadata alone, so that the server keeps the deadline and not the client.
    const say = (text: string, metadata: Record<string, string> = {}) =>
      client.callRaw(SAY, { message: encoder.encode(text), metadata });
    const soon = { "grpc-timeout": "100m" };
    const waiting = [
      noted("unary", say("early").then((reply) => reply.toString())),
      noted("route", rig.fetch("/echo/say", "early").then(([, , body]) => body)),
      noted("stream", stream.next().then((reply) => reply.toString())),
    ];
    stream.send(encoder.encode("early"));
    assert.deepEqual(await rig.fetch("/echo/hush"), [200, "application/json", "hush"]);
    await assert.rejects(say("too early", soon), { code: status.DEADLINE_EXCEEDED });
    assert.deepEqual(settled, []);
    assert.deepEqual(rig.events.find(({ event }) => event === "server listening")?.apis, ["echo"]);
    const health = async () => [...await client.callRaw("/grpc.health.v1.Health/Check", { message: HEALTH_OF_ECHO })];
    assert.deepEqual(await health(), NOT_SERVING);
    await rig.release();
    assert.deepEqual(await health(), SERVING);
    assert.deepEqual(await Promise.all(waiting), ["early", "early", "early"]);
    stream.end();
    assert.equal((await stream.ended).code, status.OK);

    await assert.rejects(say("silence", soon), { code: status.DEADLINE_EXCEEDED });
    await assert.rejects(say("broken"), { code: status.INTERNAL, details: "Internal error" });
    const text = "text/plain";
    assert.deepEqual(await rig.fetch("/echo/say", "silence"), [
      504,
      text,
      `echo: No answer within ${REST_TIMEOUT_MS} ms`,
    ]);
    assert.deepEqual(await rig.fetch("/echo/say", "broken"), [500, text, "echo: Internal error"]);
    assert.deepEqual(await rig.fetch("/echo/unknown"), [404, text, "echo: Not Found"]);
    assert.deepEqual(await rig.fetch("/v1/models/half"), [404, "application/json", '{\n    "error": "Not Found"\n}']);

    const [, , page] = await rig.fetch("/metrics");
    const counts = (labels: string) =>
      page.split("\n").filter((line) => line.startsWith("ovserve_requests_total{") && line.includes(labels))
        .map((line) => `${/code="(\w+)"/.exec(line)?.[1]} ${line.split(" ")[1]}`).sort();
    assert.deepEqual(counts('method="Say",interface="gRPC"'), ["DEADLINE_EXCEEDED 2", "INTERNAL 1", "OK 1"]);
    assert.deepEqual(counts('method="Chat",interface="gRPC"'), ["OK 1"]);
    assert.deepEqual(counts('method="Say",interface="REST"'), ["DEADLINE_EXCEEDED 1", "INTERNAL 1", "OK 1"]);
    assert.deepEqual(counts('method="Hush",interface="REST"'), ["OK 1"]);
    const logged = rig.logged();
    for (const line of [["gRPC", SAY, "OK"], ["gRPC", CHAT, "OK"], ["REST", "/echo/say", "OK"]]) {
      assert(logged.some((other) => JSON.stringify(other) === JSON.stringify(line)), JSON.stringify(logged));
    }
    const faults = rig.events.filter(({ event }) => event === "request failed").map(({ path }) => path);
    assert.deepEqual(faults, [SAY, "/echo/say"]);
  },
);
