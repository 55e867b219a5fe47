/**
 * What Deno cannot ask of the system's TCP sockets, asked through the C library on Linux. Elsewhere, and where it may not be
 * asked, nothing is done.
 *
 * @module
 */

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

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

/** Descriptors are given out from the lowest free one on, so those of sockets are found long before this. */
const DESCRIPTORS_MAX = 65_536;

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** So many descriptors in a row that are no TCP sockets are taken for the end of them. */
const GAP_MAX = 4096;

/** The two ends of a connection. */
export interface Ends {
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
}

/** Whether a port can be listened on twice, and {@link preferNewest} be told which listener is the one to ask. */
export const CAN_SHARE_PORTS = Deno.build.os === "linux";

/** Has the system hang up, whatever state the connection is in. */
export function hangUp({ localAddr, remoteAddr }: Ends): void {
  const [local, remote] = [addressText(localAddr as Deno.NetAddr), addressText(remoteAddr as Deno.NetAddr)];
  withCLibrary((calls) => {
    for (const descriptor of descriptorsAt(calls, local)) {
      if (addressOf(calls.getpeername, descriptor) !== remote) continue;
      calls.shutdown(descriptor, SHUT_RDWR);
      return;
    }
  });
}

/**
 * Has the system hang up on connections to local ports.
 *
 * @param choose gets the clients' ports of all there are and says which of them; nothing else runs meanwhile.
 */
export function sweepConnections(
  localPorts: ReadonlySet<number>,
  choose: (ports: readonly number[]) => ReadonlySet<number>,
): void {
  withCLibrary((calls) => {
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

/** Switches Nagle's algorithm off at a local address, and bounds how long the system keeps what a peer does not take. */
export function setSendOptions(address: Deno.NetAddr, { userTimeoutMs }: { userTimeoutMs: number }): void {
  withCLibrary((calls) => {
    // Connections inherit what is set on their listener.
    for (const descriptor of descriptorsAt(calls, addressText(address))) {
      for (const [option, value] of [[TCP_NODELAY, 1], [TCP_USER_TIMEOUT, userTimeoutMs]] as const) {
        calls.setsockopt(descriptor, IPPROTO_TCP, option, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT);
      }
    }
  });
}

/**
 * Of listeners that share an address, gives all new connections to the eldest of those that came after `olderCount` others. The
 * older ones keep what waits to be accepted; when they are closed, in whatever order, those that are left share what comes.
 */
export function preferNewest(address: Deno.NetAddr, olderCount = 1): void {
  // One instruction: return its place in the group. The system fills a gap with the last of the group, which is this one only when
  // all older ones are gone; a place there is not then leaves the choice to the system.
  const instruction = new DataView(new ArrayBuffer(8));
  instruction.setUint16(0, BPF_RET_K, true);
  instruction.setUint32(4, olderCount, true);
  const program = new DataView(new ArrayBuffer(PROGRAM_BYTES));
  program.setUint16(0, 1, true);
  program.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(instruction))), true);
  withCLibrary((calls) => {
    for (const descriptor of descriptorsAt(calls, addressText(address))) {
      const bytes = new Uint8Array(program.buffer);
      // It fails for connections and is good for the whole group with any of its listeners.
      if (calls.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, bytes, PROGRAM_BYTES) === 0) return;
    }
  });
}

/** Opens the C library, which every process has, for as long as `use` takes; does nothing where it may not be asked. */
function withCLibrary(use: (calls: Calls) => void): void {
  if (Deno.build.os !== "linux") return;
  let library: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    library = Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return;
  }
  use(library.symbols);
  library.close();
}

function* descriptorsAt(calls: Calls, local: string): Generator<number> {
  for (let descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
    if (addressOf(calls.getsockname, descriptor) === local) yield descriptor;
  }
}

const addressBytes = new Uint8Array(ADDRESS_BYTES);
const addressLength = new Uint32Array(1);

/** The address one of the calls gives for a descriptor, as {@link addressText} writes it; undefined when it is no TCP socket. */
function addressOf(call: Calls["getsockname"], descriptor: number): string | undefined {
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

/** The port one of the calls gives for a descriptor; undefined when it is no TCP socket. */
function portOf(call: Calls["getsockname"], descriptor: number): number | undefined {
  addressLength[0] = ADDRESS_BYTES;
  if (call(descriptor, addressBytes, addressLength) !== 0) return undefined;
  const family = new Uint16Array(addressBytes.buffer, 0, 1)[0];
  return family === AF_INET || family === AF_INET6 ? new DataView(addressBytes.buffer).getUint16(2) : undefined;
}

/** An address with its port, IPv6 in the one way a URL writes it. */
export function addressText({ hostname, port }: { hostname: string; port: number }): string {
  return hostname.includes(":") ? `${new URL(`http://[${hostname}]`).hostname}:${port}` : `${hostname}:${port}`;
}
