/**
 * The image without Docker: the file system of the Dockerfile's last stage, made from its own COPY lines on nothing but the C and
 * C++ libraries, read-only, run by a user without rights. And the one-file executable in the same place.
 */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Chroot, reasonAgainst, type RunOptions } from "./chroot.ts";
import { listOf, parseCopy, parseDockerfile, type Stage, textsOf } from "./dockerfile.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { freePort } from "../support/free_port.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILD_FOLDER = "/src/";
const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const stages = parseDockerfile(await Deno.readTextFile(`${ROOT}Dockerfile`));
const [build, image] = stages as [Stage, Stage];
const path = textsOf(image, "ENV").find((text) => text.startsWith("PATH="))?.slice("PATH=".length) ?? "";

/** Whether something cannot be tested here; says why on stderr. Meant for `ignore`. */
async function lacks(file: string, task: string): Promise<boolean> {
  const isThere = await Deno.stat(`${ROOT}${file}`).then(() => true, () => false);
  const reason = isThere ? await reasonAgainst() : `${file} is not there, ${task} makes it`;
  // deno-lint-ignore no-console
  if (reason !== undefined) console.error(`Tests of ${file} in a file system of its own are skipped: ${reason}`);
  return reason !== undefined;
}

const LACKS_IMAGE = await lacks("dist/image/ovserve", "deno task image");
const LACKS_BINARY = await lacks("dist/ovserve", "deno task compile");

/** The image's file system, from the COPY lines of its stage. */
async function createImage(): Promise<Chroot> {
  const chroot = await Chroot.create();
  for (const { from, sources, destination } of textsOf(image, "COPY").map(parseCopy)) {
    for (const source of sources) {
      const here = from === undefined ? join(ROOT, source) : join(ROOT, source.replace(BUILD_FOLDER, ""));
      const isContent = source.endsWith("/") || !destination.endsWith("/");
      await chroot.add(here, isContent ? destination : join(destination, basename(source)));
    }
  }
  return chroot;
}

/** Reads the log up to the event that says the server is up. */
async function waitUntilUp(log: ReadableStreamDefaultReader<string>): Promise<void> {
  let text = "";
  while (!text.includes('"server started"')) {
    const { value, done } = await log.read();
    if (done) throw new Error(`The server ended before it was up:\n${text}`);
    text += value;
  }
}

/** Has a server that is up predict. */
async function predict(port: number): Promise<void> {
  using client = new PredictionClient(`127.0.0.1:${port}`);
  const request = JSON.parse(await Deno.readTextFile(`${ROOT}models/digits/samples/grpc.json`));
  const { outputs } = await client.predict({ ...request, model_spec: { name: "my_model" } });
  assert.deepEqual((outputs as Record<string, Record<string, unknown>>).digit?.int64_val, DIGITS);
}

/** Starts a server in a file system, does what the test does while it is up, and stops it with SIGTERM. */
async function serve(
  chroot: Chroot,
  options: Omit<RunOptions, "path">,
  whileUp: (started: Deno.ChildProcess) => Promise<void>,
): Promise<void> {
  for (const folder of Object.keys(options.volumes ?? {})) await chroot.addFolder(folder);
  const process = chroot.start({ ...options, path });
  const log = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  try {
    await waitUntilUp(log);
    await whileUp(process);
  } finally {
    await chroot.terminate(process);
    while (!(await log.read()).done);
    await process.stdout.cancel();
  }
  assert.equal((await process.status).code, 0);
}

/** ie_serving's own line, on an address and port of this test's. */
function modelOn(port: number): string[] {
  const model = ["model", "--model_path", "/opt/ml/model1", "--model_name", "my_model"];
  return [...model, "--port", String(port), "--grpc_bind_address", "127.0.0.1"];
}

const VOLUMES = { "/opt/ml/model1": `${ROOT}models/digits` };

