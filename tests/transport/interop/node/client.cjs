// grpc-js on Node. `node client.cjs TARGET ROOTS CHECK...`, see ../clients.ts; NODE_PATH names the folder with its packages.
// deno-lint-ignore-file explicit-function-return-type camelcase
"use strict";

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const grpc = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const SENTENCE = "Das Modell „Ziffern“ ist 100% 模型 🙂\nline two";
const LARGE = (16 << 20) + 7;
const KEEPALIVE = { "grpc.keepalive_time_ms": 100, "grpc.keepalive_timeout_ms": 1000 };

const [target, roots, ...names] = process.argv.slice(2);
const { Interop } = grpc.loadPackageDefinition(loadSync(join(__dirname, "../interop.proto"))).ovserve.interop;

function open(options = {}) {
  const credentials = roots === "-"
    ? grpc.credentials.createInsecure()
    : grpc.credentials.createSsl(readFileSync(roots));
  return new Interop(target, credentials, {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    ...options,
  });
}

const client = open();

/** Begins a call; `reply` is a promise of what the answer wraps. */
function begin(method, value, { metadata = new grpc.Metadata(), on = client, ...options } = {}) {
  let call;
  const reply = new Promise((resolve, reject) => {
    call = on[method]({ value }, metadata, options, (error, answer) => error ? reject(error) : resolve(answer.value));
  });
  reply.catch(() => {});
  return { reply, cancel: () => call.cancel() };
}

function send(method, value, options) {
  return begin(method, value, options).reply;
}

function pattern(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251));
}

function expect(holds, sentence) {
  if (!holds) throw new Error(sentence);
}

async function expectEcho(length, options) {
  const message = pattern(length);
  const reply = await send("Echo", message, options);
  expect(message.equals(reply), `${length} bytes came back changed`);
}

async function expectError(code, details, reply) {
  const error = await reply.then(() => undefined, (error) => error);
  expect(error?.code === code, `${error}, expected code ${code}`);
  expect(details === undefined || error.details === details, `details ${JSON.stringify(error.details)}`);
}

function expectLines(description, lines) {
  for (const line of lines) expect(description.split("\n").includes(line), `no "${line}" in ${description}`);
}

const CHECKS = {
  async small_messages() {
    for (const length of [0, 1, 100, 16_379, 16_384, 65_536]) await expectEcho(length);
  },

  async large_messages() {
    await expectEcho(LARGE);
  },

  async many_calls() {
    for (let i = 0; i < 1000; i++) await expectEcho(i);
  },

  async calls_at_once() {
    await Promise.all(Array.from({ length: 100 }, (_, i) => expectEcho(i * 997)));
  },

  async deadline() {
    await expectError(
      grpc.status.DEADLINE_EXCEEDED,
      undefined,
      send("Wait", "deadline", { deadline: Date.now() + 200 }),
    );
    const seen = await send("Cancelled", "deadline");
    expect(["CANCELLED", "DEADLINE_EXCEEDED"].includes(seen), `the server saw ${seen}`);
  },

  async cancellation() {
    const call = begin("Wait", "cancellation");
    await send("Arrived", "cancellation");
    call.cancel();
    await expectError(grpc.status.CANCELLED, undefined, call.reply);
    const seen = await send("Cancelled", "cancellation");
    expect(seen === "CANCELLED", `the server saw ${seen}`);
  },

  async gzip() {
    const on = open({ "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });
    expectLines(await send("Describe", Buffer.alloc(10_000), { on }), [
      "grpc-encoding: gzip",
      "compressed reply: true",
    ]);
    await expectEcho(1 << 20, { on });
    on.close();
  },

  async metadata() {
    const metadata = new grpc.Metadata();
    metadata.add("x-text", "plain text, with = ; and %20");
    metadata.add("x-more", "1");
    metadata.add("x-more", "2");
    metadata.add("x-data-bin", Buffer.from([0, 1, 2, 253, 254, 255]));
    metadata.add("x-rest-bin", Buffer.from([255]));
    const expected = ["x-text: plain text, with = ; and %20", "x-more: 1", "x-more: 2", "x-data-bin: 000102fdfeff"];
    expectLines(await send("Describe", Buffer.alloc(0), { metadata }), [...expected, "x-rest-bin: ff"]);
  },

  async errors() {
    for (let code = 1; code <= 16; code++) await expectError(code, SENTENCE, send("Fail", `${code} ${SENTENCE}`));
    const unknown = new Promise((resolve, reject) => {
      const asIs = (bytes) => bytes;
      const done = (error) => error ? reject(error) : resolve();
      client.makeUnaryRequest("/ovserve.interop.Interop/Unknown", asIs, asIs, Buffer.alloc(0), done);
    });
    await expectError(grpc.status.UNIMPLEMENTED, undefined, unknown);
    await expectError(grpc.status.RESOURCE_EXHAUSTED, undefined, send("Echo", Buffer.alloc(32 << 20)));
    await expectEcho(1);
  },

  async keepalive() {
    const on = open(KEEPALIVE);
    const { reply } = begin("Wait", "keepalive", { on });
    await send("Arrived", "keepalive");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await send("Release", "keepalive");
    await reply;
    on.close();
  },

  async restart() {
    const running = begin("Wait", "restart 100000");
    await send("Arrived", "restart");
    await send("Restart", Buffer.alloc(0));
    for (let i = 0; i < 100; i++) await expectEcho(i);
    await send("Release", "restart");
    expect((await running.reply).length === 100_000, "the running call's reply is cut short");
  },

  async flood() {
    await Promise.all(Array.from({ length: 100 }, (_, i) => send("Wait", `flood-${i} ${1 << 20}`)));
  },
};

async function main() {
  for (const check of names) {
    const error = await CHECKS[check]().then(() => null, String);
    process.stdout.write(`${JSON.stringify({ check, error })}\n`);
  }
  client.close();
}

main();
