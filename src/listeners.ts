/**
 * Line protocol without HTTP: TCP, unix stream sockets and UDP.
 *
 * A stream connection is read only while the database keeps up: it is paused while a write waits for admission and while
 * two sync groups of this connection are unconfirmed, so that the sender feels the disk and nothing piles up here.
 * Nobody is answered: a bad line is counted, and reported in the log once a minute for each peer.
 */
import { createServer, type Server, type Socket } from "node:net";
import { lstatSync, unlinkSync } from "node:fs";
import { reasonText } from "./ingest/line_protocol.ts";
import type { LineWrite } from "./ingest/line_write.ts";
import type { LineSource, Pipeline, RefusedCounts } from "./ingest/pipeline.ts";
import type { ListenerPrecision } from "./settings_table.ts";
import type { Log } from "./log.ts";
import type { Children, Counter, Metrics } from "./metrics.ts";
import { type Address, formatAddress } from "./config_values.ts";

export interface LineListenerOptions {
  readonly precision: ListenerPrecision;
  /** `db` label; empty: none. */
  readonly database: string;
}

export interface StreamOptions extends LineListenerOptions {
  readonly connectionsMax: number;
  /** Milliseconds; 0 never closes an idle connection. */
  readonly idleTimeoutMs: number;
  readonly disconnectOnError: boolean;
  /** PEM texts; undefined: plain. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

export interface ListenerParts {
  readonly log: Log;
  readonly metrics: ListenerMetrics;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  /** Called with errors of the database. */
  readonly onError: (error: unknown) => void;
}

/** Counters that all line listeners share. */
export class ListenerMetrics {
  readonly connections: Children<Counter>;
  readonly received: Children<Counter>;
  readonly closed: Children<Counter>;
  open = 0;

  constructor(metrics: Metrics) {
    this.connections = metrics.counters(
      "tsinkd_listener_connections_total",
      "Connections accepted by the line protocol listeners.",
      ["protocol"],
    );
    this.received = metrics.counters(
      "tsinkd_listener_received_bytes_total",
      "Bytes received by the line protocol listeners.",
      ["protocol"],
    );
    this.closed = metrics.counters(
      "tsinkd_listener_closed_total",
      "Connections closed by the line protocol listeners, and datagrams dropped, by reason.",
      ["protocol", "reason"],
    );
    metrics.gauge(
      "tsinkd_listener_open_connections",
      "Open line protocol connections.",
      () => this.open,
    );
  }
}

const REPORT_INTERVAL_MS = 60_000;
/** Peers whose last report is remembered. */
const PEERS_MAX = 1_000;
/** How long a stop waits for bytes that are already on their way. */
const DRAIN_MS = 250;
/** A connection that sends nothing for so long has nothing on its way. */
const DRAIN_QUIET_MS = 50;
const NOTHING = new Uint8Array(0);
const HTTP_REQUEST = /^(GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH) \S+ HTTP\/1\.[01]\r?\n/;
const HTTP_REQUEST_BYTES_MAX = 512;
const decoder = new TextDecoder();

/** Reports what is wrong with a peer's lines, at most once a minute each. */
export class PeerReports {
  readonly #log: Log;
  readonly #monotonic: () => number;
  readonly #last = new Map<string, { at: number; left: number }>();

  constructor(log: Log, monotonic: () => number) {
    this.#log = log;
    this.#monotonic = monotonic;
  }

  report(peer: string, message: string, reason: string): void {
    const now = this.#monotonic();
    const last = this.#last.get(peer);
    if (last !== undefined && now - last.at < REPORT_INTERVAL_MS) {
      last.left++;
      return;
    }
    if (this.#last.size >= PEERS_MAX) this.#last.clear();
    this.#last.set(peer, { at: now, left: 0 });
    this.#log.warn(message, { peer, reason, left_out: last?.left ?? 0 });
  }
}

/** Counts and reports what was refused of a connection or datagram since the last call. */
export class RefusalWatch {
  readonly #source: LineSource;
  readonly #pipeline: Pipeline;
  readonly #counted: RefusedCounts = new Map();
  #tooOld = 0;

  constructor(source: LineSource, pipeline: Pipeline) {
    this.#source = source;
    this.#pipeline = pipeline;
  }

