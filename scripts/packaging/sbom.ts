/**
 * The list of everything in an executable, as CycloneDX 1.6 wants it: what runs it, what it carries, from where, under which licence.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { CarriedRuntime } from "../../src/engine/openvino_ffi/runtime/embedded.ts";
import type { Package } from "./carried_packages.ts";
import { DENO_VERSION } from "./denort.ts";
import { licenceName } from "./notices.ts";
import {
  isOfTokenizers,
  OPENVINO_VERSION,
  type Target,
  TOKENIZERS_VERSION,
  tokenizersWheelOf,
  type Wheel,
  wheelOf,
} from "../openvino_wheel.ts";
import { ROOT } from "../shell.ts";

/** What is described. */
export interface Executable {
  readonly version: string;
  readonly target: Target;
  /** Of the executable itself, in hexadecimal digits. */
  readonly sha256: string;
  readonly packages: readonly Package[];
  readonly runtime: CarriedRuntime;
}

/** A component as CycloneDX has it, as far as it is written here. */
interface Component {
  readonly type: "application" | "framework" | "library" | "file";
  readonly name: string;
  readonly version?: string;
  readonly "bom-ref": string;
  readonly purl?: string;
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  readonly hashes?: readonly { readonly alg: "SHA-256" | "SHA-512"; readonly content: string }[];
  readonly components?: readonly Component[];
}

/** The document. The same executable gives the same one: it holds no time, and its serial number follows from the content. */
export async function sbomOf({ version, target, sha256, packages, runtime }: Executable): Promise<object> {
  const carried = packages.filter(({ isCarried }) => isCarried);
  const itself: Component = {
    type: "application",
    name: "ovserve",
    version,
    "bom-ref": "ovserve",
    licenses: [licence("Apache-2.0")],
    hashes: [{ alg: "SHA-256", content: sha256 }],
  };
  const components = [deno(target), ...openvino(target, runtime), ...await Promise.all(carried.map(npmComponents()))];
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(sha256)}`,
    version: 1,
    metadata: { component: itself, properties: [{ name: "target", value: target }] },
    components,
    dependencies: [{ ref: "ovserve", dependsOn: components.map((component) => component["bom-ref"]) }],
  };
}

function deno(target: Target): Component {
  const purl = `pkg:github/denoland/deno@v${DENO_VERSION}#denort-${target}`;
  return {
    type: "framework",
    name: "deno",
    version: DENO_VERSION,
    "bom-ref": purl,
    purl,
    licenses: [licence("MIT")],
  };
}

/** The two packages of the runtime, each with its files. */
function openvino(target: Target, { files }: CarriedRuntime): Component[] {
  const { tokenizers = [], openvino = [] } = Object.groupBy(
    files,
    ({ path }) => isOfTokenizers(path) ? "tokenizers" : "openvino",
  );
  return [
    pythonPackage("openvino", { version: OPENVINO_VERSION, wheel: wheelOf(target), files: openvino }),
    pythonPackage("openvino-tokenizers", {
      version: TOKENIZERS_VERSION,
      wheel: tokenizersWheelOf(target),
      files: tokenizers,
    }),
  ];
}

function pythonPackage(
  name: string,
  { version, wheel: { platform, sha256 }, files }: { version: string; wheel: Wheel; files: CarriedRuntime["files"] },
): Component {
  const purl = `pkg:pypi/${name}@${version}?platform=${platform}`;
  return {
    type: "library",
    name,
    version,
    "bom-ref": purl,
    purl,
    licenses: [licence("Apache-2.0")],
    hashes: [{ alg: "SHA-256", content: sha256 }],
    components: files.map(({ path, sha256 }) => ({
      type: "file",
      name: path,
      "bom-ref": `${purl}#${path}`,
      hashes: [{ alg: "SHA-256", content: sha256 }],
    })),
  };
}

/** Makes components of npm packages, with the hashes that deno.lock holds them to. */
function npmComponents(): (carried: Package) => Promise<Component> {
  const lock = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.lock`));
  return async ({ name, version, folder }) => {
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const integrity: string = lock.npm[`${name}@${version}`].integrity;
    const digest = Uint8Array.fromBase64(integrity.slice("sha512-".length));
    const id = await licenceName(folder);
    return {
      type: "library",
      name,
      version,
      "bom-ref": purl,
      purl,
      ...(id !== undefined && { licenses: [licence(id)] }),
      hashes: [{ alg: "SHA-512", content: digest.toHex() }],
    };
  };
}

function licence(id: string): { readonly license: { readonly id: string } } {
  return { license: { id } };
}

/** A UUID of version 8 (RFC 9562) from a text. */
function uuidOf(text: string): string {
  const digits = createHash("sha256").update(text).digest("hex");
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`];
  return [...parts, digits.slice(20, 32)].join("-");
}
