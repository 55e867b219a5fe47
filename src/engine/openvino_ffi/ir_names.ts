/**
 * Reads all tensor names from the text of OpenVINO's own model files (`model.xml`). The C library returns one name a tensor.
 *
 * @module
 */

/** The names of one input or output in a model file. */
export interface PortNames {
  readonly nodeName: string;
  readonly tensorNames: readonly string[];
}

/** The names of all ports, in the order of the file's nodes, which is that of OpenVINO's ports. */
export interface ModelNames {
  readonly inputs: readonly PortNames[];
  readonly outputs: readonly PortNames[];
}

/** Reading a large model's file takes tens of milliseconds: the event loop gets a turn after each of these slices. */
const TURN_MS = 1;
/** Reading the clock for each tag would take longer than reading the tag. */
const TAGS_PER_CLOCK_READ = 64;

const TAG_REGEXP = /<(\/?)(layers|layer|port|edge)\b((?:[^>"']|"[^"]*"|'[^']*')*)>/g;
const ATTRIBUTE_REGEXP = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITY_REGEXP = /&(?:#x([0-9a-fA-F]+)|#(\d+)|(lt|gt|amp|quot|apos));/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Finds the names of a model's inputs and outputs, without blocking the event loop.
 *
 * @param xml the text of the file; any other text has no names.
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
    if (++tags % TAGS_PER_CLOCK_READ === 0 && performance.now() > turnEndsMs) {
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

/** Splits at commas; a comma within a name is escaped by a backslash. */
function splitNames(list: string | undefined): string[] {
  if (list === undefined || list === "") return [];
  return list.split(/(?<!\\),/).map((name) => name.replaceAll("\\,", ","));
}
