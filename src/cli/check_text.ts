/**
 * Prints what {@link checkConfig} found, for people.
 *
 * @module
 */
import type { ExtensionReport } from "../engine/engine.ts";
import type {
  CheckReport,
  EngineReport,
  FailedVersion,
  ModelReport,
  ServingVersion,
  TensorReport,
  VersionReport,
} from "./check_report.ts";

/** What limits the number of processors, in words. */
const LIMITS: Readonly<Record<string, string>> = {
  machine: "all of this machine",
  affinity: "by this process's affinity",
  quota: "by this process's quota",
};

/** Returns the lines on the engine. */
export function engineLines({ description, path, devices, extensions, cores, coresLimit }: EngineReport): string[] {
  const limit = LIMITS[coresLimit] ?? coresLimit;
  return [
    `${description} (${path})`,
    ...extensionLines(extensions),
    `devices ${devices.join(", ")}; processors ${cores}, ${limit}`,
  ];
}

/** Returns a line on each extension of the engine. */
export function extensionLines(extensions: readonly ExtensionReport[]): string[] {
  return extensions.map(({ path, error }) =>
    `extension ${path}${error === undefined ? "" : ` is not loaded: ${error}`}`
  );
}

/** Returns the lines on a model. */
export function modelLines({ name, basePath, versions, problems, notes }: ModelReport): string[] {
  return [
    "",
    `${name} (${basePath})`,
    ...versions.flatMap((version) => indented(versionLines(version))),
    ...indented([...problems.map((problem) => `problem: ${problem}`), ...notes.map((note) => `note: ${note}`)]),
  ];
}

/** Returns the lines at the end. */
export function closingLines({ problems, notes }: CheckReport): string[] {
  const lines = [...problems.map((problem) => `problem: ${problem}`), ...notes.map((note) => `note: ${note}`)];
  return lines.length === 0 ? [] : ["", ...lines];
}

/** Returns a sentence that counts what would not serve; undefined if everything would. */
export function failureSentence({ serves, models, problems }: CheckReport): string | undefined {
  if (serves) return undefined;
  const versions = models.flatMap((model) => model.versions);
  const failed = versions.filter((version) => !version.serves).length;
  const others = problems.length + models.reduce((sum, model) => sum + model.problems.length, 0);
  const parts = [
    ...(failed > 0 ? [`${failed} of ${counted(versions.length, "version")} would not serve`] : []),
    ...(others > 0 ? [`${counted(others, "problem")} with the configuration`] : []),
  ];
  return parts.join(", ");
}

function versionLines(version: VersionReport): string[] {
  const lines = version.serves ? servingLines(version) : failedLines(version);
  return [`version ${version.version} ${version.serves ? "would serve" : "would not serve"}`, ...indented(lines)];
}

function failedLines({ folder, code, error }: FailedVersion): string[] {
  return [`folder: ${folder}`, `error: ${code}: ${error}`];
}

function servingLines(version: ServingVersion): string[] {
  return [
    `files: ${version.path} (${version.format})`,
    ...Object.entries(version.signatures).flatMap(([name, { inputs, outputs }]) => [
      `signature: ${name}`,
      ...indented([
        ...inputs.map((tensor) => tensorLine("input", tensor)),
        ...outputs.map((tensor) => tensorLine("output", tensor)),
      ]),
    ]),
    `device: ${deviceWords(version)}`,
    `inference: ${inferenceWords(version)}`,
    `batching: ${
      version.isBatched ? `up to ${counted(version.batchRowsMax ?? 1, "row")} of several requests` : "none"
    }`,
    ...version.notes.map((note) => `note: ${note}`),
  ];
}

function tensorLine(kind: string, { name, dtype, shape }: TensorReport): string {
  return `${kind} ${name}: ${dtype} ${shape === null ? "of any rank" : `(${shape.map(sizeText).join(",")})`}`;
}

function sizeText(size: number | readonly [number, number]): string {
  if (typeof size === "number") return String(size);
  return `[${size[0]}..${size[1] < 0 ? "" : size[1]}]`;
}

function deviceWords(
  { device, precision, hint, streams, threads, isPinned, inferRequestCount }: ServingVersion,
): string {
  return [
    device,
    ...(precision === undefined ? [] : [`computes in ${precision}`]),
    ...(hint === undefined ? [] : [hint]),
    ...(streams === undefined ? [] : [counted(streams, "stream")]),
    ...(threads === undefined ? [] : [counted(threads, "thread")]),
    ...(isPinned === undefined ? [] : [isPinned ? "pinned" : "not pinned"]),
    counted(inferRequestCount, "infer request"),
  ].join(", ");
}

function inferenceWords({ inferenceUs, isInLoop, inLoopBytesMax }: ServingVersion): string {
  const measured = inferenceUs === undefined ? "not measured" : `${microseconds(inferenceUs)} for zeros`;
  const where = isInLoop
    ? `in the event loop for inputs of up to ${counted(inLoopBytesMax, "byte")}`
    : "off the event loop";
  return `${measured}, ${where}`;
}

function microseconds(us: number): string {
  return us < 1000 ? `${us.toFixed(us < 10 ? 1 : 0)} µs` : `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
