/**
 * Options of TCP sockets that Deno does not offer, set through the C library on Linux. Elsewhere, and without permission to call it,
 * nothing is done.
 *
 * @module
 */

import { type CFunctions, withCLibrary } from "./c_library.ts";

/** Linux's numbers (socket(7), tcp(7), shutdown(2), linux/filter.h). */
const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;
const SHUT_RDWR = 2;
const AF_INET = 2;
const AF_INET6 = 10;
const BPF_RET_K = 6;
/** sizeof(struct sockaddr_in6), the longest address of a TCP socket. */
const ADDRESS_BYTES = 28;
/** sizeof(struct sock_fprog): the number of instructions, padding, a pointer to them. */
const PROGRAM_BYTES = 16;

/** The system assigns the lowest free descriptor, so those of sockets are found long before this. */
const DESCRIPTORS_MAX = 65_536;

/** The search ends after this many consecutive descriptors that are no TCP sockets. */
const GAP_MAX = 4096;

/** The two ends of a connection. */
export interface Ends {
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
}

/** Whether several listeners can share a port, one of them chosen by {@link preferNewest}. */
export const CAN_SHARE_PORTS = Deno.build.os === "linux";

/** The connections to close, by their two ends; each as {@link endsText} writes it. */
const hangUps = new Set<string>();
let hangUpTimer: ReturnType<typeof setTimeout> | undefined;
let nextSearchMs = 0;

/** The time between two searches of the descriptors: at least this, and this many times as long as the last one took. */
const SEARCH_INTERVAL_MS = 100;
const SEARCH_SHARE = 20;

/** Closes a connection, whatever state it is in: soon, together with others that are to be closed, for one search of the descriptors. */
export function hangUp({ localAddr, remoteAddr }: Ends): void {
  hangUps.add(endsText(addressText(localAddr as Deno.NetAddr), addressText(remoteAddr as Deno.NetAddr)));
  if (hangUpTimer !== undefined) return;
  const waitMs = nextSearchMs - performance.now();
  if (waitMs <= 0) hangUpAll();
  else hangUpTimer = setTimeout(hangUpAll, waitMs);
}

function hangUpAll(): void {
  hangUpTimer = undefined;
  const sinceMs = performance.now();
  onLinux((calls) => {
    let gap = 0;
    for (let descriptor = 0; hangUps.size > 0 && descriptor < DESCRIPTORS_MAX && gap < GAP_MAX; descriptor++) {
      const isSocket = portOf(calls.getsockname, descriptor) !== undefined;
      gap = isSocket ? 0 : gap + 1;
      // A connection that the client has closed has no peer any more.
      const remote = isSocket ? addressOf(calls.getpeername, descriptor) : undefined;
      if (remote === undefined) continue;
      const local = addressOf(calls.getsockname, descriptor) as string;
      if (hangUps.delete(endsText(local, remote))) calls.shutdown(descriptor, SHUT_RDWR);
    }
  });
  hangUps.clear();
  const nowMs = performance.now();
  nextSearchMs = nowMs + Math.max(SEARCH_INTERVAL_MS, SEARCH_SHARE * (nowMs - sinceMs));
}

function endsText(local: string, remote: string): string {
  return `${local} ${remote}`;
}

/**
 * Closes connections to local ports.
 *
 * @param choose receives the clients' ports of all connections and returns those to close. Nothing else runs meanwhile.
 */
export function sweepConnections(
  localPorts: ReadonlySet<number>,
  choose: (ports: readonly number[]) => ReadonlySet<number>,
): void {
  onLinux((calls) => {
    const found: { readonly descriptor: number; readonly port: number }[] = [];
    let gap = 0;
    for (let descriptor = 0; descriptor < DESCRIPTORS_MAX && gap < GAP_MAX; descriptor++) {
      const localPort = portOf(calls.getsockname, descriptor);
      gap = localPort === undefined ? gap + 1 : 0;
      if (localPort === undefined || !localPorts.has(localPort)) continue;
      // A listener has no peer.
      const port = portOf(calls.getpeername, descriptor);
      if (port !== undefined) found.push({ descriptor, port });
    }
    const chosen = choose(found.map(({ port }) => port));
    for (const { descriptor, port } of found) {
      if (chosen.has(port)) calls.shutdown(descriptor, SHUT_RDWR);
    }
  });
}

