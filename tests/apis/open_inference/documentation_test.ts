/** The commands of docs/api.md work as they stand there, but for the ports. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";
import { findTool } from "../../support/tools.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const grpcurl = await findTool("grpcurl");

/** The lines of the block in the protocol's section. */
function documentedCommands(): string[] {
  const [, section = ""] = Deno.readTextFileSync(`${ROOT}docs/api.md`).split("## Open Inference Protocol");
  const [, block = ""] = /```sh\n([^`]*)```/.exec(section) ?? [];
  return block.trim().split("\n");
}

Deno.test({
  name: "every curl and grpcurl line of the documentation works",
  ignore: grpcurl === undefined,
  fn: async (t) => {
    await using scratch = await Scratch.make();
    await using server = await Server.start([
      ...[
        "config",
        "--config_path",
        `${ROOT}models/config.json`,
        "--rest_port",
        "any",
        "--rest_bind_address",
        "127.0.0.1",
      ],
      ...["--model_control_mode", "explicit", "--load_model", "*"],
    ]);
    const { rest } = await server.event("server started");
    const commands = documentedCommands();
    assert(commands.length > 20, String(commands.length));
    for (const command of commands) {
      await t.step(command, async () => {
        const here = command.replace("localhost:9000", server.address).replace("localhost:8000", rest as string)
          .replace(/^grpcurl/, grpcurl as string);
        const { code, stderr } = await new Deno.Command("sh", { args: ["-c", here], cwd: scratch.path }).output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
      });
    }
  },
});
