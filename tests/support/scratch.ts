/**
 * A temporary folder for one test, with models of this repository and files that list them.
 *
 * @module
 */
import { modelPath } from "./model_path.ts";

/** Fields of a model in a JSON configuration file, besides its name and base path. */
export type ModelChanges = Readonly<Record<string, unknown>>;

/** A temporary folder. Disposing it removes it. */
export class Scratch implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Makes an empty folder. */
  static async make(): Promise<Scratch> {
    return new Scratch(await Deno.makeTempDir());
  }

  /** Puts a model of this repository into a version folder of `name`, atomically. */
  async addVersion(name: string, { model, version }: { model: string; version: number }): Promise<void> {
    await Deno.mkdir(`${this.path}/${name}`, { recursive: true });
    const incoming = `${this.path}/${name}/incoming-${version}`;
    await Deno.mkdir(incoming);
    for await (const { name: file } of Deno.readDir(`${modelPath(model)}/1`)) {
      await Deno.copyFile(`${modelPath(model)}/1/${file}`, `${incoming}/${file}`);
    }
    await Deno.rename(incoming, `${this.path}/${name}/${version}`);
  }

  /** Writes a file atomically and returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.writeTextFile(`${path}.new`, text);
    await Deno.rename(`${path}.new`, path);
    return path;
  }

  /** Writes a JSON file that lists models by name; the base path is `NAME` in this folder unless `changes` has another. */
  writeConfig(models: Readonly<Record<string, ModelChanges>>): Promise<string> {
    const list = Object.entries(models).map(([name, changes]) => ({ config: { name, base_path: name, ...changes } }));
    return this.write("models.json", JSON.stringify({ model_config_list: list }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