Deno.test("the Dockerfile copies what is there and what .dockerignore lets through", async () => {
  const ignored = (await Deno.readTextFile(`${ROOT}.dockerignore`)).split("\n").filter((line) => !/^(#|$)/.test(line));
  assert.equal(ignored[0], "*");
  for (const stage of stages) {
    for (const { from, sources } of textsOf(stage, "COPY").map(parseCopy)) {
      for (const source of from === undefined ? sources : []) {
        assert((await Deno.stat(join(ROOT, source))) !== undefined);
        assert(ignored.includes(`!${source}`), `.dockerignore keeps ${source} out`);
      }
    }
  }
  assert.match(build?.image ?? "", /^denoland\/deno:\S+ AS build$/);
});

Deno.test("the Dockerfile's image runs as a user without rights, from a list of arguments", () => {
  assert.match(image?.image ?? "", /^gcr\.io\/distroless\/cc-debian\d+:nonroot$/);
  assert.deepEqual(textsOf(image, "USER"), ["65532:65532"]);
  assert.deepEqual(listOf(image, "ENTRYPOINT"), ["ovserve"]);
  assert.deepEqual(listOf(image, "HEALTHCHECK"), ["ovserve", "health"]);
});

Deno.test({
  name: "the image serves ie_serving's own line, on a read-only file system, and knows its health",
  ignore: LACKS_IMAGE,
  fn: async () => {
    await using chroot = await createImage();
    const port = freePort();
    const command = [...listOf(image, "ENTRYPOINT"), "ie_serving", ...modelOn(port)];
    await serve(chroot, { command, volumes: VOLUMES }, async (started) => {
      await predict(port);
      const health = await chroot.runBeside(started, { command: listOf(image, "HEALTHCHECK"), path });
      assert.equal(health.stdout, "ready\n", health.stderr);
      assert.equal(health.code, 0);
    });
    await serve(chroot, { command: ["ie_serving", ...modelOn(port)], volumes: VOLUMES }, () => predict(port));
  },
});

Deno.test({
  name: "the image serves as SageMaker starts and asks it",
  ignore: LACKS_IMAGE,
  fn: async () => {
    const [base, sagemaker] = parseDockerfile(await Deno.readTextFile(`${ROOT}deploy/sagemaker/Dockerfile`));
    assert.equal(sagemaker, undefined);
    assert.deepEqual(textsOf(base as Stage, "COPY"), []);
    await using chroot = await createImage();
    const port = String(freePort());
    const command = [...listOf(image, "ENTRYPOINT"), ...listOf(base as Stage, "CMD")];
    const options = {
      // gRPC has no use there, and its port may be taken on this machine.
      command: [...command, "--rest_bind_address", "127.0.0.1", "--grpc_bind_address", "127.0.0.1", "--port", "0"],
      env: { SAGEMAKER_BIND_TO_PORT: port },
      volumes: { "/opt/ml/model/digits": `${ROOT}models/digits` },
    };
    await serve(chroot, options, async () => {
      const ping = await fetch(`http://127.0.0.1:${port}/ping`);
      await ping.body?.cancel();
      assert.equal(ping.status, 200);
      const body = await Deno.readTextFile(`${ROOT}models/digits/samples/rest.json`);
      const headers = { "content-type": "application/json" };
      const reply = await fetch(`http://127.0.0.1:${port}/invocations`, { method: "POST", headers, body });
      const { predictions } = await reply.json();
      assert.deepEqual(predictions.map(({ digit }: { digit: number }) => String(digit)), DIGITS);
    });
  },
});

Deno.test({
  name: "the executable alone serves on nothing but the C and C++ libraries and a folder to unpack to",
  ignore: LACKS_BINARY,
  fn: async () => {
    await using chroot = await Chroot.create();
    await chroot.add(`${ROOT}dist/ovserve`, "/ovserve");
    const port = freePort();
    const options = { command: ["/ovserve", ...modelOn(port)], volumes: VOLUMES, scratch: { "/tmp": "mode=1777" } };
    await serve(chroot, options, () => predict(port));
  },
});

Deno.test({
  name: "the executable says where it tried to unpack when there is no place for it",
  ignore: LACKS_BINARY,
  fn: async () => {
    await using chroot = await Chroot.create();
    await chroot.add(`${ROOT}dist/ovserve`, "/ovserve");
    const sentenceWith = async (scratch: Record<string, string>): Promise<string> => {
      const { code, stderr } = await chroot.run({ command: ["/ovserve", ...modelOn(0)], path, scratch });
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^ovserve: Cannot unpack the OpenVINO libraries of this executable \(\d+ MB\): .*--runtime_dir/,
      );
      return stderr;
    };
    assert.match(await sentenceWith({}), /\/tmp\/ovserve: Read-only file system/);
    assert.match(
      await sentenceWith({ "/tmp": "mode=1777,noexec" }),
      /\/tmp\/ovserve: .* does not allow programs to run \(noexec\)/,
    );
    assert.match(await sentenceWith({ "/tmp": "mode=1777,size=64m" }), /\/tmp\/ovserve: there are only 67 MB free/);
    assert.match(await sentenceWith({ "/tmp": "mode=0777" }), /\/tmp\/ovserve: every user can rename folders in \/tmp/);
  },
});
