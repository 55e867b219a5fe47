/**
 * What clients are told when something is wrong: never where things lie on the host, who runs the server, or what its environment
 * holds. Everything that can go wrong is made to, and every word of every answer is looked at.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const MODEL = "half_plus_two";
const MODEL_SERVICE = "tensorflow.serving.ModelService";
const PREDICTION_SERVICE = "tensorflow.serving.PredictionService";

/** Words that occur only in paths, in the user's name and in the environment. */
const USER = "zaphodbeeblebrox";
const PLACE = "heart of gold";
const VARIABLES = { USER, LOGNAME: USER, HOME: `/home/${USER}`, OVSERVE_TEST_SECRET: "fortytwo-fortytwo" };
/** A path of a host, or of OpenVINO's source. */
const PATH_REGEXP = /(?:^|[\s"'([=:,<])\/(?:[^\s/"']+\/)+[^\s/"']*|[A-Za-z]:\\|\S+\.(?:cpp|hpp|cc|h):\d+/;

/** The answers that clients got. */
class Answers {
  readonly #answers: { readonly what: string; readonly text: string }[] = [];

  add(what: string, text: string): void {
    this.#answers.push({ what, text });
  }

  /** Fails when an answer reveals something; what the client itself sent may come back. */
  check({ secrets, own }: { secrets: readonly string[]; own: readonly string[] }): void {
    for (const { what, text } of this.#answers) {
      const foreign = own.reduce((rest, word) => rest.replaceAll(word, ""), text);
      for (const secret of secrets) assert(!foreign.includes(secret), `${what} tells "${secret}": ${text}`);
      assert.doesNotMatch(foreign, PATH_REGEXP, what);
    }
  }

  get count(): number {
    return this.#answers.length;
  }

  /** The answers that match, to check that what should fail did fail. */
  matching(regexp: RegExp): number {
    return this.#answers.filter(({ text }) => regexp.test(text)).length;
  }
}

/** A fault of a version: a change of its folder, and the state that it causes. */
interface Flaw {
  readonly name: string;
  readonly says: RegExp;
  readonly spoil: (folder: string) => Promise<void>;
  /** What the file of models says of it. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

const XML = `${MODEL}.xml`;
const BIN = `${MODEL}.bin`;

function replaceXml(from: string | RegExp, to: string): (folder: string) => Promise<void> {
  return async (folder) => {
    const text = await Deno.readTextFile(`${folder}/${XML}`);
    assert.notEqual(text.replace(from, to), text);
    await Deno.writeTextFile(`${folder}/${XML}`, text.replace(from, to));
  };
}

function onlyFile(name: string, content: string): (folder: string) => Promise<void> {
  return async (folder) => {
    for (const file of [XML, BIN]) await Deno.remove(`${folder}/${file}`);
    await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}`, content);
  };
}

function besides(name: string, content: string): (folder: string) => Promise<void> {
  return async (folder) => {
    await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}`, content);
  };
}

const nothing = (): Promise<void> => Promise.resolve();

const FLAWS: readonly Flaw[] = [
  { name: "empty", says: /No model in the version's folder/, spoil: onlyFile("README.md", "") },
  { name: "two", says: /More than one model in the version's folder: /, spoil: besides("m.onnx", "x") },
  { name: "no_bin", says: /Incomplete model: .* is missing/, spoil: (folder) => Deno.remove(`${folder}/${BIN}`) },
  { name: "short_bin", says: /Incomplete model: /, spoil: (folder) => Deno.truncate(`${folder}/${BIN}`, 3) },
  { name: "short_xml", says: /does not end as an IR does/, spoil: (folder) => Deno.truncate(`${folder}/${XML}`, 300) },
  { name: "broken_xml", says: /Cannot read the model/, spoil: replaceXml("<layers>", "<layers") },
  { name: "odd_operation", says: /type: Nonsense/, spoil: replaceXml('type="Multiply"', 'type="Nonsense"') },
  {
    name: "odd_type",
    says: /Cannot read the model|element type/,
    spoil: replaceXml(/element_type="f32"/, 'element_type="q9"'),
  },
  { name: "odd_edge", says: /./, spoil: replaceXml(/to-layer="\d+"/, 'to-layer="99"') },
  { name: "onnx", says: /Cannot read the model: .*m\.onnx/, spoil: onlyFile("m.onnx", "garbage") },
  { name: "tflite", says: /Cannot read the model/, spoil: onlyFile("m.tflite", "garbage") },
  { name: "graph", says: /Cannot read the model/, spoil: onlyFile("m.pb", "garbage") },
  { name: "paddle", says: /Cannot read the model/, spoil: onlyFile("m.pdmodel", "garbage") },
  { name: "saved_model", says: /Cannot read/, spoil: onlyFile("saved_model.pb", "garbage") },
  { name: "mapping_no_json", says: /mapping_config\.json/, spoil: besides("mapping_config.json", "{") },
  {
    name: "mapping_no_tensor",
    says: /mapping_config\.json: the model has no input/,
    spoil: besides("mapping_config.json", '{"inputs": {"nope": "x"}}'),
  },
  {
    name: "warm_up",
    says: /Cannot warm up with tf_serving_warmup_requests/,
    spoil: besides("assets.extra/tf_serving_warmup_requests", "garbage garbage"),
  },
  { name: "batching", says: /batching_params\.pbtxt:1:/, spoil: besides("batching_params.pbtxt", "max_batch_size: 7") },
  {
    name: "batching_folder",
    says: /Cannot read batching_params\.pbtxt/,
    spoil: (folder) => Deno.mkdir(`${folder}/batching_params.pbtxt`),
  },
  {
    name: "property",
    says: /Unsupported property/,
    spoil: nothing,
    changes: { "plugin_config": { NO_SUCH: `/home/${USER}/x` } },
  },
  {
    name: "property_value",
    says: /Wrong value/,
    spoil: nothing,
    changes: { "plugin_config": { "PERFORMANCE_HINT": `/home/${USER}` } },
  },
  {
    name: "cache",
    says: /Couldn't create directory|Cannot compile/,
    spoil: nothing,
    changes: { "plugin_config": { "CACHE_DIR": `/proc/${USER}/${PLACE}` } },
  },
  { name: "device", says: /for the device GPU/, spoil: nothing, changes: { "target_device": "GPU" } },
  { name: "shape", says: /Cannot reshape the model/, spoil: nothing, changes: { shape: '{"nope": "(1)"}' } },
  { name: "rank", says: /./, spoil: nothing, changes: { shape: "(1,2,3,4)" } },
];

/** A server of one good model and many faulty ones, in folders with recognizable names. */
class Rig implements AsyncDisposable {
  readonly answers = new Answers();
  readonly #resources: AsyncDisposableStack;

  private constructor(
    resources: AsyncDisposableStack,
    readonly scratch: Scratch,
    readonly server: Server,
    readonly client: PredictionClient,
    readonly rest: string,
  ) {
    this.#resources = resources;
  }

  static async start(): Promise<Rig> {
    await using resources = new AsyncDisposableStack();
    const scratch = resources.use(await Scratch.make());
    const config: Record<string, Readonly<Record<string, unknown>>> = {
      good: { "base_path": `${PLACE}/good` },
      missing: { "base_path": `${PLACE}/${USER}/missing` },
      bare: { "base_path": `${PLACE}/bare` },
    };
    await Deno.mkdir(`${scratch.path}/${PLACE}/bare`, { recursive: true });
    await scratch.addVersion(`${PLACE}/good`, { model: MODEL, version: 1 });
    for (const { name, spoil, changes } of FLAWS) {
      await scratch.addVersion(`${PLACE}/${name}`, { model: MODEL, version: 1 });
      await spoil(`${scratch.path}/${PLACE}/${name}/1`);
      config[name] = { "base_path": `${PLACE}/${name}`, ...changes };
    }
    const variables = Object.entries(VARIABLES).map(([name, value]) => `${name}=${value}`);
    const server = resources.use(
      await Server.start([
        ...["config", "--config_path", await scratch.writeConfig(config)],
        ...["--rest_bind_address", "127.0.0.1", "--rest_port", "any"],
        ...["--enable_batching", "--enable_per_model_batching_parameters", "--max_num_load_retries", "0"],
        ...["--file_system_poll_wait_seconds", "0.1"],
        ...["--cache_dir", `${scratch.path}/${PLACE}/cache`],
      ], {
        through: ["env", `DENO_DIR=${Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`}`, ...variables],
      }),
    );
    const { rest } = await server.event("server started");
    const client = resources.use(new PredictionClient(server.address));
    return new Rig(resources.move(), scratch, server, client, `http://${rest}`);
  }

  /** Calls a method and keeps the answer, good or bad. */
  async call(service: string, method: string, request: Record<string, unknown>): Promise<string> {
    const text = await this.client.call(service, method, { request }).then(
      (reply) => JSON.stringify(reply),
      (error: { details: string }) => error.details,
    );
    this.answers.add(`${method} ${JSON.stringify(request).slice(0, 200)}`, text);
    return text;
  }

  /** Sends a REST request and keeps the answer with its headers. */
  async fetch(method: string, path: string, body?: string): Promise<string> {
    const response = await fetch(`${this.rest}${path}`, body === undefined ? { method } : { method, body });
    const text = await response.text();
    this.answers.add(`${method} ${path}`, `${text}\n${[...response.headers].join("\n")}`);
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

Deno.test(
  "No answer tells where files lie, who runs the server or what is in its environment",
  LINUX_ONLY,
  async () => {
    await using rig = await Rig.start();
    const { scratch, server, answers } = rig;

    for (const { name, says } of [{ name: "good", says: /AVAILABLE/ }, ...FLAWS]) {
      const request = { "model_spec": { name } };
      assert.match(await rig.call(MODEL_SERVICE, "GetModelStatus", request), says, name);
      assert.match(await rig.fetch("GET", `/v1/models/${name}`), says, name);
      await rig.call(PREDICTION_SERVICE, "Predict", request);
      await rig.call(PREDICTION_SERVICE, "GetModelMetadata", { ...request, "metadata_field": ["signature_def"] });
      await rig.fetch("GET", `/v1/models/${name}/metadata`);
      await rig.fetch("POST", `/v1/models/${name}:predict`, '{"instances": [1]}');
    }
    for (const name of ["missing", "bare"]) {
      await rig.call(MODEL_SERVICE, "GetModelStatus", { "model_spec": { name } });
      await rig.fetch("GET", `/v1/models/${name}`);
    }
    for (
      const path of ["/v1/models", "/v1/config", "/v2/health/ready", "/v2/models/empty/ready", "/nope", "/v1/nope"]
    ) {
      await rig.fetch("GET", path);
    }

    // Requests that are wrong in all kinds of ways.
    const tensors = [
      { dtype: "DT_FLOAT", "tensor_shape": { dim: [{ size: "2" }, { size: "3" }] }, "float_val": [1, 2, 3, 4, 5, 6] },
      { dtype: "DT_FLOAT", "tensor_shape": { dim: [{ size: "-1" }] }, "float_val": [1] },
      { dtype: "DT_STRING", "tensor_shape": { dim: [{ size: "1" }] }, "string_val": [new Uint8Array([1])] },
      { dtype: "DT_FLOAT", "tensor_shape": { dim: [{ size: "4" }] }, "tensor_content": new Uint8Array(3) },
      { dtype: "DT_RESOURCE", "tensor_shape": { dim: [] } },
    ];
    for (const x of tensors) {
      await rig.call(PREDICTION_SERVICE, "Predict", { "model_spec": { name: "good" }, inputs: { x } });
      await rig.call(PREDICTION_SERVICE, "Predict", { "model_spec": { name: "good" }, inputs: { x, y: x } });
    }
    for (const method of ["Classify", "Regress", "MultiInference", "GetModelMetadata"]) {
      await rig.call(PREDICTION_SERVICE, method, { "model_spec": { name: "good", "signature_name": "nope" } });
    }
    for (
      const body of ["", "{", '{"instances": []}', '{"instances": [[1,2],[3]]}', '{"inputs": {"nope": 1}}', "null"]
    ) {
      for (const method of ["predict", "classify", "regress"]) {
        await rig.fetch("POST", `/v1/models/good:${method}`, body);
      }
    }

    // Configurations from clients: their own words may come back, and nothing else.
    const entry = (name: string, folder: string, changes = {}) => {
      return { name, "base_path": folder, "model_platform": "tensorflow", ...changes };
    };
    const good = entry("good", `${scratch.path}/${PLACE}/good`);
    const reload = (...config: unknown[]) =>
      rig.call(MODEL_SERVICE, "HandleReloadConfigRequest", { config: { "model_config_list": { config } } });
    assert.match(await reload(good, entry("gone", `${scratch.path}/gone`)), /did not become available/);
    assert.match(await reload(good, entry("empty", `${scratch.path}/${PLACE}/empty`)), /did not become available/);
    assert.match(await reload(good, entry("", `${scratch.path}/gone`)), /has no name/);
    assert.match(await reload(entry("good", "relative/place")), /absolute path/);
    assert.match(await reload(good, good), /multiple times/);
    assert.match(
      await reload(entry("good", `${scratch.path}/${PLACE}/good`, { "version_labels": { canary: "9" } })),
      /label/,
    );
    await reload(entry("good", `${scratch.path}/${PLACE}/good`, { "model_platform": `/home/${USER}/platform` }));

    // The file of models, read anew over REST.
    for (
      const text of [
        "{",
        `{"model_config_list": [{"config": {"name": "a", "base_path": /home/${USER}/a}}]}`,
        `{"model_config_list": [{"config": {"name": "a", "base_path": "s3://${USER}/a"}}]}`,
        `{"model_config_list": [{"config": {"name": "a", "base_path": "b", "nireq": "/home/${USER}"}}]}`,
        `{"/home/${USER}": 1}`,
      ]
    ) {
      await scratch.write("models.json", text);
      assert.match(await rig.fetch("POST", "/v1/config/reload"), /The file of models cannot be used at line 1/);
    }
    await Deno.remove(`${scratch.path}/models.json`);
    assert.match(await rig.fetch("POST", "/v1/config/reload"), /The file of models cannot be found/);

    assert(answers.count > 200, `${answers.count} answers`);
    answers.check({
      secrets: [scratch.path, ROOT, modelPath(""), PLACE, USER, ...Object.values(VARIABLES), "/tmp", "/home", "/proc"],
      own: [`/home/${USER}/platform`, "POST /v1/", "GET /v1/"],
    });
    // The log keeps what is kept from clients.
    await server.event("version failed", ({ error }) => String(error).includes(`${scratch.path}/${PLACE}/short_bin/1`));
    await server.event(
      "configuration refused",
      ({ error }) => String(error).includes(`${scratch.path}/models.json:1:`),
    );
  },
);
