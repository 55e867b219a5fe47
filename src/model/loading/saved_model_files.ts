/**
 * Gets SavedModels from a version's folder to the runtime, and tells whether the folder has changed.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Engine, Model } from "../../engine/engine.ts";
import { PrivateFolder, temporaryFolders } from "../../system/private_files.ts";
import type { PlannedGraph, SavedModelPlan } from "../saved_model/plan.ts";
import { planSavedModel } from "../saved_model/reader.ts";
import type { VariantShapes } from "../shape_variants.ts";
import { accessError, fileIn } from "../source/model_files.ts";

/**
 * Reads and plans a SavedModel.
 *
 * @param folder of the version.
 * @throws {ServingError} what planning throws, and why a file cannot be read.
 */
export async function readPlan(folder: string, tags: readonly string[]): Promise<SavedModelPlan> {
  const place = fileIn(folder, "saved_model.pb");
  const bytes = await Deno.readFile(place.path).catch((thrown) => {
    throw accessError(place, thrown);
  });
  return await planSavedModel(bytes, { tags, readAsset: (name) => readAsset(folder, name) });
}

function readAsset(path: string, name: string): Uint8Array {
  if (name.split("/").some((part) => part === ".." || part === "")) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `The asset ${name} lies outside of assets`);
  }
  const place = { path: `${path}/assets/${name}`, name: `assets/${name}` };
  try {
    return Deno.readFileSync(place.path);
  } catch (thrown) {
    throw accessError(place, thrown);
  }
}

/**
 * Has the runtime read a planned graph, from memory, beside the variables of the version.
 *
 * @param options.path the version's folder; `options.shapes` of the graph's inputs, in place of their own.
 */
export async function readGraph(
  engine: Engine,
  planned: PlannedGraph,
  { path, shapes }: { path: string; shapes?: VariantShapes },
): Promise<Model> {
  using folder = new PrivateFolder(temporaryFolders());
  folder.write("saved_model.pb", planned.write(shapes));
  folder.link("variables", `${path}/variables`);
  return await engine.read(folder.path);
}

/** A text that changes when a file of a version's folder does. */
export async function stampOf(path: string): Promise<string> {
  const stamps: string[] = [];
  for (const folder of [path, `${path}/variables`]) {
    const names: string[] = [];
    try {
      for await (const { name, isFile } of Deno.readDir(folder)) if (isFile) names.push(name);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw accessError({ path: folder, name: "variables" }, thrown);
    }
    for (const name of names.sort()) {
      const { size, mtime, ino } = await Deno.stat(`${folder}/${name}`);
      stamps.push(`${name} ${size} ${mtime?.getTime()} ${ino}`);
    }
  }
  return stamps.join();
}
