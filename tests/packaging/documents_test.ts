/** Links and paths in the documents lead somewhere. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** `[text](target)`, also for images. */
const LINK_REGEXP = /\]\(([^)\s]+)\)/g;

/** A path in backticks that names a file or folder of this repository: below one of its folders, without a pattern or a place to fill in. */
const PATH_REGEXP = /`((?:src|tests|bench|docs|scripts|deploy|models|protos)\/[\w./-]*)`/g;

/** Fenced blocks hold commands and output, not links. */
const FENCE_REGEXP = /^```[\s\S]*?^```/gm;

const documents = [...markdownFiles("."), ...markdownFiles("docs"), ...markdownFiles("docs/decisions")];

function markdownFiles(folder: string): string[] {
  const files = Array.from(Deno.readDirSync(join(ROOT, folder))).filter(({ isFile }) => isFile);
  return files.map(({ name }) => join(folder, name)).filter((path) => path.endsWith(".md"));
}

function textOf(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path)).replaceAll(FENCE_REGEXP, "");
}

function exists(path: string): boolean {
  try {
    Deno.statSync(join(ROOT, path));
    return true;
  } catch {
    return false;
  }
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(path: string): string[] {
  const headings = Array.from(textOf(path).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => heading);
  return headings.map((heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-"));
}

Deno.test("every relative link in a document leads to a file, and to a heading of it", () => {
  const links = documents.flatMap((path) =>
    Array.from(textOf(path).matchAll(LINK_REGEXP), ([, target = ""]) => ({ path, target }))
  ).filter(({ target }) => !/^[a-z]+:/.test(target));
  assert(links.length > 100, `only ${links.length} links were found`);
  const broken = links.filter(({ path, target }) => {
    const [file = "", anchor] = target.split("#");
    const linked = file === "" ? path : join(dirname(path), file);
    return !exists(linked) || anchor !== undefined && !anchorsOf(linked).includes(anchor);
  });
  assert.deepEqual(broken, []);
});

Deno.test("every path of this repository that a document names exists", () => {
  const paths = documents.flatMap((path) =>
    Array.from(textOf(path).matchAll(PATH_REGEXP), ([, named = ""]) => ({ path, named }))
  );
  assert(paths.length > 50, `only ${paths.length} paths were found`);
  assert.deepEqual(paths.filter(({ named }) => !exists(named)), []);
});
