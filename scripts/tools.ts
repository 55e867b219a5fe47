/**
 * The programs that test from outside: clients (grpcurl, ghz, h2spec) and readers of manifests (kustomize, kubeconform,
 * compose-go) built from their Go modules into `.ovserve/tools`, h2load and a clock to set from the system's packages, and
 * Prometheus out of its package. What cannot be installed is said, and the tests that need it are skipped.
 *
 * @module
 */
import { exists, type Finished, INSTALLED, run, say } from "./shell.ts";

const TOOLS = `${INSTALLED}/tools`;

/** Go packages with their exact versions, by the name of the program they build. */
const GO_PACKAGES: Readonly<Record<string, string>> = {
  grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
  ghz: "github.com/bojand/ghz/cmd/ghz@v0.121.0",
  h2spec: "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
  kustomize: "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2",
  kubeconform: "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
  "compose-go": "github.com/compose-spec/compose-go/v2/cmd@v2.16.2",
};

/** Packages of Debian's and Ubuntu's, by a program that is in them. */
const SYSTEM_PACKAGES: Readonly<Record<string, string>> = { h2load: "nghttp2-client", faketime: "faketime" };

/** Packages that would start a service if they were installed, with the programs that are taken out of them. */
const UNPACKED_PACKAGES: Readonly<Record<string, readonly string[]>> = { prometheus: ["prometheus", "promtool"] };

/** Installs what is missing and possible. Never throws for what is not. */
export async function installTools(): Promise<void> {
  for (const name of Object.keys(GO_PACKAGES)) await installGoTool(name);
  for (const name of Object.keys(SYSTEM_PACKAGES)) await installPackaged(name);
  for (const name of Object.keys(UNPACKED_PACKAGES)) await unpackPackage(name);
}

async function installGoTool(name: string): Promise<void> {
  if (await exists(`${TOOLS}/${name}`)) return;
  say(`Building ${name} with Go into .ovserve/tools`);
  // Go builds into the folder and renames within it, so a program there is whole.
  const module = GO_PACKAGES[name] ?? "";
  const finished = await run("go", ["install", "-ldflags=-s -w", module], { env: { GOBIN: TOOLS } });
  if (!finished?.success) return sayMissing(name, finished?.output ?? "there is no go");
  // Go names a program after its folder, or the one above where that is a major version.
  const built = /([^/]+)(?:\/v\d+)?@/.exec(module)?.[1] ?? name;
  if (built !== name) await Deno.rename(`${TOOLS}/${built}`, `${TOOLS}/${name}`);
}

async function installPackaged(name: string): Promise<void> {
  if (await run(name, ["--version"]) !== undefined) return;
  const finished = await installPackages([SYSTEM_PACKAGES[name] ?? ""]);
  if (!finished.success) sayMissing(name, finished.output);
}

/** Takes programs out of a package of Debian's or Ubuntu's, for which no rights are needed. */
async function unpackPackage(name: string): Promise<void> {
  const programs = UNPACKED_PACKAGES[name] ?? [];
  const isThere = async (program: string) =>
    await exists(`${TOOLS}/${program}`) || await run(program, ["--version"]) !== undefined;
  if ((await Promise.all(programs.map(isThere))).every(Boolean)) return;
  say(`Unpacking ${name} into .ovserve/tools`);
  const folder = await Deno.makeTempDir({ dir: INSTALLED });
  try {
    await run("apt-get", ["update", "-qq"]);
    const downloaded = await run("apt-get", ["download", "-qq", name], { cwd: folder });
    if (!downloaded?.success) return sayMissing(name, downloaded?.output ?? "there is no apt-get");
    const [archive] = await Array.fromAsync(Deno.readDir(folder));
    const unpacked = await run("dpkg-deb", ["--extract", archive?.name ?? "", "."], { cwd: folder });
    if (!unpacked?.success) return sayMissing(name, unpacked?.output ?? "there is no dpkg-deb");
    await Deno.mkdir(TOOLS, { recursive: true });
    for (const program of programs) await Deno.rename(`${folder}/usr/bin/${program}`, `${TOOLS}/${program}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Installs packages of Debian's and Ubuntu's, where the user may. */
export async function installPackages(packages: readonly string[]): Promise<Finished> {
  say(`Installing ${packages.join(", ")} with apt-get`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], { env });
  const finished = await run("apt-get", ["install", "-qq", "--no-install-recommends", ...packages], { env });
  return finished ?? { success: false, output: "there is no apt-get" };
}

/** Says what will be missing, and the last line of why. */
export function sayMissing(name: string, output: string): void {
  const reason = output.trim().split("\n").at(-1) ?? "";
  say(`Cannot install ${name}, so its tests are skipped: ${reason}`);
}
