import { Command } from "commander";
import assert from "node:assert/strict";
import { addFlags, notEmpty, oneOf, optional, readFlags, secondsAsMs, switched, topic, wholeNumber } from "./flag.ts";
import { judgeForeignFlags } from "./foreign_flags.ts";
import { readLoadFlags } from "./model_flags.ts";
import { serverConfig } from "../commands/server.ts";
import { readServerFlags, SERVER_SECTIONS } from "./server_flags.ts";

const VARIABLE = "OVSERVE_FLAG_TEST";

/** Runs with an environment variable set. */
function withVariable(text: string, use: () => void): void {
  Deno.env.set(VARIABLE, text);
  try {
    use();
  } finally {
    Deno.env.delete(VARIABLE);
  }
}

const toy = topic("Toys");

const COUNT = toy("count", {
  value: "count",
  help: "number of things",
  parse: wholeNumber(0, 9),
  default: "1",
  env: VARIABLE,
});

Deno.test("Flag.read() reads the argument, else the environment, else the default", () => {
  assert.equal(COUNT.read({}), 1);
  withVariable("2", () => {
    assert.equal(COUNT.read({}), 2);
    assert.equal(COUNT.read({ count: "3" }), 3);
  });
  withVariable("", () => assert.equal(COUNT.read({}), 1));
  assert.equal(COUNT.read({}, { count: "7" }), 7);
  assert.deepEqual([COUNT.isGiven({ count: "3" }), COUNT.isGiven({})], [true, false]);
});

Deno.test("Flag.read() names the origin of a text that cannot be read, and a flag that is missing", () => {
  const error = (message: string) => ({ name: "UsageError", message });
  assert.throws(
    () => COUNT.read({ count: "10" }),
    error('--count: expected a whole number from 0 to 9, found "10"'),
  );
  withVariable("x", () =>
    assert.throws(
      () => COUNT.read({}),
      error(`The environment variable ${VARIABLE}: expected a whole number from 0 to 9, found "x"`),
    ));
  const required = toy("name", { value: "name", help: "name of it", parse: notEmpty });
  assert.throws(() => required.read({}), error("--name is missing: the name of it"));
});

Deno.test("readFlags() returns the values by their names in the program", () => {
  const flags = {
    some: COUNT,
    other: toy("other", { help: "a switch", parse: switched, default: "false" }),
  };
  assert.deepEqual(readFlags(flags, { count: "4", other: "true" }), { some: 4, other: true });
});

Deno.test("addFlags() lets commander split arguments, a bare switch as true", () => {
  const command = new Command();
  addFlags(command, [{ some: COUNT, other: toy("other", { help: "a switch", parse: switched }) }]);
  command.parse(["--count=4", "--other"], { from: "user" });
  assert.deepEqual(command.opts(), { count: "4", other: "true" });
});

Deno.test("addFlags() groups --help by topic, the most used flags first, with defaults in their units", () => {
  const games = topic("Games");
  const command = new Command("toy");
  const flags = {
    some: COUNT,
    pause: games("pause", { value: "seconds", help: "a pause", parse: secondsAsMs(0, 9), default: "5" }),
    memory: toy("memory", { value: "bytes", help: "memory", parse: wholeNumber(0, 2 ** 40), default: String(2 ** 31) }),
    other: games("other", { help: "a switch", parse: switched, default: "false", isBasic: true }),
  };
  addFlags(command, [flags], { count: "2" });
  assert.deepEqual(command.helpInformation().split("\n").slice(2, -2).map((line) => line.replace(/  +/g, "  ")), [
    "Most used:",
    "  --other [true|false]  a switch (default: false)",
    "",
    "Toys:",
    "  --count <count>  number of things (default: 2, env: OVSERVE_FLAG_TEST)",
    "  --memory <bytes>  memory (default: 2 GiB)",
    "",
    "Games:",
    "  --pause <seconds>  a pause (default: 5 s)",
    "",
    "Options:",
  ]);
});

