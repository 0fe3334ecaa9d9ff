/**
 * Line protocol over UDP: each datagram holds whole lines and is written as it arrives. While the database is behind,
 * datagrams are dropped and counted: UDP has no way to make a sender wait, and nothing is buffered without bound.
 */
import { createSocket, type Socket } from "node:dgram";
import { type Address, formatAddress } from "./config_values.ts";
import type { Pipeline } from "./ingest/pipeline.ts";
import {
  type LineListenerOptions,
  type ListenerParts,
  PeerReports,
  RefusalWatch,
} from "./listeners.ts";
import type { Counter } from "./metrics.ts";

export interface DatagramOptions extends LineListenerOptions {
  /** Bytes asked of the kernel. */
  readonly receiveBufferBytes: number;
}

export class DatagramListener {
  readonly #parts: ListenerParts;
  readonly #options: DatagramOptions;
  readonly #socket: Socket;
  readonly #reports: PeerReports;
  readonly #received: Counter;
  readonly #dropped: Counter;
  #pipeline: Pipeline | undefined;
  #waiting: Promise<void> | undefined;
  #newest: Promise<void> | undefined;

  private constructor(parts: ListenerParts, options: DatagramOptions, at: Address) {
    this.#parts = parts;
    this.#options = options;
    this.#socket = createSocket({ type: at.host.includes(":") ? "udp6" : "udp4" });
    this.#reports = new PeerReports(parts.log, parts.monotonic);
    this.#received = parts.metrics.received.with("udp");
    this.#dropped = parts.metrics.closed.with("udp", "behind");
  }

  /** Listens on an address. Rejects when it is taken. */
  static async open(
    parts: ListenerParts,
    options: DatagramOptions,
    at: Address,
  ): Promise<DatagramListener> {
    const listener = new DatagramListener(parts, options, at);
    const socket = listener.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(at.port, at.host, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    listener.#askForBuffer();
    socket.on("error", (error) => parts.log.warn("UDP listener", { reason: error.message }));
    socket.on("message", (bytes, peer) => listener.#receive(bytes, peer.address));
    return listener;
  }

  /** Where it listens, as the log says it. */
  describe(): string {
    const { address, port } = this.#socket.address();
    return formatAddress({ host: address, port });
  }

  /** Begins to write datagrams into a pipeline; those that came before are dropped. */
  begin(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
  }

  /** Stops receiving; what was received is stored. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
    await this.#waiting?.catch(() => {});
    await this.#newest?.catch(() => {});
  }

  #askForBuffer(): void {
    const asked = this.#options.receiveBufferBytes;
    try {
      this.#socket.setRecvBufferSize(asked);
      const given = this.#socket.getRecvBufferSize();
      if (given >= asked) return;
      this.#parts.log.warn("UDP receive buffer is smaller than asked for", {
        asked,
        given,
        hint: "raise the kernel's net.core.rmem_max",
      });
    } catch (error) {
      this.#parts.log.warn("UDP receive buffer is as the system sets it", {
        reason: (error as Error).message,
      });
    }
  }

  #receive(bytes: Uint8Array, peer: string): void {
    this.#received.add(bytes.length);
    const pipeline = this.#pipeline;
    if (this.#waiting !== undefined || pipeline === undefined) {
      this.#dropped.add();
      return;
    }
    const { precision, database } = this.#options;
    const write = pipeline.openLines("udp", {
      unit: precision,
      database: database === "" ? undefined : database,
    });
    const finish = () => {
      this.#newest = write.done ?? this.#newest;
      new RefusalWatch("udp", pipeline).notice(
        write,
        (reason) => this.#reports.report(peer, "Lines refused", reason),
      );
    };
    const fail = (error: unknown) => {
      this.#dropped.add();
      this.#reports.report(peer, "Lines not stored", (error as Error).message);
      this.#parts.onError(error);
    };
    try {
      const wait = write.push(bytes, true);
      if (wait === undefined) return finish();
      this.#waiting = wait.then(finish, fail).finally(() => this.#waiting = undefined);
    } catch (error) {
      fail(error);
    }
  }
}
