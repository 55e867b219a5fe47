/**
 * Boils OpenVINO's error texts, which quote its C++ source, down to one sentence. Pure text work.
 *
 * @module
 */

/** Lines that say only that something failed, and where in OpenVINO's source. */
const LOCATION_REGEXP = /^(?:Exception from \S+:\d+:|Check '.*' failed at \S+:\d+:|FrontEnd API failed with \w+:)$/;
/** Names of C++ exceptions and frontends before the words proper. */
const PREFIX_REGEXP = /^(?:NotFound|ParameterMismatch|NotImplemented|GeneralError|ir|tf|onnx|paddle|tflite): +/;
/** The folders of an absolute path. A text may reach a client, who has no business with them. */
const FOLDERS_REGEXP = /(?<=^|[\s"'([=])(?:[A-Za-z]:)?[/\\](?:[^/\\\s"']+[/\\])*(?=[^/\\\s"'])/g;
const LENGTH_MAX = 400;

/**
 * Makes one sentence of an error text, without source locations, folders and line breaks.
 *
 * @returns the sentence without a full stop; empty when the text says nothing.
 */
export function tidyErrorText(text: string): string {
  let sentence = "";
  for (const raw of text.split("\n")) {
    const line = raw.trim().replace(PREFIX_REGEXP, "").replace(FOLDERS_REGEXP, "");
    if (line === "" || LOCATION_REGEXP.test(raw.trim())) continue;
    const separator = sentence === "" ? "" : sentence.endsWith(":") ? " " : "; ";
    sentence += separator + line;
  }
  sentence = sentence.replace(/[.:;\s]+$/, "");
  return sentence.length > LENGTH_MAX ? `${sentence.slice(0, LENGTH_MAX)}…` : sentence;
}
