/** The line protocol listeners over real sockets and a fake engine. */
import { afterEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../engine/mod.ts";
import type { Address } from "../../src/config_values.ts";
import { Pipeline } from "../../src/ingest/pipeline.ts";
import { ListenerMetrics, StreamListener, type StreamOptions } from "../../src/listeners.ts";
import { Log } from "../../src/log.ts";
import { Metrics } from "../../src/metrics.ts";
import { DatagramListener } from "../../src/udp_listener.ts";
import { FakeEngine } from "../support/fake_engine.ts";

const LOCAL: Address = { host: "127.0.0.1", port: 0 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function parts() {
  const engine = new FakeEngine();
  const metrics = new Metrics();
  const logged: string[] = [];
  const errors: unknown[] = [];
  const log = new Log({
    level: "info",
    format: "text",
    write: (line) => logged.push(line),
    now: Date.now,
  });
  const pipeline = new Pipeline({
    database: engine.database,
    parser: engine.parser,
    metrics,
    nowNs: () => 7n,
    options: { autoCreate: true, databases: [] },
  });
  const listener = {
    log,
    metrics: new ListenerMetrics(metrics),
    monotonic: () => performance.now(),
    onError: (error: unknown) => void errors.push(error),
  };
  return { engine, metrics, logged, errors, pipeline, listener };
}

const STREAM: StreamOptions = {
  precision: "ns",
  database: "",
  connectionsMax: 4,
  idleTimeoutMs: 0,
  disconnectOnError: false,
};

async function listen(options: Partial<StreamOptions> = {}, at: Address | string = LOCAL) {
  const made = parts();
  const listener = await StreamListener.open(made.listener, { ...STREAM, ...options }, at);
  cleanups.push(() => listener.close());
  listener.begin(made.pipeline);
  return { ...made, stream: listener };
}

async function dial(to: number | string): Promise<Socket> {
  const socket = typeof to === "string" ? connect(to) : connect(to, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.resume();
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error("the condition did not come true in two seconds");
}

describe("TCP", () => {
  test("lines of several connections, cut anywhere, are stored", async () => {
    const { engine, stream, metrics } = await listen({ database: "iot" });
    const [first, second] = [await dial(stream.port), await dial(stream.port)];
    first.write("a v=1\na v=");
    second.write("b v=1\n");
    await until(() => engine.stored.length === 2);
    first.write("2\r\n");
    await until(() => engine.stored.length === 3);
    expect(engine.stored.toSorted()).toEqual(["iot|a v=1", "iot|a v=2", "iot|b v=1"]);
    expect(metrics.render()).toContain("tsinkd_listener_open_connections 2");
  });

  test("the last line of a connection needs no line feed", async () => {
    const { engine, stream } = await listen();
    const socket = await dial(stream.port);
    socket.end("a v=1\nb v=2");
    await closed(socket);
    expect(engine.stored).toEqual(["|a v=1", "|b v=2"]);
  });

  test("bad lines are counted and reported once; their neighbours stand", async () => {
    const { engine, stream, logged, metrics } = await listen();
    const socket = await dial(stream.port);
    socket.write("a v=1\nbad 1\n");
    await until(() => engine.stored.length === 1);
    socket.write("bad 2\nb v=1\n");
    await until(() => engine.stored.length === 2);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('Lines refused peer=127.0.0.1 reason="missing fields: bad 1"');
    expect(metrics.render()).toContain(
      'tsinkd_ingest_refused_rows_total{source="tcp",reason="missing-fields"} 2',
    );
  });

  test("a bad line closes the connection where that is asked for", async () => {
    const { engine, stream } = await listen({ disconnectOnError: true });
    const socket = await dial(stream.port);
    socket.write("a v=1\nbad\n");
    await closed(socket);
    expect(engine.stored).toEqual(["|a v=1"]);
  });

  test.each([
    { name: "HTTP", bytes: "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", hint: "use the HTTP port" },
    { name: "gzip", bytes: "\x1f\x8b\x08", hint: "switch gzip off" },
  ])("$name gets one hint in the log and is closed", async ({ bytes, hint }) => {
    const { engine, stream, logged } = await listen();
    const socket = await dial(stream.port);
    socket.write(Buffer.from(bytes, "latin1"));
    await closed(socket);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(hint);
    expect(engine.stored).toEqual([]);
  });

  test("a connection beyond the limit is closed", async () => {
    const { stream } = await listen({ connectionsMax: 1 });
    const first = await dial(stream.port);
    first.write("a v=1\n");
    const second = await dial(stream.port);
    await closed(second);
    expect(first.destroyed).toBe(false);
  });

  test("an idle connection is closed", async () => {
    const { stream } = await listen({ idleTimeoutMs: 50 });
    await closed(await dial(stream.port));
  });

  test("the sender feels a database that is behind", async () => {
    const { engine, stream, listener } = await listen();
    const gate = Promise.withResolvers<void>();
    engine.admission = gate.promise;
    const socket = await dial(stream.port);
    const block = Buffer.from("m v=1\n".repeat(100_000));
    let sent = 0;
    const pump = () => {
      while (sent < 100) {
        sent++;
        if (!socket.write(block)) return void socket.once("drain", pump);
      }
    };
    pump();
    await Bun.sleep(200);
    expect(sent).toBeLessThan(60);
    const received = listener.metrics.received.with("tcp").value;
    expect(received).toBeLessThan(4 << 20);
    engine.admission = undefined;
    gate.resolve();
    await until(() => engine.stored.length > 300_000);
  });

  test("two sync groups are under way at most", async () => {
    const { engine, stream } = await listen();
    const syncs = [0, 1, 2].map(() => Promise.withResolvers<void>());
    engine.sync = syncs[0]!.promise;
    const socket = await dial(stream.port);
    socket.write("a v=1\n");
    await until(() => engine.stored.length === 1);
    engine.sync = syncs[1]!.promise;
    socket.write("a v=2\n");
    await until(() => engine.stored.length === 2);
    socket.write("a v=3\n");
    await Bun.sleep(50);
    expect(engine.stored).toHaveLength(2);
    syncs[0]!.resolve();
    await until(() => engine.stored.length === 3);
    syncs[1]!.resolve();
  });

  test("a database that fails closes the connection and tells", async () => {
    const { engine, stream, errors } = await listen();
    engine.failure = new EngineError("failed", "Cannot write: stopped");
    const socket = await dial(stream.port);
    socket.write("a v=1\n");
    await closed(socket);
    expect(errors).toEqual([engine.failure]);
  });

  test("a stop stores what was sent and drops an unfinished line", async () => {
    const { engine, stream } = await listen();
    const socket = await dial(stream.port);
    socket.write(`${"m v=1\n".repeat(50_000)}m v=12`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await stream.close();
    expect(engine.stored).toHaveLength(50_000);
  });

  test("connections that come before the database is open wait", async () => {
    const made = parts();
    const stream = await StreamListener.open(made.listener, STREAM, LOCAL);
    cleanups.push(() => stream.close());
    const socket = await dial(stream.port);
    socket.write("a v=1\n");
    await Bun.sleep(30);
    expect(made.engine.stored).toEqual([]);
    stream.begin(made.pipeline);
    await until(() => made.engine.stored.length === 1);
  });

  test("a taken port is an error", async () => {
    const { stream } = await listen();
    const taken = StreamListener.open(parts().listener, STREAM, { ...LOCAL, port: stream.port });
    await expect(taken).rejects.toThrow("EADDRINUSE");
  });
});

describe("unix socket", () => {
  function makeFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "tsinkd-listeners-"));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  test("lines are stored, the file goes at the stop", async () => {
    const path = join(makeFolder(), "lines.sock");
    const { engine, stream } = await listen({}, path);
    const socket = await dial(path);
    socket.write("a v=1\n");
    await until(() => engine.stored.length === 1);
    await stream.close();
    expect(existsSync(path)).toBe(false);
  });

  test("a file that is no socket stays", async () => {
    const other = join(makeFolder(), "precious");
    writeFileSync(other, "data");
    await expect(StreamListener.open(parts().listener, STREAM, other)).rejects.toThrow();
    expect(existsSync(other)).toBe(true);
  });
});

describe("UDP", () => {
  async function open() {
    const made = parts();
    const options = { precision: "ns", database: "", receiveBufferBytes: 65_536 } as const;
    const datagrams = await DatagramListener.open(made.listener, options, LOCAL);
    cleanups.push(() => datagrams.close());
    datagrams.begin(made.pipeline);
    const port = Number(datagrams.describe().split(":")[1]);
    const socket = createSocket("udp4");
    cleanups.push(() => socket.close());
    return { ...made, send: (text: string) => socket.send(text, port, "127.0.0.1") };
  }

  test("a datagram's good lines are stored, whatever its neighbours hold", async () => {
    const { engine, send, logged } = await open();
    send("a v=1\nbad\nb v=1");
    send('c v="open');
    send("d v=1\n");
    await until(() => engine.stored.length === 4);
    expect(engine.stored).toEqual(["|a v=1", "|b v=1", '|c v="open', "|d v=1"]);
    expect(logged.filter((line) => line.includes("Lines refused"))).toHaveLength(1);
  });

  test("while the database is behind, datagrams are dropped and counted", async () => {
    const { engine, send, listener } = await open();
    const gate = Promise.withResolvers<void>();
    engine.admission = gate.promise;
    for (let index = 0; index < 5; index++) send(`m v=${index}`);
    await until(() => listener.metrics.closed.with("udp", "behind").value === 4);
    engine.admission = undefined;
    gate.resolve();
    await until(() => engine.stored.length === 1);
  });
});
