/** Arguments that cannot be used: one sentence and an exit code, never a stack trace. */
import assert from "node:assert/strict";
import { modelPath } from "../support/model_path.ts";
import { runProgram, Server } from "../support/server.ts";

const FAILURE = 1;
const USAGE = 2;

/** Arguments, the expected exit code, and the expected standard error. */
type Case = [readonly string[], number, RegExp];

const MODEL = ["model", "--model_name", "digits", "--model_path", modelPath("digits"), "--port", "0"];

const CASES: readonly Case[] = [
  [[], USAGE, /^ovserve: No model is named: use --model_name and --model_base_path, or --model_config_file \(/],
  [
    ["modle"],
    USAGE,
    /^ovserve: There is no command modle: the commands are model, config, sagemaker, serve, check, status, predict, health, licenses \(/,
  ],
  [
    ["model"],
    USAGE,
    /^ovserve: --model_name is missing: the name of the model.* \(ovserve model --help lists the flags\)$/,
  ],
  [["model", "--model_name", "a"], USAGE, /^ovserve: --model_path is missing/],
  [["model", "--modelname", "a"], USAGE, /^ovserve: There is no flag --modelname, did you mean --model_name\?/],
  [["model", "--wings"], USAGE, /^ovserve: There is no flag --wings \(/],
  [["model", "--port"], USAGE, /^ovserve: --port needs a value/],
  [["model", "digits"], USAGE, /^ovserve: Expected flags only, found an argument without --/],
  [["config"], USAGE, /^ovserve: --config_path is missing/],
  [["--model_config_file=a", "--config_path=b"], USAGE, /cannot go together/],
  [["--model_base_path=/a", "--model_config_file_poll_wait_seconds=1"], USAGE, /needs a file that lists the models/],
  [[...MODEL, "--nireq", "many"], USAGE, /^ovserve: --nireq: expected a whole number from 0 to 100000, found "many"/],
  [[...MODEL, "--port", "70000"], USAGE, /^ovserve: --port: expected a whole number from 0 to 65535, found "70000"/],
  [[...MODEL, "--file_system_poll_wait_seconds", "soon"], USAGE, /expected a number of seconds/],
  [[...MODEL, "--model_version_policy", "newest"], USAGE, /expected a version policy in JSON, found "newest"/],
  [[...MODEL, "--shape", "1,3"], USAGE, /^ovserve: --shape: expected a shape such as/],
  [[...MODEL, "--plugin_config", "fast"], USAGE, /^ovserve: --plugin_config: expected a JSON object/],
  [[...MODEL, "--enable_serialization_as_tensor_content=maybe"], USAGE, /expected true or false, found "maybe"/],
  [[...MODEL, "--layout", "NHWC"], USAGE, /^ovserve: --layout is not supported: prepare the inputs/],
  [["--model_base_path=/a", "--tls_cert=/b"], USAGE, /^ovserve: --tls_cert needs --tls_key/],
  [["--model_base_path=/a", "--tls_client_ca=/b"], USAGE, /^ovserve: --tls_client_ca: Deno cannot ask clients/],
  [["--model_base_path=/a", "--grpc_bind_address=[::1]:80"], USAGE, /expected addresses without a port/],
  [[...MODEL, "--ssl_config_file", "/nowhere"], FAILURE, /^ovserve: Cannot find \/nowhere/],
  [
    ["--model_base_path=/a", "--batching_parameters_file=/b"],
    USAGE,
    /^ovserve: --batching_parameters_file is set without setting --enable_batching to true/,
  ],
  [
    [...MODEL, "--enable_batching", "--batching_parameters_file", "/nowhere"],
    FAILURE,
    /^ovserve: Cannot find \/nowhere/,
  ],
  [["model", "--model_name", "a", "--model_path", "/nowhere", "--port", "0"], FAILURE, /Cannot find \/nowhere/],
  [[...MODEL, "--target_device", "TPU"], FAILURE, /Cannot load digits version 1: .*TPU.*CPU/],
  [[...MODEL, "--openvino_dir", "/nowhere"], FAILURE, /Cannot find OpenVINO .*--openvino_dir/],
  [[...MODEL, "--grpc_bind_address", "nowhere.invalid"], FAILURE, /Cannot listen on nowhere\.invalid:0/],
];

Deno.test("arguments that cannot be used are answered with one sentence and an exit code", async () => {
  for (const [args, code, sentence] of CASES) {
    const outcome = await runProgram(args);
    // Lines logged before the failure are JSON.
    const complaint = outcome.stderr.trim().split("\n").filter((line) => !line.startsWith("{"));
    assert.equal(outcome.code, code, `${args.join(" ")}\n${outcome.stderr}`);
    assert.equal(complaint.length, 1, outcome.stderr);
    assert.match(complaint[0] ?? "", sentence);
    assert.equal(outcome.stdout, "");
  }
});

Deno.test("ovserve --version prints the versions of the program, of Deno and of OpenVINO", async () => {
  const { code, stdout } = await runProgram(["--version"]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^ovserve \d+\.\d+\.\d+\nDeno \d+\.\d+\.\d+, V8 \S+\nOpenVINO 20\d\d\.\S+ \(\/.+\), devices: .*CPU.*\n(?:extension \/.+\n)*$/,
  );
  const without = await runProgram(["--version", "--openvino_dir", "/nowhere"]);
  assert.equal(without.code, 0);
  assert.match(without.stdout, /\nCannot find OpenVINO/);
});

Deno.test("--help lists the flags of each command by topic, but none of other servers", async () => {
  for (
    const [args, flag] of [[["--help"], "--model_base_path"], [["model", "-h"], "--model_path"], [
      ["config", "--help"],
      "--config_path",
    ]] as const
  ) {
    const { code, stdout } = await runProgram([...args]);
    assert.equal(code, 0);
    assert(stdout.includes(flag) && stdout.includes("--log_level"), stdout);
    assert.match(stdout, /^Most used:\n(?: .+\n){3,10}\n[A-Z]/m);
    assert.match(stdout, /--grpc_keepalive_time_seconds <seconds> .*\(default: 60 s\)$/m);
    assert(!stdout.includes("--rest_workers"), stdout);
  }
});

Deno.test("harmless flags of other servers are ignored, each with a log line", async () => {
  await using server = await Server.start([
    `--model_base_path=${modelPath("digits")}`,
    ...["--rest_workers", "4", "--flush_filesystem_caches=false", "--platform_config_file="],
  ]);
  assert.deepEqual(server.events("argument ignored").map(({ note }) => String(note).split(" ")[0]), [
    "--rest_workers",
    "--flush_filesystem_caches",
    "--platform_config_file",
  ]);
});
