/** The program against its OpenAPI description, with requests that schemathesis makes from it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { dirname } from "node:path";
import { testSeed } from "../../../src/base/testing/random.ts";
import { modelPath } from "../../support/model_path.ts";
import { python } from "../../support/python.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";

const DESCRIPTION = fileURLToPath(new URL("./rest.yaml", import.meta.url));
const RUN_MS_MAX = 180_000;
/** No description says what a model accepts; methods beside those described are 404 here, not 405. */
const EXCLUDED = "positive_data_acceptance,unsupported_method";

const interpreter = await python("open_inference_python");

Deno.test({
  name: "replies to what schemathesis sends are those described",
  ignore: interpreter === undefined,
  fn: async () => {
    await using scratch = await Scratch.make();
    const models = ["half_plus_two", "mixed"].map((name) => [name, { "base_path": modelPath(name) }]);
    const config = await scratch.writeConfig(Object.fromEntries(models));
    const rest = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
    const explicit = ["--model_control_mode", "explicit", "--load_model", "half_plus_two"];
    await using server = await Server.start(["config", "--config_path", config, ...rest, ...explicit]);
    const { rest: address } = await server.event("server started");
    const { code, stdout } = await new Deno.Command(`${dirname(interpreter as string)}/schemathesis`, {
      args: [
        ...["run", DESCRIPTION, "--url", `http://${address}`, "--exclude-checks", EXCLUDED],
        ...["--phases", "coverage,fuzzing", "-n", "15", "--continue-on-failure", "--generation-database", "none"],
        ...["--seed", String(testSeed())],
      ],
      cwd: scratch.path,
      signal: AbortSignal.timeout(RUN_MS_MAX),
    }).output();
    const report = new TextDecoder().decode(stdout);
    assert.equal(code, 0, report);
    assert.match(report, /Tested: 15/);
    assert.equal(server.events("request failed").length, 0, server.log);
  },
});
