/**
 * For tests that make parts of a server by themselves: what flags say if none are given.
 *
 * @module
 */
import { readServerFlags } from "../../src/cli/flags/server_flags.ts";
import type { Config, RestConfig } from "../../src/config/config.ts";

/** The configuration without any flag, models aside; REST is on, at a port the system chooses. */
export const DEFAULT_CONFIG: Omit<Config, "models" | "load" | "waitsForModels" | "notes"> = readServerFlags({
  "rest_port": "any",
});

/** Its REST section. */
export const DEFAULT_REST: RestConfig = DEFAULT_CONFIG.rest as RestConfig;
