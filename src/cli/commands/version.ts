/**
 * `ovserve --version`: the versions of the program, of Deno and of OpenVINO.
 *
 * @module
 */
import { extensionLines } from "../check_text.ts";
import { VERSION } from "../../app/version.ts";
import { DEFAULT_ENGINE, type EngineLibraries, findEngine, openEngine } from "../../app/engines.ts";

/** Returns the lines to print. An engine that cannot be opened becomes a line, not an error. */
export function describeVersion(libraries: EngineLibraries): string {
  const { deno, v8 } = Deno.version;
  return [`ovserve ${VERSION}`, `Deno ${deno}, V8 ${v8}`, ...describeEngine(libraries)].join("\n");
}

function describeEngine(libraries: EngineLibraries): string[] {
  try {
    const spec = findEngine(DEFAULT_ENGINE, libraries);
    using engine = openEngine(spec);
    return [
      `${engine.description} (${spec.path}), devices: ${engine.devices.join(", ")}`,
      ...extensionLines(engine.extensions),
    ];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
