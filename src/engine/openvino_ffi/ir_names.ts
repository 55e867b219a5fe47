/**
 * The tensor names in OpenVINO's own model files (`model.xml`): the C library tells one name a tensor, the file has all.
 * Reads text, calls nothing.
 *
 * @module
 */

/** What a model file says of one input or output. */
export interface PortNames {
  readonly nodeName: string;
  readonly tensorNames: readonly string[];
}

/** Names in the order in which the file lists the nodes, which is that of OpenVINO's ports. */
export interface ModelNames {
  readonly inputs: readonly PortNames[];
  readonly outputs: readonly PortNames[];
}

/** A large model's file takes tens of milliseconds to read: others have a turn of the event loop each time so much of it is done. */
const TURN_MS = 1;
/** Looking at the clock for each tag would take longer than reading it. */
const TAGS_A_LOOK = 64;

const TAG_REGEXP = /<(\/?)(layers|layer|port|edge)\b((?:[^>"']|"[^"]*"|'[^']*')*)>/g;
const ATTRIBUTE_REGEXP = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITY_REGEXP = /&(?:#x([0-9a-fA-F]+)|#(\d+)|(lt|gt|amp|quot|apos));/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Finds the names of a model's inputs and outputs, without holding the event loop up.
 *
 * @param xml the text of the file; text that is no model gives no names.
 */
export async function readIrNames(xml: string): Promise<ModelNames> {
  const parameters: { id: string; nodeName: string }[] = [];
  const results: { id: string; nodeName: string; ownNames: string | undefined }[] = [];
  /** Names by `layer:port`. */
  const portNames = new Map<string, string>();
  /** `layer:port` by the layer it feeds. */
  const sources = new Map<string, string>();
  // Bodies of loops and conditions are whole models inside a layer, with inputs of their own.
  let depth = 0;
  let layerId = "";
  let tags = 0;
  let turnEndsMs = performance.now() + TURN_MS;
  for (const [, slash, tag, rest] of xml.matchAll(TAG_REGEXP)) {
    if (++tags % TAGS_A_LOOK === 0 && performance.now() > turnEndsMs) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      turnEndsMs = performance.now() + TURN_MS;
    }
    if (tag === "layers") depth += slash === "/" ? -1 : 1;
    else if (slash === "/" || depth > 1 || rest === undefined) continue;
    else if (tag === "layer") {
      const attributes = readAttributes(rest);
      layerId = attributes.get("id") ?? "";
      const nodeName = attributes.get("name") ?? "";
      const type = attributes.get("type");
      if (type === "Parameter") parameters.push({ id: layerId, nodeName });
      if (type === "Result") results.push({ id: layerId, nodeName, ownNames: attributes.get("output_names") });
    } else if (tag === "port" && rest.includes("names")) {
      const attributes = readAttributes(rest);
      const names = attributes.get("names");
      if (names !== undefined) portNames.set(`${layerId}:${attributes.get("id")}`, names);
    } else if (tag === "edge" && depth === 0) {
      const attributes = readAttributes(rest);
      sources.set(attributes.get("to-layer") ?? "", `${attributes.get("from-layer")}:${attributes.get("from-port")}`);
    }
  }
  return {
    inputs: parameters.map(({ id, nodeName }) => ({ nodeName, tensorNames: splitNames(portNames.get(`${id}:0`)) })),
    outputs: results.map(({ id, nodeName, ownNames }) => ({
      nodeName,
      tensorNames: splitNames(ownNames ?? portNames.get(sources.get(id) ?? "")),
    })),
  };
}

function readAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", double, single] of text.matchAll(ATTRIBUTE_REGEXP)) {
    attributes.set(name, decodeEntities(double ?? single ?? ""));
  }
  return attributes;
}

function decodeEntities(text: string): string {
  return text.replace(ENTITY_REGEXP, (_, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? "";
    return String.fromCodePoint(hex === undefined ? Number(decimal) : parseInt(hex, 16));
  });
}

/** Splits at commas; a comma that belongs to a name stands behind a backslash. */
function splitNames(list: string | undefined): string[] {
  if (list === undefined || list === "") return [];
  return list.split(/(?<!\\),/).map((name) => name.replaceAll("\\,", ","));
}
