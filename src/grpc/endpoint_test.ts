import assert from "node:assert/strict";
import { openListener, removeStaleSocket } from "./endpoint.ts";

function listen(path: string): Deno.Listener<Deno.Conn> {
  return openListener({ path }, { writeTimeoutMs: 1000 });
}

Deno.test("removeStaleSocket() removes a socket that nobody listens on, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/grpc.sock`;
  await removeStaleSocket(path);

  // A file that outlives its listener, as one does whose server was killed: it was moved away.
  const killed = listen(`${folder}/other.sock`);
  await Deno.rename(`${folder}/other.sock`, path);
  killed.close();
  assert.throws(() => listen(path), Deno.errors.AddrInUse);
  await removeStaleSocket(path);

  const listener = listen(path);
  await removeStaleSocket(path);
  assert((await Deno.lstat(path)).isSocket);
  listener.close();
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);

  await Deno.writeTextFile(path, "dear");
  await removeStaleSocket(path);
  assert.equal(await Deno.readTextFile(path), "dear");
  await Deno.remove(folder, { recursive: true });
});
