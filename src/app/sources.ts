/**
 * Opens the source of a server's models: the only file that knows which kinds of sources there are.
 *
 * @module
 */
import { FileSystemSource } from "../model/source/file_system_source.ts";
import type { ModelSource, SourceListener } from "../model/source/source.ts";

/**
 * Opens a source for base paths of every kind.
 *
 * @param pollIntervalMs how often to look for versions: 0 looks once at each model, a negative number never.
 * @returns the source, which the caller owns.
 */
export function openSource(pollIntervalMs: number, listener: SourceListener): ModelSource {
  return new FileSystemSource(pollIntervalMs, listener);
}
