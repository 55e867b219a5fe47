/**
 * OpenVINO's properties in the JSON of ie_serving and model_server, for flags and configuration files.
 *
 * @module
 */

/** Reads a JSON object of properties. Errors say what was expected. */
export function parsePluginConfig(text: string): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  return pluginConfigOf(value);
}

/** Reads properties from parsed JSON; numbers and booleans become the texts that OpenVINO expects. */
export function pluginConfigOf(value: unknown): ReadonlyMap<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`expected a JSON object such as {"PERFORMANCE_HINT": "LATENCY"}, found ${JSON.stringify(value)}`);
  }
  const properties = new Map<string, string>();
  for (const [name, property] of Object.entries(value)) {
    if (typeof property === "boolean") properties.set(name, property ? "YES" : "NO");
    else if (typeof property === "string" || typeof property === "number") properties.set(name, String(property));
    else throw new Error(`expected a string, number or boolean for "${name}", found ${JSON.stringify(property)}`);
  }
  return properties;
}
