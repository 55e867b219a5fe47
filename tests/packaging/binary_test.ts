/** The executable alone: it carries all it needs, leaves only its cache behind, and ends on SIGTERM. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PredictionClient } from "../support/prediction_client.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
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
async function serveOnce(folders: { cache: string; temporary: string }): Promise<Run> {
  const process = new Deno.Command(BINARY, {
    args: ARGS,
    cwd: `${ROOT}models`,
    clearEnv: true,
    env: { XDG_CACHE_HOME: folders.cache, TMPDIR: folders.temporary },
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

/** Every file and folder below a folder, as it was last written. */
async function traces(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const { ino, mtime, size } = await Deno.lstat(path);
    lines.push(`${path} ${ino} ${mtime?.getTime()} ${size}`);
    if (isDirectory) lines.push(...await traces(path));
  }
  return lines.sort();
}

Deno.test({
  name: "dist/ovserve predicts and ends on SIGTERM, with an empty cache and with its own, which it leaves as it is",
  ignore: !await hasBinary(),
  fn: async () => {
    const [cache, temporary] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
    try {
      const left: string[][] = [];
      for (const _start of ["first", "second"]) {
        const { digits, code, log } = await serveOnce({ cache, temporary });
        assert.deepEqual(digits, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], log);
        assert.equal(code, 0, log);
        assert(log.includes(`"path":"${cache}/ovserve/openvino-`), log);
        left.push(await traces(cache));
      }
      assert.deepEqual(left[1], left[0]);
      assert.deepEqual(await traces(temporary), []);
    } finally {
      for (const folder of [cache, temporary]) await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "dist/ovserve carries openvino-tokenizers, for models with operations on strings",
  ignore: !await hasBinary(),
  fn: async () => {
    const cache = await Deno.makeTempDir();
    try {
      const { code, stdout, stderr } = await new Deno.Command(BINARY, {
        args: ["check", "--format", "json", "--model_base_path", `${ROOT}tests/models/saved_models/string_operations`],
        clearEnv: true,
        env: { XDG_CACHE_HOME: cache },
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const { engine, models } = JSON.parse(new TextDecoder().decode(stdout));
      const [extension, ...others] = engine.extensions;
      assert.deepEqual(others, []);
      assert(extension.path.startsWith(`${cache}/ovserve/openvino-`), extension.path);
      assert.equal(extension.error, undefined);
      assert.deepEqual(Object.keys(models[0].versions[0].signatures), ["serving_default"]);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

Deno.test({
  name: "several first starts of dist/ovserve at once all predict",
  ignore: !await hasBinary(),
  fn: async () => {
    const [cache, temporary] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
    try {
      const runs = await Promise.all([1, 2, 3].map(() => serveOnce({ cache, temporary })));
      for (const { digits, code, log } of runs) {
        assert.equal((digits as string[]).length, 10, log);
        assert.equal(code, 0, log);
      }
      const names = await Array.fromAsync(Deno.readDir(`${cache}/ovserve`), ({ name }) => name);
      assert.equal(names.length, 1, names.join(" "));
    } finally {
      for (const folder of [cache, temporary]) await Deno.remove(folder, { recursive: true });
    }
  },
});
