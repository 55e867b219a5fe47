/**
 * `deno task test`: installs what the tests need, then runs them with the permissions spelled out here. Arguments go to
 * `deno test`: files or folders to run, `--filter …`.
 *
 * @module
 */
import { installPythonPackages } from "./python_environment.ts";
import { installRuntime } from "./setup.ts";
import { INSTALLED, ROOT, runTask } from "./shell.ts";
import { installTools } from "./tools.ts";

/**
 * What tests may start: this Deno, Python, the clients, the executable, and cat for /proc/<pid>, which Deno itself reads only
 * with every permission there is.
 */
const PROGRAMS = [
  Deno.execPath(),
  `${INSTALLED}/python/bin/python`,
  ...["grpcurl", "ghz", "h2spec"].map((name) => `${INSTALLED}/tools/${name}`),
  "h2load",
  "cat",
  `${ROOT}dist/ovserve`,
];

const PERMISSIONS = [
  "--allow-net=127.0.0.1,[::1],localhost",
  "--allow-read",
  "--allow-write",
  "--allow-ffi",
  "--allow-env",
  "--allow-sys",
  `--allow-run=${PROGRAMS.join(",")}`,
];

async function test(): Promise<void> {
  await installRuntime();
  await installPythonPackages();
  await installTools();
  const args = ["test", "--trace-leaks", ...PERMISSIONS, ...Deno.args];
  const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).spawn().status;
  Deno.exit(code);
}

await runTask(test);
