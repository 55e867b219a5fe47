/** `ovserve check`: its report on what would be served and what is wrong. */
import assert from "node:assert/strict";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { type Outcome, runProgram } from "../support/server.ts";

/** The part of a JSON report that these tests read. */
interface Report {
  readonly serves: boolean;
  readonly engine: { readonly description: string; readonly cores: number };
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly Record<string, unknown>[];
    readonly problems: readonly string[];
    readonly notes: readonly string[];
  }[];
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

async function check(...args: string[]): Promise<Outcome & { report: Report }> {
  const outcome = await runProgram(["check", ...args, "--format", "json"]);
  assert.notEqual(outcome.stdout, "", outcome.stderr);
  return { ...outcome, report: JSON.parse(outcome.stdout) };
}

Deno.test("ovserve check model reports what would be served, as text", async () => {
  const { code, stdout, stderr } = await runProgram([
    "check",
    "model",
    "--model_name",
    "digits",
    "--model_path",
    modelPath("digits"),
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  for (
    const expected of [
      /^OpenVINO 2026.*\n/,
      /^devices .*CPU.*; processors \d+, /m,
      /^digits \(.*models\/digits\)$/m,
      /^ {2}version 1 would serve$/m,
      /^ {4}files: .*\/1\/digits\.xml \(ir\)$/m,
      /^ {4}signature: serving_default\n {6}input image: DT_FLOAT \(-1,8,8\)$/m,
      /^ {6}output digit: DT_INT64 \(-1\)$/m,
      /^ {4}device: CPU, computes in (?:f32|bf16), LATENCY, 1 stream, 1 thread, not pinned, 1 infer request$/m,
      /^ {4}inference: [\d.]+ µs for zeros, in the event loop for inputs of up to \d+ bytes$/m,
      /^ {4}batching: none$/m,
    ]
  ) assert.match(stdout, expected);
});

Deno.test("ovserve check config reports each version and oddities as JSON", async () => {
  await using scratch = await Scratch.make();
  const config = await scratch.writeConfig({
    digits: { base_path: modelPath("digits"), nireq: 3, plugin_config: { NUM_STREAMS: 1 } },
    tiny: { base_path: modelPath("tiny") },
  });
  const { code, stderr, report } = await check(
    "config",
    "--config_path",
    config,
    "--rest_workers",
    "4",
    "--enable_batching",
  );
  assert.equal(code, 0, stderr);
  assert.equal(report.serves, true);
  assert.match(report.engine.description, /^OpenVINO /);
  assert.ok(report.engine.cores >= 1);
  assert.deepEqual(report.models.map(({ name }) => name), ["digits", "tiny"]);
  const [digits, tiny] = report.models.map(({ versions: [version] }) => version);
  assert.equal(digits?.serves, true);
  assert.equal(digits?.format, "ir");
  assert.equal(digits?.streams, 1);
  assert.equal(digits?.inferRequestCount, 3);
  assert.equal(digits?.isBatched, true);
  assert.equal(digits?.batchRowsMax, 1000);
  assert.deepEqual(digits?.signatures, {
    serving_default: {
      inputs: [{ name: "image", dtype: "DT_FLOAT", shape: [-1, 8, 8] }],
      outputs: [
        { name: "probabilities", dtype: "DT_FLOAT", shape: [-1, 10] },
        { name: "digit", dtype: "DT_INT64", shape: [-1] },
      ],
    },
  });
  assert.equal(tiny?.isBatched, false);
  assert.deepEqual(tiny?.notes, ["Requests are not batched: the first dimension of the input x is always 1"]);
  assert.deepEqual(report.notes, ["--rest_workers is ignored: requests do not need a thread each"]);
});

Deno.test("ovserve check loads all versions that a policy chooses and reports those that would not serve", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("digits", { model: "digits", version: 1 });
  await scratch.addVersion("digits", { model: "digits", version: 2 });
  await scratch.addVersion("digits", { model: "digits", version: 3 });
  await Deno.writeTextFile(`${scratch.path}/digits/2/digits.xml`, "<net>");
  await Deno.writeTextFile(`${scratch.path}/digits/3/digits.xml`, `<net name="a" version="11"><layers></net>`);
  const { code, stderr, report } = await check(
    "model",
    "--model_name",
    "digits",
    "--model_path",
    `${scratch.path}/digits`,
    "--model_version_policy",
    `{"all": {}}`,
  );
  assert.equal(code, 1);
  assert.equal(stderr, "ovserve: 2 of 3 versions would not serve\n");
  assert.equal(report.serves, false);
  const versions = report.models[0]?.versions ?? [];
  assert.deepEqual(versions.map(({ version, serves }) => [version, serves]), [[1, true], [2, false], [3, false]]);
  assert.equal(versions[1]?.code, "DATA_LOSS");
  assert.match(String(versions[1]?.error), /digits\.xml does not end as an IR does/);
  assert.equal(versions[2]?.code, "INVALID_ARGUMENT");
  assert.match(String(versions[2]?.error), /^Cannot read the model: /);
});

Deno.test("ovserve check reports missing versions and labels that cannot be assigned", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const config = await scratch.write(
    "models.pbtxt",
    `model_config_list {
      config {
        name: "half" base_path: "${scratch.path}/half" model_platform: "tensorflow"
        model_version_policy { specific { versions: 1 versions: 7 } }
        version_labels { key: "stable" value: 1 }
        version_labels { key: "canary" value: 7 }
      }
      config { name: "gone" base_path: "${scratch.path}/gone" model_platform: "tensorflow" }
    }`,
  );
  const { code, stderr, report } = await check("--model_config_file", config);
  assert.equal(code, 1);
  assert.equal(stderr, "ovserve: 3 problems with the configuration\n");
  const [half, gone] = report.models;
  assert.deepEqual(half?.versions.map(({ version, serves }) => [version, serves]), [[1, true]]);
  assert.deepEqual(half?.problems, [
    `${scratch.path}/half has no version 7, which the policy names`,
    "canary: Request to assign label to version 7 of model half, which is not currently available for inference",
  ]);
  assert.deepEqual(gone?.problems, [`Cannot find ${scratch.path}/gone`]);
  const allowed = await check("--model_config_file", config, "--allow_version_labels_for_unavailable_models");
  assert.equal(allowed.report.models[0]?.problems.length, 1);
  assert.deepEqual(allowed.report.models[0]?.notes, ["canary stands for version 7, which is not served"]);
});

