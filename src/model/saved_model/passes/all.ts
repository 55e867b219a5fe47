/**
 * The passes in the order they run.
 *
 * @module
 */
import { castHashBuckets, expandDenseBincount } from "./arithmetic.ts";
import type { Pass } from "./pass.ts";
import { foldStrings, gatherTiledStrings, refuseUnsafeStrings } from "./string_constants.ts";
import { fillTables } from "./tables.ts";
import { nameVariables } from "./variables.ts";

/** Each sees what the one before it made. */
export const PASSES: readonly Pass[] = [
  foldStrings,
  gatherTiledStrings,
  refuseUnsafeStrings,
  expandDenseBincount,
  castHashBuckets,
  fillTables,
  nameVariables,
];
