/** Requests of the Open Inference Protocol with a real Triton's answers: the program answers the same, but for what is listed. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";
import { gunzipSync, inflateSync } from "node:zlib";
import { CODE, type CodeName } from "../../../src/base/status.ts";
import { loadProtos, type ProtoObject } from "../../../src/protobuf/testing/protos.ts";
import { modelPath } from "../../support/model_path.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { RawStream } from "../../support/raw_stream.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";
import corpus from "./corpus/answers.json" with { type: "json" };
import { type Difference, GRPC_DIFFERENCES, REST_DIFFERENCES } from "./corpus/differences.ts";

const SERVICE = "/inference.GRPCInferenceService";
const LENGTH_HEADER = "inference-header-content-length";
const MIXED = fileURLToPath(new URL("./corpus/models/mixed", import.meta.url));
const protos = await loadProtos();

/** A reply over REST, without how it is written. */
interface RestAnswer {
  readonly status: number;
  readonly encoding: string;
  readonly reply: unknown;
}

type Json = Record<string, unknown>;

async function serve(scratch: Scratch): Promise<Server> {
  const config = await scratch.writeConfig({
    half_plus_two: { base_path: modelPath("half_plus_two") },
    mixed: { base_path: MIXED },
    tiny: { base_path: modelPath("tiny") },
  });
  const rest = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
  return Server.start(["config", "--config_path", config, "--convert_inputs=false", ...rest]);
}

/** Numbers as the text they are written as: int64s have more digits than a number. */
function parse(json: string): Json {
  const keepDigits = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === "number" ? { digits: context?.source } : value;
  return JSON.parse(json, keepDigits as Parameters<typeof JSON.parse>[1]);
}

/** An element as its datatype holds it, so that `3` and `3.0` are one number. */
function elementOf(datatype: string, value: unknown): unknown {
  const digits = (value as { digits?: string }).digits;
  if (digits === undefined) return value;
  if (datatype === "FP32" || datatype === "FP16") return Math.fround(Number(digits));
  return datatype === "FP64" ? Number(digits) : BigInt(digits);
}

function sizesOf(shape: unknown): readonly string[] {
  return (shape as { digits: string }[]).map(({ digits }) => digits);
}

/** Elements in a reply's JSON, or its bytes behind the JSON. */
function outputsOf(outputs: readonly Json[], binary: Buffer): readonly Json[] {
  let at = 0;
  const described = outputs.map(({ name, datatype, shape, data, parameters }) => {
    const size = (parameters as { binary_data_size?: { digits: string } } | undefined)?.binary_data_size;
    const output = { name, datatype, shape: sizesOf(shape) };
    if (size !== undefined) return { ...output, bytes: binary.subarray(at, at += Number(size.digits)).toString("hex") };
    return { ...output, data: (data as unknown[]).map((value) => elementOf(datatype as string, value)) };
  });
  assert.equal(at, binary.length, "bytes behind the last output");
  return described;
}

function restAnswerOf(
  { status, headers, body }: { status: number; headers: Readonly<Record<string, unknown>>; body: Buffer },
): RestAnswer {
  const encoding = String(headers["content-encoding"] ?? "");
  const plain = encoding === "gzip" ? gunzipSync(body) : encoding === "deflate" ? inflateSync(body) : body;
  if (plain.length === 0) return { status, encoding, reply: undefined };
  const jsonBytes = Number(headers[LENGTH_HEADER] ?? plain.length);
  const reply = parse(plain.subarray(0, jsonBytes).toString());
  if (status !== 200) {
    assert.match(String(reply.error), /./, "an error has a sentence");
    return { status, encoding, reply: "error" };
  }
  if (!("model_version" in reply)) return { status, encoding, reply };
  return {
    status,
    encoding,
    reply: { ...reply, outputs: outputsOf(reply.outputs as Json[], plain.subarray(jsonBytes)) },
  };
}

async function send(
  address: string,
  { method, path, headers, body }: { method: string; path: string; headers: object; body: string },
): Promise<RestAnswer> {
  const bytes = Buffer.from(body, "base64");
  const request = httpRequest(`http://${address}${path}`, {
    method,
    headers: { ...headers, "content-length": bytes.length },
  });
  request.end(bytes);
  const [response] = await once(request, "response") as [IncomingMessage];
  const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
  return restAnswerOf({
    status: response.statusCode as number,
    headers: response.headers,
    body: Buffer.concat(chunks),
  });
}

/** A reply without some members, wherever they are. */
function without(reply: unknown, leftOut: readonly string[]): unknown {
  if (leftOut.length === 0 || typeof reply !== "object" || reply === null) return reply;
  if (Array.isArray(reply)) return reply.map((item) => without(item, leftOut));
  const entries = Object.entries(reply).filter(([name]) => !leftOut.includes(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, without(value, leftOut)]));
}