Deno.test("ovserve check reads the other files that a server reads at its start", async () => {
  await using scratch = await Scratch.make();
  const batching = await scratch.write("batching.pbtxt", "max_batch_size { value: 0 }");
  const args = ["--model_base_path", modelPath("tiny"), "--enable_batching", "--batching_parameters_file", batching];
  const monitoring = ["--monitoring_config_file", `${scratch.path}/monitoring.pbtxt`];
  const { code, stderr, report } = await check(...args, ...monitoring);
  assert.equal(code, 1);
  assert.equal(stderr, "ovserve: 2 problems with the configuration\n");
  assert.match(report.problems[0] ?? "", /monitoring\.pbtxt/);
  assert.match(report.problems[1] ?? "", /max_batch_size/);
  assert.equal(report.models[0]?.versions[0]?.serves, true);
});

Deno.test("ovserve check opens no port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const model = ["--model_name", "tiny", "--model_path", modelPath("tiny")];
  const { code } = await check("model", ...model, "--grpc_bind_address", "127.0.0.1", "--port", String(port));
  assert.equal(code, 0);
});

Deno.test("ovserve check takes the arguments of the commands that serve, and refuses wrong ones", async () => {
  const wrong = async (...args: string[]) => {
    const { code, stdout, stderr } = await runProgram(["check", ...args]);
    assert.equal(stdout, "");
    return `${code} ${stderr.trim()}`;
  };
  assert.equal(
    await wrong("model", "--model_path", "x"),
    "2 ovserve: --model_name is missing: the name of the model in clients' requests (ovserve check model --help lists the flags)",
  );
  assert.equal(
    await wrong("model", "--format", "yaml", "--model_path", "x", "--model_name", "x"),
    `2 ovserve: --format: expected one of text, json, found "yaml" (ovserve check model --help lists the flags)`,
  );
  assert.match(await wrong(), /^2 ovserve: No model is named: .*\(ovserve check --help lists the flags\)$/);
  assert.equal(
    await wrong("modle"),
    "2 ovserve: There is no command check modle: the commands are model, config, sagemaker, serve (ovserve check --help lists them)",
  );
  assert.match(await wrong("config", "--config_path", "/no/such/file"), /^1 ovserve: Cannot find \/no\/such\/file$/);
});