  /** Whether something was refused. */
  notice(write: LineWrite, report: (reason: string) => void): boolean {
    const before = this.#tooOld;
    this.#tooOld = write.tooOld;
    this.#pipeline.countRefused(this.#source, write.report, this.#counted);
    const error = write.takeErrors().at(-1);
    if (error !== undefined) report(`${reasonText(error)}: ${error.text}`);
    else if (write.tooOld > before) report("points beyond retention policy");
    return error !== undefined || write.tooOld > before;
  }
}

/** One line protocol connection. */
class LineConnection {
  readonly closed: Promise<void>;
  lastDataMs: number;
  readonly #listener: StreamListener;
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #write: LineWrite;
  readonly #refusals: RefusalWatch;
  #first = true;
  #working: Promise<void> | undefined;
  #ended = false;

  constructor(listener: StreamListener, socket: Socket, pipeline: Pipeline) {
    this.#listener = listener;
    this.#socket = socket;
    this.#peer = socket.remoteAddress ?? listener.protocol;
    const { precision, database } = listener.options;
    this.#write = pipeline.openLines("tcp", {
      unit: precision,
      database: database === "" ? undefined : database,
    });
    this.#refusals = new RefusalWatch("tcp", pipeline);
    this.lastDataMs = listener.parts.monotonic();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("data", (bytes: Uint8Array) => this.#receive(bytes));
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#fail("network", error));
    socket.on("timeout", () => this.close("idle"));
    socket.on("close", () => {
      listener.leave(this);
      resolve();
    });
    if (listener.options.idleTimeoutMs > 0) socket.setTimeout(listener.options.idleTimeoutMs);
    socket.setKeepAlive(true, 60_000);
  }

  /** Bytes were received and are not yet in the database. */
  get busy(): boolean {
    return this.#working !== undefined;
  }

