/**
 * `ovserve --version`: the versions of the program, of Deno and of OpenVINO.
 *
 * @module
 */
import { VERSION } from "../../app/version.ts";
import { DEFAULT_ENGINE, type EngineFolders, findEngine, openEngine } from "../../app/engines.ts";

/** Returns the lines to print. An engine that cannot be opened becomes a line, not an error. */
export function describeVersion(folders: EngineFolders): string {
  const { deno, v8 } = Deno.version;
  return [`ovserve ${VERSION}`, `Deno ${deno}, V8 ${v8}`, describeEngine(folders)].join("\n");
}

function describeEngine(folders: EngineFolders): string {
  try {
    const spec = findEngine(DEFAULT_ENGINE, folders);
    using engine = openEngine(spec);
    return `${engine.description} (${spec.path}), devices: ${engine.devices.join(", ")}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
