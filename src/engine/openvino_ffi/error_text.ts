/**
 * Boils OpenVINO's error texts, which quote its C++ source, down to one sentence. Pure text work.
 *
 * @module
 */

/** Lines that say only that something failed, and where in OpenVINO's source. */
const LOCATION_REGEXP = /^(?:Exception from \S+:\d+:|Check '.*' failed at \S+:\d+:|FrontEnd API failed with \w+:)$/;
/** The same in the midst of a line. */
const INNER_LOCATION_REGEXP = /(?:Exception from |(?:Check '[^']*' )?(?:failed )?at )?\S+\.(?:cpp|cc|c|hpp|h):\d+:? ?/g;
/** Names of C++ exceptions and frontends before the words proper. */
const PREFIX_REGEXP = /^(?:NotFound|ParameterMismatch|NotImplemented|GeneralError|ir|tf|onnx|paddle|tflite): +/;
/** The folders of an absolute path. A text may reach a client, who has no business with them. */
const FOLDERS_REGEXP = /(?<=^|[\s"'([=:,<])(?:[A-Za-z]:)?[/\\](?:[^/\\\s"']+[/\\])*(?=[^/\\\s"'])/g;
const LENGTH_MAX = 400;

/**
 * Makes one sentence of an error text, without source locations, folders and line breaks.
 *
 * @param hidden what OpenVINO was given and is not to be repeated, which no pattern finds for sure: a folder, with a slash at its end,
 * is left out before its files, anything else becomes "…".
 * @returns the sentence without a full stop; empty when the text says nothing.
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

/** The folder a path lies in, with the slash, as {@link tidyErrorText} takes it. */
export function folderOf(path: string): string {
  return /^.*[/\\]/s.exec(path)?.[0] ?? "";
}
