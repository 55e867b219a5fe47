import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import { checkConfigAccess, type ConfigAccess } from "./config_access.ts";

const LOCAL = [
  "127.0.0.1:5000",
  "127.8.0.3:1",
  "::1:5000",
  "[::1]:5000",
  "::ffff:127.0.0.1:5000",
  "unix:/run/s",
  "unix",
];
const REMOTE = [
  "10.0.0.7:5000",
  "192.168.127.1:5000",
  "2001:db8::1:5000",
  "::ffff:10.0.0.7:5000",
  "1127.0.0.1:5000",
  "",
];

function isAllowed(access: ConfigAccess, peer: string): boolean {
  try {
    checkConfigAccess(access, peer);
    return true;
  } catch (error) {
    assert.equal((error as { code: number }).code, CODE.PERMISSION_DENIED);
    return false;
  }
}

Deno.test("checkConfigAccess() admits clients of this machine unless it is off", () => {
  for (const peer of LOCAL) assert.deepEqual([peer, isAllowed("local", peer)], [peer, true]);
  for (const peer of REMOTE) assert.deepEqual([peer, isAllowed("local", peer)], [peer, false]);
  for (const peer of [...LOCAL, ...REMOTE]) {
    assert.equal(isAllowed("off", peer), false);
    assert.equal(isAllowed("all", peer), true);
  }
});
