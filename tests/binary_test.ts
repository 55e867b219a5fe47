/** The executable alone: it carries all it needs, leaves nothing behind but its cache, and ends when it is told to. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PredictionClient } from "./prediction_client.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const BINARY = `${ROOT}dist/ovserve`;
const ARGS = [
  "model",
  "--model_name",
  "digits",
  "--model_path",
  "digits",
  "--grpc_bind_address",
  "127.0.0.1",
  "--port",
  "0",
];

/** Whether there is an executable to test; the reason goes to stderr where there is none. */
async function hasBinary(): Promise<boolean> {
  try {
    return (await Deno.stat(BINARY)).isFile;
  } catch {
    // deno-lint-ignore no-console
    console.error("Tests of the executable are skipped: dist/ovserve is not there. deno task compile makes it");
    return false;
  }
}

/** What the executable ran with and left. */
interface Run {
  readonly digits: unknown;
  readonly code: number;
  /** The standard error up to its last line. */
  readonly log: string;
}

/** Starts the executable without the environment of this process, predicts once, and stops it with SIGTERM. */
async function serveOnce(cache: string): Promise<Run> {
  const process = new Deno.Command(BINARY, {
    args: ARGS,
    cwd: `${ROOT}models`,
    clearEnv: true,
    env: { XDG_CACHE_HOME: cache },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  let digits: unknown;
  try {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      const started = digits === undefined ? /^.*"server started".*\n/m.exec(log) : null;
      if (started === null) continue;
      const address: string = JSON.parse(started[0]).grpc;
      digits = await predictSamples(address);
      process.kill("SIGTERM");
    }
  } catch (thrown) {
    process.kill("SIGKILL");
    throw thrown;
  }
  return { digits, code: (await process.status).code, log };
}

async function predictSamples(address: string): Promise<unknown> {
  using client = new PredictionClient(address);
  const request = JSON.parse(await Deno.readTextFile(`${ROOT}models/digits/samples/grpc.json`));
  const { outputs } = await client.predict(request);
  return (outputs as Record<string, Record<string, unknown>>).digit?.int64_val;
}

Deno.test({
  name: "dist/ovserve predicts and ends on SIGTERM, with an empty cache and with its own",
  ignore: !await hasBinary(),
  fn: async () => {
    const cache = await Deno.makeTempDir();
    try {
      for (const _start of ["first", "second"]) {
        const { digits, code, log } = await serveOnce(cache);
        assert.deepEqual(digits, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], log);
        assert.equal(code, 0, log);
        assert(log.includes(`"path":"${cache}/ovserve/openvino-`), log);
      }
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});
