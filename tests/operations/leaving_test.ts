/** Shutdown: no accepted request is lost, and a killed server restarts with the same models. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { encodePredictRequest } from "../../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { python } from "../support/python.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { askHalf, SteadyLoad, versionOf } from "../support/steady_load.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const GHZ = `${ROOT}.ovserve/tools/ghz`;
const MODEL = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")];
const PATH = "/tensorflow.serving.PredictionService/Predict";
const NO_PROXY = { NO_PROXY: "*", "no_proxy": "*" };

/** Forwards each connection to the first server that accepts it, as a load balancer does. */
class Balancer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #ports: readonly number[];
  readonly #accepting: Promise<void>;
  readonly #pipes = new Set<Promise<unknown>>();

  constructor(servers: readonly Server[]) {
    this.#ports = servers.map(({ address }) => Number(address.split(":")[1]));
    this.#accepting = this.#accept();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const pipe = this.#connect(client).catch(() => {}).finally(() => this.#pipes.delete(pipe));
      this.#pipes.add(pipe);
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    for (const port of this.#ports) {
      try {
        const server = await Deno.connect({ hostname: "127.0.0.1", port });
        for (const end of [client, server]) end.setNoDelay(true);
        await Promise.allSettled([client.readable.pipeTo(server.writable), server.readable.pipeTo(client.writable)]);
        return;
      } catch {
        // It has left.
      }
    }
    client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#pipes);
  }
}

interface Outcome {
  readonly answers: number;
  readonly failures: readonly string[];
}

/** A load from grpcio in Python. */
class GrpcioLoad {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Resolves after the first answer; undefined when grpcio is not installed. */
  static async start(address: string): Promise<GrpcioLoad | undefined> {
    const interpreter = await python();
    if (interpreter === undefined) return undefined;
    const args = [`${ROOT}tests/support/steady_load.py`, address, PATH];
    const load = new GrpcioLoad(
      new Deno.Command(interpreter, { args, env: NO_PROXY, stdin: "piped", stdout: "piped", stderr: "null" }).spawn(),
    );
    const stdin = load.#process.stdin.getWriter();
    const x = { dtype: "f32", shape: [1], bytes: new Uint8Array(Float32Array.of(10).buffer) } as const;
    const request = {
      modelSpec: { name: "half", signatureName: "" },
      inputs: [{ name: "x", tensor: x }],
      outputFilter: [],
    };
    for (const part of encodePredictRequest(request, { asTensorContent: true })) {
      await stdin.write(part.slice());
    }
    await stdin.close();
    assert.equal((await load.#lines.read()).value?.trim(), "answered");
    return load;
  }

  async stop(): Promise<Outcome> {
    this.#process.kill("SIGTERM");
    let text = "";
    for (let next = await this.#lines.read(); !next.done; next = await this.#lines.read()) text += next.value;
    await this.#process.status;
    return JSON.parse(text);
  }
}

/** A load from grpc-go, through ghz with reflection, for some seconds; undefined when ghz is not built. */
async function runGhz(address: string, seconds: number): Promise<Outcome | undefined> {
  if (await Deno.stat(GHZ).catch(() => undefined) === undefined) return undefined;
  const data = JSON.stringify({
    model_spec: { name: "half" },
    inputs: { x: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }] }, float_val: [10] } },
  });
  const { stdout, stderr } = await new Deno.Command(GHZ, {
    args: [
      ...["--insecure", "--call", PATH.slice(1), "-d", data, "-c", "8", "--connections", "2", "-t", "60s"],
      ...["-z", `${seconds}s`, "--duration-stop", "wait", "-O", "json", address],
    ],
    env: NO_PROXY,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text.startsWith("{"), new TextDecoder().decode(stderr));
  const { statusCodeDistribution: codes, errorDistribution: errors } = JSON.parse(text);
  return { answers: codes.OK ?? 0, failures: Object.keys(errors ?? {}) };
}

for (const threads of ["1", "3"]) {
  Deno.test(
    `a server (threads: ${threads}) that leaves under load fails no call of grpc-js, grpcio or grpc-go`,
    LINUX_ONLY,
    async () => {
      await using leaver = await Server.start([...MODEL, "--grpc_workers", threads]);
      await using stayer = await Server.start(MODEL);
      await using balancer = new Balancer([leaver, stayer]);
      const ghz = runGhz(balancer.address, 6);
      // Its failure is told where it is awaited.
      ghz.catch(() => {});
      const grpcio = await GrpcioLoad.start(balancer.address);
      const load = new SteadyLoad(balancer.address, "half");
      await load.more(100);
      const { code } = await leaver.stop("SIGTERM");
      await load.more(100);
      await load.stop();
      const outcomes = [await grpcio?.stop(), await ghz].filter((outcome) => outcome !== undefined);
      assert.equal(code, 0, leaver.log);
      for (const { answers, failures } of outcomes) {
        assert.deepEqual(failures, []);
        assert(answers > 100, `${answers} answers`);
      }
    },
  );
}

Deno.test(
  "--shutdown_delay_seconds: not ready at once and answering still; a second signal ends it",
  LINUX_ONLY,
  async () => {
    await using server = await Server.start([
      ...[...MODEL, "--shutdown_delay_seconds", "3600"],
      ...["--rest_bind_address", "127.0.0.1", "--rest_port", "any"],
    ]);
    const ready = `http://${(await server.event("server started")).rest}/v2/health/ready`;
    const statusOf = async (url: string): Promise<number> => {
      const response = await fetch(url);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await statusOf(ready), 200);
    server.signal("SIGTERM");
    await server.event("server leaving");
    assert.equal(await statusOf(ready), 503);
    using client = new PredictionClient(server.address);
    assert.equal(versionOf(await askHalf(client, { name: "half" })), "1");
    assert.equal((await server.stop("SIGINT")).code, 130);
  },
);

Deno.test("a killed server restarts with the same models and versions", LINUX_ONLY, async () => {
  await using scratch = await Scratch.make();
  for (const version of [1, 2, 3]) await scratch.addVersion("half", { model: "half_plus_two", version });
  const config = await scratch.writeConfig({ half: { model_version_policy: { specific: { versions: [1, 3] } } } });
  const states: unknown[] = [];
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await using server = await Server.start(["config", "--config_path", config]);
    using client = new PredictionClient(server.address);
    states.push(
      await client.call("tensorflow.serving.ModelService", "GetModelStatus", {
        request: { model_spec: { name: "half" } },
      }),
    );
    await server.stop(signal);
  }
  assert.deepEqual(states[1], states[0]);
  assert.equal((states[0] as { model_version_status: unknown[] }).model_version_status.length, 2);
});
