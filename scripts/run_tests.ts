/**
 * `deno task test`: installs what the tests need, then runs them with the permissions listed here. Arguments go to `deno test`: files
 * or folders, `--filter …`. With `--executable` first, the tests of the whole program run, with `dist/ovserve` in place of the source.
 *
 * @module
 */
import { delimiter } from "node:path";
import { exists, INSTALLED, ROOT, runTask, TaskError } from "./shell.ts";
import { installTestTools } from "./test_setup.ts";
import { findWholeProgramTests } from "./whole_program_tests.ts";

const EXECUTABLE = `${ROOT}dist/ovserve`;

/** Programs below the folder of tools. */
const TOOLS = [
  "compose-go",
  "ghz",
  "grpcurl",
  "h2spec",
  "interop-cpp/client",
  "interop-go",
  "kubeconform",
  "kustomize",
  "nginx",
  "prometheus",
  "promtool",
];

/**
 * Programs of the system: openssl for certificates, cat for /proc/<pid>, which Deno itself reads only with every permission, env for
 * variables, prlimit for limits, unshare for namespaces and reduced rights, and what clients and tools run with.
 */
const SYSTEM_PROGRAMS = [
  "cat",
  "curl",
  "env",
  "h2load",
  "java",
  "nginx",
  "node",
  "openssl",
  "prlimit",
  "prometheus",
  "promtool",
  "sh",
  "systemd-analyze",
  "unshare",
];

/** What tests may start. Deno prints a line for each program that is missing and each test file, so those are left out. */
async function programs(): Promise<string[]> {
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  const candidates = [
    EXECUTABLE,
    `${INSTALLED}/python/bin/python`,
    ...["python", "schemathesis"].map((name) => `${INSTALLED}/open_inference_python/bin/${name}`),
    ...TOOLS.map((name) => `${INSTALLED}/tools/${name}`),
    ...SYSTEM_PROGRAMS.flatMap((name) => folders.map((folder) => `${folder}/${name}`)),
  ];
  const isThere = await Promise.all(candidates.map(exists));
  return [Deno.execPath(), ...candidates.filter((_, index) => isThere[index])];
}

async function permissions(): Promise<string[]> {
  return [
    // Deno 2.9 needs every path of a Unix socket by name, and 2.6 takes none, so it is all or nothing.
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-ffi",
    "--allow-env",
    "--allow-sys",
    `--allow-run=${(await programs()).join(",")}`,
  ];
}

async function test(): Promise<void> {
  await installTestTools();
  const [first, ...rest] = Deno.args;
  const isExecutable = first === "--executable";
  if (isExecutable && !await exists(EXECUTABLE)) {
    throw new TaskError("There is no dist/ovserve to test. deno task compile makes it");
  }
  const tests = isExecutable ? [...await findWholeProgramTests(), ...rest] : Deno.args;
  const args = ["test", "--trace-leaks", ...await permissions(), ...tests];
  const env = isExecutable ? { OVSERVE_BINARY: EXECUTABLE } : {};
  const { code } = await new Deno.Command(Deno.execPath(), { args, env, cwd: ROOT }).spawn().status;
  Deno.exit(code);
}

await runTask(test);
