/**
 * `ovserve --version`: the versions of the program and of what it runs on.
 *
 * @module
 */
import { describeRuntime, type RuntimeFolders } from "../../app/app.ts";

/** The program's own version: the one place where it stands. */
export const VERSION = "0.1.0";

/** What to print; a runtime that cannot be opened is said, not thrown. */
export function describeVersion(folders: RuntimeFolders): string {
  const { deno, v8 } = Deno.version;
  return [`ovserve ${VERSION}`, `Deno ${deno}, V8 ${v8}`, describeOpenvino(folders)].join("\n");
}

function describeOpenvino(folders: RuntimeFolders): string {
  try {
    const { description, path, devices } = describeRuntime(folders);
    return `${description} (${path}), devices: ${devices.join(", ")}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
