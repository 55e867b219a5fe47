/**
 * The programs that test from outside, as installations: clients (grpcurl, ghz, h2spec) and manifest readers (kustomize, kubeconform,
 * compose-go) built from Go modules, h2load and faketime from system packages, nginx and Prometheus unpacked from theirs.
 *
 * @module
 */
import type { Installation } from "./installation.ts";
import { exists, INSTALLED, lastLine, run, TaskError } from "./shell.ts";

/** Where programs are built and unpacked. */
export const TOOLS = `${INSTALLED}/tools`;

/** Go packages with their exact versions, by the name of the program they build. */
const GO_PACKAGES: Readonly<Record<string, string>> = {
  grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
  ghz: "github.com/bojand/ghz/cmd/ghz@v0.121.0",
  h2spec: "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
  kustomize: "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2",
  kubeconform: "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
  "compose-go": "github.com/compose-spec/compose-go/v2/cmd@v2.16.2",
};

/** Packages of Debian and Ubuntu, by a program that is in them. */
const SYSTEM_PACKAGES: Readonly<Record<string, string>> = { h2load: "nghttp2-client", faketime: "faketime" };

/** Packages that would start a service when installed, with the programs to take out of them. */
const UNPACKED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  prometheus: ["usr/bin/prometheus", "usr/bin/promtool"],
  nginx: ["usr/sbin/nginx"],
};

/** The programs themselves; the interoperability clients are in interop_clients.ts. */
export const TOOL_INSTALLATIONS: readonly Installation[] = [
  ...Object.entries(GO_PACKAGES).map(([name, module]): Installation => ({
    name,
    title: `Building ${name} with Go`,
    lane: "go",
    isInstalled: () => exists(`${TOOLS}/${name}`),
    install: () => buildWithGo(name, module),
  })),
  ...Object.entries(SYSTEM_PACKAGES).map(([program, debian]): Installation => ({
    name: program,
    title: `Installing ${debian} with apt-get`,
    lane: "apt",
    isInstalled: () => starts(program),
    install: () => installPackages([debian]),
  })),
  ...Object.entries(UNPACKED_PACKAGES).map(([debian, paths]): Installation => ({
    name: debian,
    title: `Unpacking the Debian package ${debian}`,
    lane: "apt",
    isInstalled: () => areThere(paths.map(programOf)),
    install: () => unpackPackage(debian, paths),
  })),
];

function programOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function starts(program: string): Promise<boolean> {
  return await run(program, ["--version"]) !== undefined;
}

async function areThere(programs: readonly string[]): Promise<boolean> {
  const found = programs.map(async (program) => await exists(`${TOOLS}/${program}`) || await starts(program));
  return (await Promise.all(found)).every(Boolean);
}

/** Go builds into the folder and renames within it, so a program there is whole. */
async function buildWithGo(name: string, module: string): Promise<void> {
  const finished = await run("go", ["install", "-ldflags=-s -w", module], { env: { GOBIN: TOOLS } });
  if (!finished?.success) throw new TaskError(finished === undefined ? "there is no go" : lastLine(finished.output));
  // Go names a program after its folder, or after the one above when the folder is a major version.
  const built = /([^/]+)(?:\/v\d+)?@/.exec(module)?.[1] ?? name;
  if (built !== name) await Deno.rename(`${TOOLS}/${built}`, `${TOOLS}/${name}`);
}

/** Takes programs out of a package of Debian or Ubuntu. Needs no rights of an administrator, and starts no service. */
async function unpackPackage(debian: string, paths: readonly string[]): Promise<void> {
  await Deno.mkdir(TOOLS, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: INSTALLED });
  try {
    await updatePackageLists();
    const downloaded = await run("apt-get", ["download", "-qq", debian], { cwd: folder });
    if (!downloaded?.success) {
      throw new TaskError(downloaded === undefined ? "there is no apt-get" : lastLine(downloaded.output));
    }
    const [archive] = await Array.fromAsync(Deno.readDir(folder));
    const unpacked = await run("dpkg-deb", ["--extract", archive?.name ?? "", "."], { cwd: folder });
    if (!unpacked?.success) {
      throw new TaskError(unpacked === undefined ? "there is no dpkg-deb" : lastLine(unpacked.output));
    }
    for (const path of paths) await Deno.rename(`${folder}/${path}`, `${TOOLS}/${programOf(path)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Installs packages of Debian or Ubuntu.
 *
 * @throws {TaskError} when there is no apt-get, or the user may not.
 */
export async function installPackages(packages: readonly string[]): Promise<void> {
  await updatePackageLists();
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const finished = await run("apt-get", ["install", "-qq", "--no-install-recommends", ...packages], { env });
  if (finished === undefined) throw new TaskError("there is no apt-get");
  if (!finished.success) throw new TaskError(lastLine(finished.output));
}

let packageLists: Promise<unknown> | undefined;

/** Once a run. A failure shows when a package cannot be found. */
function updatePackageLists(): Promise<unknown> {
  return packageLists ??= run("apt-get", ["update", "-qq"]);
}
