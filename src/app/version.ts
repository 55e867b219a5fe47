/**
 * The program's name and version.
 *
 * @module
 */

/** The version of the program. */
export const VERSION = "0.1.0";

/** How the server introduces itself to clients. */
export const SERVER: { readonly name: string; readonly version: string } = { name: "ovserve", version: VERSION };
