/**
 * The licences of everything in the executable, in one text: `ovserve licenses` prints it.
 *
 * @module
 */
import type { Package } from "./carried_packages.ts";
import { DENO_VERSION, runDeno } from "./denort.ts";
import { OPENVINO_VERSION, TOKENIZERS_VERSION } from "../openvino_wheel.ts";
import { exists, ROOT } from "../shell.ts";

const LICENCE_FILE_REGEXP = /^(licen[cs]e|copying|notice)/i;
const RULE = "=".repeat(80);

/** What the text is about. */
export interface Carried {
  readonly packages: readonly Package[];
  /** The installed runtime's folder with licences. */
  readonly runtimeLicences: string;
}

/** The text. Packages without a licence file of their own are named with the licence they declare. */
export async function noticesOf({ packages, runtimeLicences }: Carried): Promise<string> {
  const sections = [
    section("ovserve", await Deno.readTextFile(`${ROOT}LICENSE`)),
    section(`Deno ${DENO_VERSION}, with V8 and the Rust crates it is built from`, await denoLicence()),
    section(
      `OpenVINO ${OPENVINO_VERSION} and openvino-tokenizers ${TOKENIZERS_VERSION}`,
      (await textsBelow(runtimeLicences)).join("\n"),
    ),
  ];
  for (const { name, version, folder } of packages.filter(({ isCarried }) => isCarried)) {
    const texts = await textsIn(folder);
    sections.push(section(`${name} ${version}`, texts.length > 0 ? texts.join("\n") : await declaredLicence(folder)));
  }
  return sections.join("\n");
}

function section(title: string, text: string): string {
  return `${RULE}\n${title}\n${RULE}\n\n${text.trim()}\n`;
}

/** The licence that a package's package.json names: `MIT`. */
export async function licenceName(folder: string): Promise<string | undefined> {
  const { license } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  return typeof license === "string" ? license : undefined;
}

async function declaredLicence(folder: string): Promise<string> {
  return `Licence: ${await licenceName(folder) ?? "not declared"}`;
}

/** The licence in the npm package that carries Deno, which lies beside the program. */
async function denoLicence(): Promise<string> {
  const { stdout } = await runDeno(["eval", "--no-config", "console.log(Deno.execPath())"]);
  const path = `${stdout.trim().replace(/[^/\\]+$/, "")}LICENSE`;
  return await exists(path) ? await Deno.readTextFile(path) : "Licence: MIT";
}

async function textsIn(folder: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const found = names.filter((name) => LICENCE_FILE_REGEXP.test(name)).sort();
  return await Promise.all(found.map((name) => Deno.readTextFile(`${folder}/${name}`)));
}

async function textsBelow(folder: string): Promise<string[]> {
  const texts: string[] = [];
  const entries = (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    const path = `${folder}/${name}`;
    if (isDirectory) texts.push(...await textsBelow(path));
    else texts.push(`-- ${name}\n\n${await Deno.readTextFile(path)}`);
  }
  return texts;
}