/** Disables Nagle's algorithm at a local address, and limits how long the system keeps data that a peer does not acknowledge. */
export function setSendOptions(address: Deno.NetAddr, { userTimeoutMs }: { userTimeoutMs: number }): void {
  onLinux((calls) => {
    // Connections inherit the options of their listener.
    for (const descriptor of descriptorsAt(calls, addressText(address))) {
      for (const [option, value] of [[TCP_NODELAY, 1], [TCP_USER_TIMEOUT, userTimeoutMs]] as const) {
        calls.setsockopt(descriptor, IPPROTO_TCP, option, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT);
      }
    }
  });
}

/**
 * Of listeners that share an address, directs all new connections to the one that came right after `olderCount` others. The older
 * ones keep connections that wait to be accepted. When they are closed, in any order, the remaining ones share new connections.
 */
export function preferNewest(address: Deno.NetAddr, olderCount = 1): void {
  // One instruction: return its index in the group. The system fills a gap with the last of the group, which is this listener only
  // when all older ones are gone; an index out of range then leaves the choice to the system.
  const instruction = new DataView(new ArrayBuffer(8));
  instruction.setUint16(0, BPF_RET_K, true);
  instruction.setUint32(4, olderCount, true);
  const program = new DataView(new ArrayBuffer(PROGRAM_BYTES));
  program.setUint16(0, 1, true);
  program.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(instruction))), true);
  onLinux((calls) => {
    for (const descriptor of descriptorsAt(calls, addressText(address))) {
      const bytes = new Uint8Array(program.buffer);
      // It fails on connections, and on any listener it holds for the whole group.
      if (calls.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, bytes, PROGRAM_BYTES) === 0) return;
    }
  });
}

/** Does nothing on other systems than Linux, and without permission to call the C library. */
function onLinux(use: (calls: CFunctions) => void): void {
  if (Deno.build.os !== "linux") return;
  try {
    withCLibrary(use);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

function* descriptorsAt(calls: CFunctions, local: string): Generator<number> {
  for (let descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
    if (addressOf(calls.getsockname, descriptor) === local) yield descriptor;
  }
}

const addressBytes = new Uint8Array(ADDRESS_BYTES);
const addressLength = new Uint32Array(1);

/** Returns an end of a descriptor, as {@link addressText} writes it; undefined if it is no TCP socket. */
function addressOf(call: CFunctions["getsockname"], descriptor: number): string | undefined {
  addressLength[0] = ADDRESS_BYTES;
  if (call(descriptor, addressBytes, addressLength) !== 0) return undefined;
  const view = new DataView(addressBytes.buffer);
  const family = new Uint16Array(addressBytes.buffer, 0, 1)[0];
  const port = view.getUint16(2);
  if (family === AF_INET) return addressText({ hostname: addressBytes.subarray(4, 8).join("."), port });
  if (family !== AF_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return addressText({ hostname: groups.join(":"), port });
}

/** Returns the port of an end of a descriptor; undefined if it is no TCP socket. */
function portOf(call: CFunctions["getsockname"], descriptor: number): number | undefined {
  addressLength[0] = ADDRESS_BYTES;
  if (call(descriptor, addressBytes, addressLength) !== 0) return undefined;
  const family = new Uint16Array(addressBytes.buffer, 0, 1)[0];
  return family === AF_INET || family === AF_INET6 ? new DataView(addressBytes.buffer).getUint16(2) : undefined;
}

/** Writes an address with its port, IPv6 in the form of URLs. */
export function addressText({ hostname, port }: { hostname: string; port: number }): string {
  return hostname.includes(":") ? `${new URL(`http://[${hostname}]`).hostname}:${port}` : `${hostname}:${port}`;
}
