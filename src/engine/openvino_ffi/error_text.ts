/**
 * Reduces OpenVINO's error texts, which quote its C++ source, to one sentence. Works on text alone.
 *
 * @module
 */

/** Lines with nothing but a location in OpenVINO's source. */
const LOCATION_REGEXP = /^(?:Exception from \S+:\d+:|Check '.*' failed at \S+:\d+:|FrontEnd API failed with \w+:)$/;
/** The same within a line. */
const INNER_LOCATION_REGEXP = /(?:Exception from |(?:Check '[^']*' )?(?:failed )?at )?\S+\.(?:cpp|cc|c|hpp|h):\d+:? ?/g;
/** Names of C++ exceptions and frontends before the message itself. */
const PREFIX_REGEXP = /^(?:NotFound|ParameterMismatch|NotImplemented|GeneralError|ir|tf|onnx|paddle|tflite): +/;
/** The folders of an absolute path. The text may reach a client, which must not see them. */
const FOLDERS_REGEXP = /(?<=^|[\s"'([=:,<])(?:[A-Za-z]:)?[/\\](?:[^/\\\s"']+[/\\])*(?=[^/\\\s"'])/g;
const LENGTH_MAX = 400;

/**
 * Returns an error text as one sentence, without source locations, folders and line breaks.
 *
 * @param hidden arguments of the call that must not be repeated and that no pattern finds reliably: a folder, which ends in a slash,
 * is removed before its files, anything else becomes "…".
 * @returns the sentence without a full stop; empty when nothing is left.
 */
export function tidyErrorText(text: string, hidden: readonly string[] = []): string {
  let open = text;
  for (const secret of hidden) {
    if (secret.length > 1) open = open.replaceAll(secret, /[/\\]$/.test(secret) ? "" : "…");
  }
  let sentence = "";
  for (const raw of open.split("\n")) {
    const line = raw.trim().replace(PREFIX_REGEXP, "").replace(FOLDERS_REGEXP, "").replace(INNER_LOCATION_REGEXP, "");
    if (line === "" || LOCATION_REGEXP.test(raw.trim())) continue;
    const separator = sentence === "" ? "" : sentence.endsWith(":") ? " " : "; ";
    sentence += separator + line;
  }
  sentence = sentence.replace(/[.:;\s]+$/, "");
  return sentence.length > LENGTH_MAX ? `${sentence.slice(0, LENGTH_MAX)}…` : sentence;
}

/** The folder of a path, with the slash, for {@link tidyErrorText}. */
export function folderOf(path: string): string {
  return /^.*[/\\]/s.exec(path)?.[0] ?? "";
}
