import assert from "node:assert/strict";
import { join } from "node:path";
import { CODE, ServingError } from "../../../base/status.ts";
import { findRuntime, findTokenizers, type SearchOptions } from "./discovery.ts";

/** A machine in a temporary folder, isolated from the real one. */
class Machine implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly variables: Record<string, string> = {};
  readonly options: SearchOptions = {
    root: this.folder,
    projectDir: join(this.folder, "project"),
    executableDir: join(this.folder, "bin"),
    embeddedDir: () => join(this.folder, "cache"),
    env: (name) => this.variables[name],
  };

  put(folder: string, name = "libopenvino_c.so.2641"): string {
    Deno.mkdirSync(join(this.folder, folder), { recursive: true });
    const path = join(this.folder, folder, name);
    Deno.writeTextFileSync(path, "");
    return path;
  }

  find(options: SearchOptions = {}): string {
    return findRuntime({ ...this.options, ...options }).path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("findRuntime() searches in the documented order", () => {
  using machine = new Machine();
  machine.variables["HOME"] = join(machine.folder, "home/me");
  machine.variables["VIRTUAL_ENV"] = join(machine.folder, "venv");
  machine.variables["INTEL_OPENVINO_DIR"] = join(machine.folder, "intel");
  const foldersLastFirst = [
    "usr/lib64",
    "usr/lib/x86_64-linux-gnu",
    "opt/intel/openvino_2026/runtime/lib/intel64",
    "intel/runtime/lib/intel64",
    "project/node_modules/openvino-node/bin",
    "usr/lib/python3/dist-packages/openvino/libs",
    "usr/local/lib/python3.12/dist-packages/openvino/libs",
    "home/me/.local/lib/python3.11/site-packages/openvino/libs",
    "venv/lib/python3.13/site-packages/openvino/libs",
    "project/.ovserve/openvino/2026.4.1/libs",
    "bin/openvino",
    "cache",
  ];
  for (const folder of foldersLastFirst) {
    const path = machine.put(folder);
    assert.equal(machine.find(), path);
  }
});

Deno.test("findRuntime() searches only the folder of the flag, or else that of the environment variable", () => {
  using machine = new Machine();
  machine.put("project/.ovserve/openvino/2026.4.1/libs");
  const byFlag = machine.put("flag/libs");
  const byEnv = machine.put("env/runtime/lib/intel64");
  machine.variables["OVSERVE_OPENVINO_DIR"] = join(machine.folder, "env");
  assert.equal(machine.find(), byEnv);
  assert.equal(machine.find({ directory: join(machine.folder, "flag") }), byFlag);
  assert.throws(() => machine.find({ directory: join(machine.folder, "nowhere") }), /nowhere[^]*--openvino_dir/);
});

Deno.test("findTokenizers() takes the library beside OpenVINO's, or that of the Python package next to it", () => {
  using machine = new Machine();
  const runtime = machine.put("venv/site-packages/openvino/libs");
  machine.put("elsewhere", "libopenvino_tokenizers.so");
  assert.equal(findTokenizers(runtime), undefined);
  const inPackage = machine.put("venv/site-packages/openvino_tokenizers/lib", "libopenvino_tokenizers.so");
  assert.equal(findTokenizers(runtime), inPackage);
  const beside = machine.put("venv/site-packages/openvino/libs", "libopenvino_tokenizers.so");
  assert.equal(findTokenizers(runtime), beside);
});

Deno.test("findRuntime() takes the newest of several versions", () => {
  using machine = new Machine();
  machine.put("project/.ovserve/openvino/2026.9.0/libs", "libopenvino_c.so.2690");
  const newest = machine.put("project/.ovserve/openvino/2026.10.0/libs", "libopenvino_c.so.26100");
  assert.equal(machine.find(), newest);
});

Deno.test("findRuntime() skips a library that is too old, and names it", () => {
  using machine = new Machine();
  machine.put("usr/lib/x86_64-linux-gnu", "libopenvino_c.so.2460");
  assert.throws(() => machine.find(), /\*-linux-gnu \(libopenvino_c\.so\.2460 is older than 2026\.4\)/);
  const path = machine.put("usr/lib64", "libopenvino_c.so.2640");
  assert.equal(machine.find(), path);
});

Deno.test("findRuntime() knows the library's names on other systems", () => {
  for (const name of ["libopenvino_c.so", "libopenvino_c.dylib", "libopenvino_c.2641.dylib", "openvino_c.dll"]) {
    using machine = new Machine();
    machine.put("cache", "libopenvino.so.2641");
    const path = machine.put("cache", name);
    assert.equal(machine.find(), path);
  }
});

Deno.test("findRuntime() lists every place and the remedy when it finds nothing", () => {
  using machine = new Machine();
  assert.throws(() => machine.find(), (error) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.code, CODE.FAILED_PRECONDITION);
    assert.match(error.message, /project\/\.ovserve\/openvino\/\*\/libs/);
    assert.match(error.message, /usr\/lib64/);
    assert.match(error.message, /deno task setup/);
    return true;
  });
});
