/** The executable's permissions: what they are, what the program asks for, and what docs/permissions.md says are the same. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT, PERMISSIONS, SYSTEM } from "../../scripts/packaging/permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How the program names a variable it reads: `Deno.env.get("X")`, `env("X")`, `env: "X"` of a flag, and all of SageMaker's. */
const VARIABLE_REGEXP = /\benv(?:\.get)?\("(\w+)"\)|\benv: "(\w+)"|"(SAGEMAKER_\w+)"/g;

/** The source of the program below a folder: no tests, no benchmarks, no support for them. */
async function sources(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) texts.push(...name === "testing" ? [] : await sources(path));
    else if (/(?<!_test|_bench)\.ts$/.test(name)) texts.push(await Deno.readTextFile(`${ROOT}${path}`));
  }
  return texts;
}

Deno.test("the executable may read the variables that the program reads, and no others", async () => {
  const matches = (await sources("src")).flatMap((text) => [...text.matchAll(VARIABLE_REGEXP)]);
  const read = matches.map(([, called, flag, sagemaker]) => called ?? flag ?? sagemaker ?? "");
  const covers = (pattern: string, name: string) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  assert.deepEqual(read.filter((name) => !ENVIRONMENT.some((pattern) => covers(pattern, name))), []);
  assert.deepEqual(ENVIRONMENT.filter((pattern) => !read.some((name) => covers(pattern, name))), []);
});

Deno.test("docs/permissions.md names every permission, variable and fact of the system", async () => {
  const page = await Deno.readTextFile(`${ROOT}docs/permissions.md`);
  const names = [...PERMISSIONS.map((flag) => flag.replace(/=.*/, "")), ...ENVIRONMENT, ...SYSTEM];
  assert.deepEqual(names.filter((name) => !page.includes(`\`${name}\``)), []);
});

Deno.test("a server that is up has given back what only its start needs", async () => {
  const args = ["model", "--model_name", "digits", "--model_path", `${ROOT}models/digits`, "--port", "0"];
  const program = `
    const { run } = await import(${JSON.stringify(`file://${ROOT}src/cli/cli.ts`)});
    const state = (name) => Deno.permissions.querySync({ name }).state;
    const running = run(${JSON.stringify([...args, "--grpc_bind_address", "127.0.0.1"])});
    while (state("net") === "granted") await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(["write", "net", "run", "read"].map(state).join(" "));
    Deno.kill(Deno.pid, "SIGTERM");
    Deno.exit(await running);`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", program], cwd: ROOT });
  const { code, stdout, stderr } = await command.output();
  assert.equal(new TextDecoder().decode(stdout), "prompt prompt granted granted\n", new TextDecoder().decode(stderr));
  assert.equal(code, 0);
});
