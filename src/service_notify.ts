/**
 * Tells systemd how the service is: READY=1, WATCHDOG=1, STOPPING=1, as datagrams to the unix socket in NOTIFY_SOCKET.
 *
 * Bun and Node have no unix datagram sockets (Bun.udpSocket ignores a path and listens on all interfaces), so libc is
 * called: socket, then sendto for each message. Outside systemd every call does nothing.
 */
import process from "node:process";

interface Libc {
  readonly symbols: {
    readonly socket: (family: number, type: number, protocol: number) => number;
    readonly sendto: (
      descriptor: number,
      bytes: Uint8Array,
      length: number,
      flags: number,
      address: Uint8Array,
      addressLength: number,
    ) => number;
  };
}

interface ForeignFunctions {
  dlopen(name: string, symbols: Record<string, { args: string[]; returns: string }>): Libc;
}

const LIBC_NAMES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Bytes of sockaddr_un: family, then the path. */
const ADDRESS_PATH_BYTES_MAX = 107;
const encoder = new TextEncoder();

export class ServiceNotifier {
  readonly #libc: Libc;
  readonly #descriptor: number;
  readonly #address: Uint8Array;

  private constructor(libc: Libc, descriptor: number, address: Uint8Array) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#address = address;
  }

  /** A notifier for the socket that the environment names; undefined outside systemd. Throws when libc cannot be called. */
  static async open(
    environment: Readonly<Record<string, string | undefined>>,
  ): Promise<ServiceNotifier | undefined> {
    const path = environment["NOTIFY_SOCKET"];
    if (path === undefined || path === "") return undefined;
    const libc = openLibc(await import("bun:ffi") as unknown as ForeignFunctions);
    const descriptor = libc.symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (descriptor < 0) throw new Error("Cannot open a unix socket for systemd's notifications");
    return new ServiceNotifier(libc, descriptor, socketAddress(path));
  }

  /** Sends assignments such as `READY=1`, one a line; returns whether the datagram went out. */
  send(assignments: string): boolean {
    const bytes = encoder.encode(assignments);
    const { sendto } = this.#libc.symbols;
    const sent = sendto(
      this.#descriptor,
      bytes,
      bytes.length,
      MSG_NOSIGNAL,
      this.#address,
      this.#address.length,
    );
    return Number(sent) === bytes.length;
  }
}

/** Milliseconds between two WATCHDOG=1: half of what systemd allows; undefined where there is no watchdog for us. */
export function watchdogIntervalMs(
  environment: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const microseconds = Number(environment["WATCHDOG_USEC"] ?? NaN);
  const forOther = environment["WATCHDOG_PID"] !== undefined &&
    environment["WATCHDOG_PID"] !== String(process.pid);
  if (!(microseconds > 0) || forOther) return undefined;
  return Math.max(100, Math.floor(microseconds / 2_000));
}

function openLibc(ffi: ForeignFunctions): Libc {
  let failure: unknown;
  for (const name of LIBC_NAMES) {
    try {
      return ffi.dlopen(name, {
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
      });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** sockaddr_un of a path; a leading @ names the abstract space. */
function socketAddress(path: string): Uint8Array {
  const name = encoder.encode(path);
  if (name.length > ADDRESS_PATH_BYTES_MAX) {
    throw new Error(
      `Cannot use NOTIFY_SOCKET: ${name.length} bytes exceed ${ADDRESS_PATH_BYTES_MAX}`,
    );
  }
  const abstract = path.startsWith("@");
  const address = new Uint8Array(2 + name.length + (abstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (abstract) address[2] = 0;
  return address;
}
