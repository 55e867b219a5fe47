/**
 * `deno task test`: installs what the tests need, then runs them with the permissions spelled out here. Arguments go to
 * `deno test`: files or folders to run, `--filter …`.
 *
 * @module
 */
import { installInteropClients } from "./interop_clients.ts";
import { installPythonPackages } from "./python_environment.ts";
import { installSchemas } from "./schemas.ts";
import { installRuntime } from "./setup.ts";
import { INSTALLED, ROOT, runTask } from "./shell.ts";
import { installTools } from "./tools.ts";

/** What was built into the folder of tools. */
const TOOLS = [
  "compose-go",
  "ghz",
  "grpcurl",
  "h2spec",
  "interop-cpp/client",
  "interop-go",
  "kubeconform",
  "kustomize",
  "prometheus",
  "promtool",
];

/**
 * What tests may start: this Deno, Python, the clients and what runs them, openssl for certificates, the executable, cat for
 * /proc/<pid>, which Deno itself reads only with every permission there is, env for variables of its own, and unshare for what a
 * container would see.
 */
const PROGRAMS = [
  Deno.execPath(),
  `${INSTALLED}/python/bin/python`,
  ...TOOLS.map((name) => `${INSTALLED}/tools/${name}`),
  "h2load",
  "java",
  "nginx",
  "node",
  "openssl",
  "prlimit",
  "prometheus",
  "promtool",
  "cat",
  "env",
  "systemd-analyze",
  "unshare",
  `${ROOT}dist/ovserve`,
];

const PERMISSIONS = [
  // Of Unix sockets Deno 2.9 wants each path by its name, and 2.6 takes none, so it is all or nothing.
  "--allow-net",
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
  await installSchemas();
  await installInteropClients();
  const args = ["test", "--trace-leaks", ...PERMISSIONS, ...Deno.args];
  const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).spawn().status;
  Deno.exit(code);
}

await runTask(test);