Deno.test("each flag of a server has a name, a help text and a default of its own", () => {
  const flags = SERVER_SECTIONS.flatMap((section) => Object.values(section));
  assert.equal(new Set(flags.map(({ name }) => name)).size, flags.length);
  for (const flag of flags) assert.match(flag.help(), /^.+ \(default: .+\)$/, flag.name);
});

Deno.test("the readers of texts accept what they promise and nothing else", () => {
  const level = oneOf(["info", "warning"], { warn: "warning" });
  assert.deepEqual([level("INFO"), level("Warn")], ["info", "warning"]);
  assert.throws(() => level("constructor"), /expected one of info, warning, found "constructor"/);
  assert.deepEqual(["true", "1", "TRUE", "false", "0"].map(switched), [true, true, true, false, false]);
  assert.throws(() => switched(""), /expected true or false/);
  assert.deepEqual(["0", "0.5", "1e1"].map(secondsAsMs(0, 10)), [0, 500, 10_000]);
  for (const text of ["", " ", "-1", "11", "NaN", "Infinity"]) assert.throws(() => secondsAsMs(0, 10)(text), /seconds/);
  for (const text of ["", "-1", "1.0", "1e1", "10", " 1"]) assert.throws(() => wholeNumber(0, 9)(text), /whole number/);
  const option = toy("option", optional({ value: "text", help: "a text" }, notEmpty));
  assert.deepEqual([option.read({}), option.read({ option: "" }), option.read({ option: "a" })], [
    undefined,
    undefined,
    "a",
  ]);
});

Deno.test("readServerFlags() reads numbers as TensorFlow Serving does", () => {
  const { loading } = readServerFlags({
    "load_retry_interval_micros": "-1",
    "num_load_threads": "0",
    "max_num_load_retries": "0",
  });
  assert.deepEqual([loading.loadRetryIntervalMs, loading.loadsMax, loading.loadRetriesMax], [0, 1, 0]);
  assert.equal(readServerFlags({}).loading.loadRetryIntervalMs, 60_000);
  assert.equal(readServerFlags({ "load_retry_interval_micros": "1500" }).loading.loadRetryIntervalMs, 1.5);
});

Deno.test("readLoadFlags() notes that --shape replaces --batch_size", () => {
  const both = readLoadFlags({ shape: "(1,2)", "batch_size": "4" });
  assert.equal(both.load.batchSize, undefined);
  assert.deepEqual(both.notes, ["--batch_size is ignored, since --shape says it too"]);
  assert.deepEqual(readLoadFlags({ "batch_size": "4" }).load.batchSize, { kind: "fixed", size: { min: 4, max: 4 } });
  assert.equal(readLoadFlags({ nireq: "0" }).load.inferRequestCount, undefined);
});

Deno.test("serverConfig() prefers the file to the one model, and has TensorFlow Serving's port", () => {
  const text = serverConfig({ "model_config_file": "/a", "model_base_path": "/b", "model_name": "c" });
  assert.equal(text.models.kind === "file" && text.models.file.format, "text_proto");
  assert.deepEqual(text.notes.map((note) => note.split(" ")[0]), ["--model_name", "--model_base_path"]);
  assert.equal(text.grpc.port, 8500);
  const json = serverConfig({ "config_path": "/a", "model_config_file": "" });
  assert.equal(json.models.kind === "file" && json.models.file.format, "json");
  const one = serverConfig({ "model_path": "/b" });
  assert.equal(one.models.kind === "list" && one.models.models[0]?.name, "default");
  assert.equal(one.waitsForModels, true);
});

Deno.test("judgeForeignFlags() ignores what changes nothing and refuses the rest", () => {
  assert.deepEqual(judgeForeignFlags({ "rest_workers": "8", "mixed_precision": "", port: "1" }), [
    "--rest_workers is ignored: requests do not need a thread each",
    "--mixed_precision is ignored: --inference_precision sets the type that floats are computed with",
  ]);
  assert.throws(() => judgeForeignFlags({ layout: "NHWC" }), {
    name: "UsageError",
    message: "--layout is not supported: prepare the inputs in the client, or put it into the model with OpenVINO's " +
      "PrePostProcessor",
  });
});
