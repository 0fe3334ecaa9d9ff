/** InfluxQL of the executable: what was created and written is there after a stop, and after kill -9. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import {
  type DaemonProcess,
  killDaemon,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { metricValue } from "../support/process_figures.ts";

const START_S = 1_583_020_800;
const ROWS = 400_000;
const BATCH_ROWS = 50_000;
const COLUMNS = 20;
/** Characters at the end of an answer. */
const TAIL = 1_000;

interface Answer {
  readonly results: readonly {
    readonly error?: string;
    readonly series?: readonly { readonly values?: readonly (readonly unknown[])[] }[];
  }[];
}

async function ask(
  { url }: DaemonProcess,
  query: string,
  params: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/query`, {
    method: "POST",
    body: new URLSearchParams({ q: query, epoch: "s", ...params }),
  });
  expect(response.status).toBe(200);
  return await response.json() as Answer;
}

/** Values of the first series of the first statement. */
async function valuesOf(
  daemon: DaemonProcess,
  query: string,
  params: Readonly<Record<string, string>> = {},
): Promise<readonly (readonly unknown[])[]> {
  const [result] = (await ask(daemon, query, params)).results;
  expect(result?.error).toBeUndefined();
  return result?.series?.[0]?.values ?? [];
}

async function write({ url }: DaemonProcess, lines: string, target: string): Promise<void> {
  const response = await fetch(`${url}/write?precision=s&${target}`, {
    method: "POST",
    body: lines,
  });
  expect(await response.text()).toBe("");
  expect(response.status).toBe(204);
}

async function checkAll(daemon: DaemonProcess): Promise<void> {
  expect(await valuesOf(daemon, "SHOW DATABASES")).toEqual([["home"], ["tagged"], ["work"]]);
  expect(await valuesOf(daemon, "SHOW RETENTION POLICIES ON home")).toEqual([
    ["autogen", "0s", "168h0m0s", 1, true],
    ["long", "87600h0m0s", "168h0m0s", 1, false],
  ]);
  expect(await valuesOf(daemon, "SHOW USERS")).toEqual([["anna", true]]);
  const db = { db: "home" };
  expect(await valuesOf(daemon, "SELECT v, host FROM m", db)).toEqual([
    [START_S, 1.5, "a"],
    [START_S + 1, 2.5, "b"],
  ]);
  expect(await valuesOf(daemon, "SELECT v FROM long.m", db)).toEqual([[START_S, 7]]);
  expect(await valuesOf(daemon, "SELECT v FROM m", { ...db, rp: "long" })).toEqual([[START_S, 7]]);
  expect(await valuesOf(daemon, "SHOW MEASUREMENTS ON tagged")).toEqual([["n"]]);
}

test("databases, policies, users and points outlive a stop and kill -9", async () => {
  using directory = new TestDirectory();
  let daemon = await startDaemon(directory.path);
  for (
    const query of [
      "CREATE DATABASE home; CREATE DATABASE work; CREATE DATABASE gone",
      "CREATE RETENTION POLICY long ON home DURATION 3650d REPLICATION 1",
      "CREATE USER anna WITH PASSWORD 'secret' WITH ALL PRIVILEGES",
    ]
  ) await ask(daemon, query);
  await write(daemon, `m,host=a v=1.5 ${START_S}\nm,host=b v=2.5 ${START_S + 1}`, "db=home");
  await write(daemon, `m v=7 ${START_S}`, "db=home&rp=long");
  await write(daemon, `n,db=tagged v=1 ${START_S}`, "");
  await write(daemon, `m v=1 ${START_S}`, "db=gone");
  await ask(daemon, "DROP DATABASE gone");
  await checkAll(daemon);
  await killDaemon(daemon);

  daemon = await startDaemon(directory.path);
  await checkAll(daemon);
  expect(await stopDaemon(daemon)).toBe(0);

  daemon = await startDaemon(directory.path);
  await checkAll(daemon);
  expect(await stopDaemon(daemon)).toBe(0);
  expect(daemon.output()).not.toContain("error");
}, 30_000);

/** A client that asks and takes nothing. */
function askAndWait({ url }: DaemonProcess, path: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  return socket;
}

test("KILL QUERY ends a query, and so does a client that goes away", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path);
  for (let from = 0; from < ROWS; from += BATCH_ROWS) {
    const lines = Array.from({ length: BATCH_ROWS }, (_, i) => `m v=${from + i}.25 ${from + i}`);
    await write(daemon, lines.join("\n"), "db=home");
  }
  const running = async () =>
    metricValue(await (await fetch(`${daemon.url}/metrics`)).text(), "tsinkd_queries");
  // More than the sockets' buffers hold.
  const columns = Array.from({ length: COLUMNS }, (_, i) => `v AS c${i}`).join();
  const q = `SELECT ${columns} FROM m`;
  const path = `/query?${new URLSearchParams({ db: "home", q })}`;

  const killed = askAndWait(daemon, path);
  await until(async () => await running() === 1, "the query to begin");
  const [id] = (await valuesOf(daemon, "SHOW QUERIES")).find((row) => row[1] === q)!;
  await ask(daemon, `KILL QUERY ${String(id)}`);
  let tail = "";
  killed.on("data", (bytes) => tail = (tail + String(bytes)).slice(-TAIL));
  killed.resume();
  await until(() => tail.includes('"error":"query interrupted"}]}'), "the end of the answer");
  await until(async () => await running() === 0, "the killed query to end");
  killed.destroy();

  const gone = askAndWait(daemon, path);
  await until(async () => await running() === 1, "the query to begin");
  gone.destroy();
  await until(async () => await running() === 0, "the query to end");

  const parameters = new URLSearchParams({ db: "home", q: "SELECT v FROM m" });
  const whole = await (await fetch(`${daemon.url}/query?${parameters}`, {
    headers: { "Accept-Encoding": "gzip" },
  })).json() as Answer;
  expect(whole.results[0]!.series![0]!.values).toHaveLength(ROWS);
  expect(await stopDaemon(daemon)).toBe(0);
}, 60_000);
