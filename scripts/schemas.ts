/**
 * The schemas that tests validate the manifests of deploy/ with, as installations: Kubernetes' own from a Python wheel, and those of
 * KServe's resources from its Go module.
 *
 * @module
 */
import { parse } from "yaml";
import type { Installation } from "./installation.ts";
import { downloadWheel } from "./python_environment.ts";
import { exists, INSTALLED, run, TaskError } from "./shell.ts";

const SCHEMAS = `${INSTALLED}/schemas`;

/** The oldest Kubernetes that supports the manifests, and the newest that has schemas. */
const KUBERNETES = ["v1.30.0", "v1.37.0"];
const KUBERNETES_WHEEL = "kubernetes-validate==1.37.0";
const KUBERNETES_WHEEL_SHA256 = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9";

/** Python: unpacks the folders named last, of the wheel named first, into the folder named second. */
const UNPACK_FOLDERS = `import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(tuple(sys.argv[3:]))])`;

const KSERVE_MODULE = "github.com/kserve/kserve@v0.15.2";
const KSERVE_KINDS = ["servingruntimes", "inferenceservices"];

/** The parts of a resource definition that are read here. */
interface ResourceDefinition {
  readonly spec: {
    readonly names: { readonly singular: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: unknown } }[];
  };
}

/** Both sets of schemas. Each is complete or absent. */
export const SCHEMA_INSTALLATIONS: readonly Installation[] = [
  {
    name: "the schemas of Kubernetes",
    title: "Installing the schemas of Kubernetes with pip",
    lane: "pip",
    isInstalled: () => exists(`${SCHEMAS}/kubernetes`),
    install: () => installInto("kubernetes", installKubernetes),
  },
  {
    name: "the schemas of KServe",
    title: "Installing the schemas of KServe with Go",
    lane: "go",
    isInstalled: () => exists(`${SCHEMAS}/kserve`),
    install: () => installInto("kserve", installKserve),
  },
];

/** Lets `install` fill the folder `kept` of a work folder, then moves that into place. */
async function installInto(name: string, install: (work: string) => Promise<void>): Promise<void> {
  await Deno.mkdir(SCHEMAS, { recursive: true });
  const work = await Deno.makeTempDir({ dir: INSTALLED, prefix: "schemas-" });
  try {
    await install(work);
    await Deno.rename(`${work}/kept`, `${SCHEMAS}/${name}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function installKubernetes(work: string): Promise<void> {
  const requirements = `${work}/requirements.txt`;
  await Deno.writeTextFile(requirements, `${KUBERNETES_WHEEL} --hash=sha256:${KUBERNETES_WHEEL_SHA256}\n`);
  const python = await downloadWheel(["--dest", work, "--require-hashes", "--requirement", requirements]);
  const [wheel] = await Array.fromAsync(Deno.readDir(work), ({ name }) => name)
    .then((names) => names.filter((name) => name.endsWith(".whl")));
  // Two of about forty folders are needed.
  const folders = KUBERNETES.map((version) => `kubernetes_validate/kubernetes-json-schema/${version}-local-strict/`);
  const finished = await run(python, ["-c", UNPACK_FOLDERS, `${work}/${wheel}`, `${work}/unpacked`, ...folders]);
  if (!finished?.success) throw new TaskError(`Cannot unpack ${wheel}: ${finished?.output.trim()}`);
  await Deno.mkdir(`${work}/kept`);
  for (const [index, version] of KUBERNETES.entries()) {
    await Deno.rename(`${work}/unpacked/${folders[index]}`, `${work}/kept/${version}`);
    await makeRelative(`${work}/kept/${version}`);
  }
}

/** Replaces the addresses by which the wheel's schemas refer to each other with file names. */
async function makeRelative(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const { $id: _, ...schema } = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    const text = JSON.stringify(schema).replaceAll('"/api/_definitions.json', '"_definitions.json');
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

async function installKserve(work: string): Promise<void> {
  const finished = await run("go", ["mod", "download", "-json", KSERVE_MODULE]);
  if (!finished?.success) throw new TaskError(finished?.output.trim() ?? "there is no go");
  const folder: string = JSON.parse(finished.stdout).Dir;
  await Deno.mkdir(`${work}/kept`);
  for (const kind of KSERVE_KINDS) {
    const text = await Deno.readTextFile(`${folder}/config/crd/full/serving.kserve.io_${kind}.yaml`);
    const { spec } = parse(text) as ResourceDefinition;
    for (const { name, schema } of spec.versions) {
      const path = `${work}/kept/${spec.names.singular}_${name}.json`;
      await Deno.writeTextFile(path, JSON.stringify(closed(schema.openAPIV3Schema)));
    }
  }
}

/** The same schema, but unknown fields are errors: a cluster would drop them silently. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  const isOpen = "additionalProperties" in inner || "x-kubernetes-preserve-unknown-fields" in inner;
  const isObject = inner.type === "object" && typeof inner.properties === "object";
  return isObject && !isOpen ? { ...inner, additionalProperties: false } : inner;
}