  close(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#listener.parts.metrics.closed.with(this.#listener.protocol, reason).add();
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    this.lastDataMs = this.#listener.parts.monotonic();
    this.#listener.received.add(bytes.length);
    if (this.#first) {
      this.#first = false;
      if (this.#refuseForeign(bytes)) return;
    }
    if (this.#working !== undefined) {
      // Bytes that were under way when the socket was paused: they follow what is being written.
      this.#track(this.#working.then(() => this.#store(bytes)));
      return;
    }
    try {
      const wait = this.#store(bytes);
      if (wait !== undefined) this.#track(wait);
    } catch (error) {
      this.#fail("storage", error);
    }
  }

  /** Writes bytes; the promise is there while the connection must not be read. */
  #store(bytes: Uint8Array, end = false): Promise<void> | undefined {
    const before = this.#write.done;
    const wait = this.#write.push(bytes, end);
    if (wait !== undefined) return wait.then(() => this.#report());
    this.#report();
    const behind = before !== undefined && this.#write.done !== before;
    return behind ? before : undefined;
  }

  #track(wait: Promise<void>): void {
    this.#socket.pause();
    const working = wait.then(() => {
      if (this.#working !== working) return;
      this.#working = undefined;
      if (!this.#ended) this.#socket.resume();
    }, (error) => this.#fail("storage", error));
    this.#working = working;
  }

  /** An HTTP request or a compressed payload on the line port: one hint in the log instead of an error for each line. */
  #refuseForeign(bytes: Uint8Array): boolean {
    const { reports } = this.#listener;
    if (HTTP_REQUEST.test(decoder.decode(bytes.subarray(0, HTTP_REQUEST_BYTES_MAX)))) {
      reports.report(this.#peer, "HTTP request on the line protocol port", "use the HTTP port");
      this.close("http");
      return true;
    }
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
      reports.report(this.#peer, "Compressed lines on the line protocol port", "switch gzip off");
      this.close("gzip");
      return true;
    }
    return false;
  }

  #report(): void {
    const { reports, options } = this.#listener;
    const refused = this.#refusals.notice(
      this.#write,
      (reason) => reports.report(this.#peer, "Lines refused", reason),
    );
    if (refused && options.disconnectOnError) this.close("bad_line");
  }

  /** The peer has sent all it will: the last line needs no line feed. */
  async #end(): Promise<void> {
    this.#ended = true;
    try {
      await this.#working;
      if (this.#socket.destroyed) return;
      await this.#store(NOTHING, true);
      if (this.#write.done !== undefined) await this.#write.done;
      this.#socket.end();
    } catch (error) {
      this.#fail("storage", error);
    }
  }

  /** Waits until everything received is stored and synced. */
  async settle(): Promise<void> {
    try {
      while (this.#working !== undefined) await this.#working;
      if (this.#write.done !== undefined) await this.#write.done;
    } catch (error) {
      this.#fail("storage", error);
    }
  }

  #fail(reason: "network" | "storage", error: unknown): void {
    if (reason === "storage") {
      this.#listener.reports.report(this.#peer, "Lines not stored", (error as Error).message);
      this.#listener.parts.onError(error);
    }
    this.close(reason);
  }
}

/**
 * A listener for streams of lines: TCP or a unix socket. Connections that come before `begin` wait unread, so that
 * senders find the port open while the database is being opened.
 */
export class StreamListener {
  readonly parts: ListenerParts;
  readonly options: StreamOptions;
  readonly protocol: string;
  readonly reports: PeerReports;
  readonly received: Counter;
  readonly #connections = new Set<LineConnection>();
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  #pipeline: Pipeline | undefined;
  #path: string | undefined;

  private constructor(
    parts: ListenerParts,
    options: StreamOptions,
    protocol: string,
    makeServer: MakeServer,
  ) {
    this.parts = parts;
    this.options = options;
    this.protocol = protocol;
    this.reports = new PeerReports(parts.log, parts.monotonic);
    this.received = parts.metrics.received.with(protocol);
    this.#server = makeServer((socket) => this.#accept(socket));
  }

  /** Listens on an address or at the path of a unix socket. Rejects when it is taken. */
  static async open(
    parts: ListenerParts,
    options: StreamOptions,
    at: Address | string,
  ): Promise<StreamListener> {
    const protocol = typeof at === "string" ? "unix" : "tcp";
    const listener = new StreamListener(parts, options, protocol, await serverMaker(options));
    await new Promise<void>((resolve, reject) => {
      listener.#server.once("error", reject);
      listener.#server.once("listening", resolve);
      if (typeof at === "string") {
        listener.#path = at;
        removeSocket(at);
        listener.#server.listen(at);
      } else {
        listener.#server.listen(at.port, at.host);
      }
    });
    return listener;
  }

  /** The port listened on, where the system chose it. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Where it listens, as the log says it. */
  describe(): string {
    const address = this.#server.address();
    return typeof address === "object" && address !== null
      ? formatAddress({ host: address.address, port: address.port })
      : this.#path ?? "";
  }

  /** Begins to read connections into a pipeline. */
  begin(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
    for (const socket of this.#waiting.splice(0)) this.#accept(socket);
  }

  leave(connection: LineConnection): void {
    if (this.#connections.delete(connection)) this.parts.metrics.open--;
  }

  /** Stops accepting, stores what is on its way, closes all connections. */
  async close(): Promise<void> {
    // Who connected a moment ago may still be in the kernel's queue: closing at once would reset it.
    await new Promise((resolve) => setTimeout(resolve, DRAIN_QUIET_MS));
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    const { monotonic } = this.parts;
    const until = monotonic() + DRAIN_MS;
    const quiet = () =>
      [...this.#connections].every((each) =>
        !each.busy && monotonic() - each.lastDataMs >= DRAIN_QUIET_MS
      );
    while (this.#connections.size > 0 && !quiet() && monotonic() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const connections = [...this.#connections];
    await Promise.all(connections.map((each) => each.settle()));
    for (const each of connections) each.close("stop");
    if (this.#path !== undefined) removeSocket(this.#path);
  }

  #accept(socket: Socket): void {
    const { metrics } = this.parts;
    const peer = socket.remoteAddress ?? this.protocol;
    if (this.#connections.size + this.#waiting.length >= this.options.connectionsMax) {
      metrics.closed.with(this.protocol, "connections_max").add();
      this.reports.report(peer, "Connection refused", "tcp-connections-max is reached");
      socket.destroy();
      return;
    }
    if (this.#pipeline === undefined) {
      this.#waiting.push(socket);
      return;
    }
    metrics.connections.with(this.protocol).add();
    metrics.open++;
    this.#connections.add(new LineConnection(this, socket, this.#pipeline));
  }
}

type MakeServer = (accept: (socket: Socket) => void) => Server;

async function serverMaker({ tls }: StreamOptions): Promise<MakeServer> {
  if (tls === undefined) {
    return (accept) => createServer({ allowHalfOpen: true, noDelay: true }, accept);
  }
  // Loaded only where it is used: the module costs megabytes of resident memory.
  const { createServer: createTlsServer } = await import("node:tls");
  return (accept) => createTlsServer({ ...tls, allowHalfOpen: true }, accept);
}

/** Removes a socket file that a process left behind; anything else at the path stays and makes `listen` fail. */
export function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}