function expectedRest(recorded: RestAnswer, difference: Difference | undefined): RestAnswer {
  if (difference === undefined) return recorded;
  const { status = recorded.status, encoding = recorded.encoding, reply, leftOut = [] } = difference;
  if (status !== 200) return { status: Number(status), encoding, reply: "error" };
  const members = recorded.reply === undefined || recorded.reply === "error" ? {} : recorded.reply as Json;
  return { status, encoding, reply: without({ ...members, ...reply }, leftOut) };
}

Deno.test("over REST every recorded request has Triton's answer", async (t) => {
  await using scratch = await Scratch.make();
  await using server = await serve(scratch);
  const { rest } = await server.event("server started");
  const unused = new Set(Object.keys(REST_DIFFERENCES));
  for (const { name, answer, ...request } of corpus.rest) {
    await t.step(name, async () => {
      const difference = REST_DIFFERENCES[name];
      unused.delete(name);
      const recorded = restAnswerOf({ ...answer, body: Buffer.from(answer.body, "base64") });
      const expected = expectedRest(recorded, difference);
      const actual = await send(rest as string, request);
      if (difference !== undefined) assert.notDeepEqual(actual, recorded, "no difference is left");
      assert.deepEqual({ ...actual, reply: without(actual.reply, difference?.leftOut ?? []) }, expected);
    });
  }
  assert.deepEqual([...unused], []);
});

/** A call's reply, in the words of the recording: defaults left out. */
async function call(client: PredictionClient, method: string, request: object): Promise<ProtoObject> {
  const message = protos.encode(`inference.${method}Request`, request as ProtoObject);
  return protos.decode(`inference.${method}Response`, await client.callRaw(`${SERVICE}/${method}`, { message }));
}

/** Bytes as base64, and no defaults, as the recording has them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const isDefault = (item: unknown): boolean =>
    item === "" || item === 0 || item === "0" || item === false || item === null || item === "TYPE_INVALID" ||
    typeof item === "object" && Object.keys(item as object).length === 0;
  const entries = Object.entries(value).filter(([name]) => !name.endsWith("_choice"));
  return Object.fromEntries(entries.map(([name, item]) => [name, plain(item)]).filter(([, item]) => !isDefault(item)));
}

/** Outputs by name with their bytes, in another order. */
function reordered(reply: Json, names: readonly string[] | undefined): Json {
  if (names === undefined) return reply;
  const outputs = reply.outputs as { name: string }[];
  const order = names.map((name) => outputs.findIndex((output) => output.name === name));
  return {
    ...reply,
    outputs: order.map((index) => outputs[index]),
    raw_output_contents: order.map((index) => (reply.raw_output_contents as string[])[index]),
  };
}

Deno.test("over gRPC every recorded request has Triton's answer", async (t) => {
  await using scratch = await Scratch.make();
  await using server = await serve(scratch);
  using client = new PredictionClient(server.address);
  const unused = new Set(Object.keys(GRPC_DIFFERENCES));
  for (const { name, method, request, answer } of corpus.grpc) {
    await t.step(`${method}: ${name}`, async () => {
      const difference: Difference = GRPC_DIFFERENCES[name] ?? { why: "" };
      unused.delete(name);
      const code = (difference.status ?? answer.code) as CodeName;
      if (code !== "OK") {
        return await assert.rejects(call(client, method, request), { code: CODE[code], details: /./ });
      }
      const { leftOut = [], outputs, reply: changes } = difference;
      const recorded = { ...reordered("reply" in answer ? answer.reply as Json : {}, outputs), ...changes };
      const actual = plain(await call(client, method, request)) as Json;
      if (method === "ModelConfig") {
        assert.deepEqual(without(actual.config, leftOut), without(recorded.config, leftOut));
      } else assert.deepEqual(actual, recorded);
    });
  }
  assert.deepEqual([...unused], []);
});

Deno.test("a recorded stream has Triton's answers, errors among them", async () => {
  await using scratch = await Scratch.make();
  await using server = await serve(scratch);
  using stream = new RawStream(server.address, `${SERVICE}/ModelStreamInfer`);
  for (const request of corpus.stream.requests) stream.send(protos.encode("inference.ModelInferRequest", request));
  for (const recorded of corpus.stream.replies) {
    assert.deepEqual(plain(protos.decode("inference.ModelStreamInferResponse", await stream.next())), recorded);
  }
  stream.end();
  assert.equal((await stream.ended).code, CODE.OK);
});
