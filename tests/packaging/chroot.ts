/**
 * A root file system to run a program in, like a container's: the C and C++ libraries of this machine's Debian packages, certificates,
 * and what a test adds. Read-only, as an unprivileged user. Needs root and Linux's namespaces.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What distroless `cc` holds: see the Dockerfile's last FROM. */
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "ca-certificates"];
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** distroless's `nonroot`. */
const USER = "65532:65532";

/** Why no program can run like this here; undefined when one can. */
export async function reasonAgainst(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only Linux has chroot and namespaces";
  if (Deno.uid() !== 0) return "chroot needs root";
  const { success, stderr } = await shell(
    "chroot --version && mount --version && nsenter --version && dpkg --version",
    [
      "--mount",
      "--pid",
      "--fork",
    ],
  );
  return success ? undefined : `namespaces, or the programs to make them, are missing: ${stderr.trim()}`;
}

/** The outcome of a program. */
export interface Ended {
  readonly success: boolean;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line of shell with `unshare`'s options. `unshare` is the one program tests may start with it. */
async function shell(script: string, options: readonly string[] = []): Promise<Ended> {
  const args = [...options, "sh", "-c", script];
  try {
    const { success, code, stdout, stderr } = await new Deno.Command("unshare", { args, stdin: "null" }).output();
    const decoder = new TextDecoder();
    return { success, code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return { success: false, code: 127, stdout: "", stderr: "there is no unshare" };
  }
}

/** How to run a program in there. */
export interface RunOptions {
  /** The command to run, its name looked up in `path`. */
  readonly command: readonly string[];
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Folders of this machine, by where they are seen. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Folders to write to, with mount options, by where they are seen. */
  readonly scratch?: Readonly<Record<string, string>>;
}

/** The file system, until it is disposed. */
export class Chroot implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes one with nothing but the libraries. */
  static async create(): Promise<Chroot> {
    await Deno.mkdir(`${ROOT}.ovserve`, { recursive: true });
    const chroot = new Chroot(await Deno.makeTempDir({ dir: `${ROOT}.ovserve`, prefix: "chroot-" }));
    await Deno.chmod(chroot.folder, 0o755);
    for (const folder of ["usr/lib", "usr/lib64", "usr/sbin", "proc", "dev", "tmp", "etc"]) {
      await Deno.mkdir(join(chroot.folder, folder), { recursive: true });
    }
    for (const name of ["lib", "lib64", "sbin"]) await Deno.symlink(`usr/${name}`, join(chroot.folder, name));
    const { stdout } = await shell(`dpkg -L ${PACKAGES.join(" ")}`);
    // Documents and tools are of no use to a program.
    const paths = new Set(stdout.split("\n").filter((path) => /\/lib(64)?\//.test(path)));
    for (const path of [...paths, CERTIFICATES]) await copyEntry(path, join(chroot.folder, path));
    return chroot;
  }

  /** Copies a file or folder into it. */
  async add(source: string, destination: string): Promise<void> {
    await copyEntry(source, join(this.folder, destination));
    if (!(await Deno.lstat(source)).isDirectory) return;
    for await (const { name } of Deno.readDir(source)) await this.add(join(source, name), join(destination, name));
  }

  /** Makes an empty folder in it, for something to be mounted on. */
  async addFolder(folder: string): Promise<void> {
    await Deno.mkdir(join(this.folder, folder), { recursive: true });
  }

  /** Starts a program as process 1 of its own, with no other environment than what is given. */
  start(options: RunOptions): Deno.ChildProcess {
    const args = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", this.#script(options)];
    const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command("unshare", { args, ...streams }).spawn();
  }

  /** Runs a program to its end. */
  async run(options: RunOptions): Promise<Ended> {
    return await shell(this.#script(options), ["--mount", "--pid", "--fork"]);
  }

  /** Runs a program beside one that was started, seeing the same processes and files. */
  async runBeside(started: Deno.ChildProcess, options: RunOptions): Promise<Ended> {
    return await shell(`nsenter --target ${await firstChild(started)} --mount --pid ${this.#enter(options)}`);
  }

  /** Asks a program that was started to end. */
  async terminate(started: Deno.ChildProcess): Promise<void> {
    await shell(`kill -TERM ${await firstChild(started)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  #script({ volumes = {}, scratch = {}, ...options }: RunOptions): string {
    const inside = (folder: string) => quote(join(this.folder, folder));
    return [
      "set -e",
      "mount --make-rprivate /",
      `mount --bind ${inside("")} ${inside("")}`,
      `mount -t proc proc ${inside("proc")}`,
      `mount -t tmpfs tmpfs ${inside("dev")}`,
      ...["null", "urandom"].map((name) =>
        `touch ${inside(`dev/${name}`)}; mount --bind /dev/${name} ${inside(`dev/${name}`)}`
      ),
      ...Object.entries(volumes).map(([to, from]) => `mount --bind ${quote(from)} ${inside(to)}`),
      ...Object.entries(scratch).map(([to, mode]) => `mount -t tmpfs -o ${mode} tmpfs ${inside(to)}`),
      `mount -o remount,bind,ro ${inside("")}`,
      `exec ${this.#enter(options)}`,
    ].join("\n");
  }

  #enter({ command, path, env = {} }: RunOptions): string {
    const chroot = ["/usr/sbin/chroot", `--userspec=${USER}`, this.folder, ...command];
    const variables = Object.entries({ PATH: path, ...env }).map(([name, value]) => `${name}=${quote(value)}`);
    return `env -i ${variables.join(" ")} ${chroot.map(quote).join(" ")}`;
  }
}

/** The program itself, which is `unshare`'s child. */
async function firstChild({ pid }: Deno.ChildProcess): Promise<string> {
  const { stdout } = await shell(`cat /proc/${pid}/task/${pid}/children`);
  return stdout.trim();
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Copies one file, link or empty folder, if it exists. */
async function copyEntry(source: string, destination: string): Promise<void> {
  const info = await Deno.lstat(source).catch(() => undefined);
  if (info === undefined) return;
  await Deno.mkdir(info.isDirectory ? destination : dirname(destination), { recursive: true });
  if (info.isSymlink) await Deno.symlink(await Deno.readLink(source), destination);
  else if (info.isFile) await Deno.copyFile(source, destination);
}
