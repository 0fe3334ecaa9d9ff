/**
 * Load whose every point can be accounted for: each writer counts from 0, writes its count as the value of a point at a
 * millisecond of its own, and remembers which counts were acknowledged. What the daemon then answers is compared with that:
 * every acknowledged point is there once with its value, and nothing is there that was not sent.
 */
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";

export type LoadProtocol = "v1" | "v2" | "gzip" | "tcp";

export interface LoadOptions {
  readonly protocol: LoadProtocol;
  /** Tag value that sets this writer's points apart. */
  readonly writer: string;
  readonly linesPerBatch: number;
  /** Millisecond of count 0. */
  readonly startMs: number;
  /** Milliseconds between counts. */
  readonly stepMs?: number;
  /** Rest between batches; absent: none. */
  readonly pauseMs?: number;
  /** Called as each batch is acknowledged, with its first count. */
  readonly onAcknowledged?: (first: number) => void;
}

interface Span {
  readonly first: number;
  readonly end: number;
}

const METRIC = "load";
/** How long a writer rests after a refusal. */
const REST_MS = 20;

/** One writer: HTTP requests one after the other, or one TCP connection. */
export class LineLoad {
  readonly options: LoadOptions;
  readonly acknowledged: Span[] = [];
  /** Status codes but 204, and how often. */
  readonly refusals: Map<number, number> = new Map();
  /** Requests that ended without an answer. */
  broken = 0;
  /** Counts from here on were never sent. */
  next = 0;
  #stopped = false;
  #socket: Socket | undefined;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  get acknowledgedPoints(): number {
    return this.acknowledged.reduce((sum, { first, end }) => sum + end - first, 0);
  }

  /** Writes until `stop`, or until the daemon cannot be reached. */
  async run(daemon: { readonly url: string; readonly tcpPort: number }): Promise<void> {
    this.#stopped = false;
    if (this.options.protocol === "tcp") return await this.#runTcp(daemon.tcpPort);
    while (!this.#stopped) {
      const status = await this.writeBatch(daemon.url);
      if (status === undefined) return;
      await rest(status === 204 ? this.options.pauseMs : REST_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#socket?.end();
  }

  /** Writes one batch over HTTP; returns the status, or undefined where no answer came. */
  async writeBatch(url: string): Promise<number | undefined> {
    const first = this.next;
    const text = this.#takeLines();
    const { protocol } = this.options;
    const path = protocol === "v2" ? "/api/v2/write?bucket=b&org=o" : "/write?db=b";
    const packed = protocol === "gzip";
    try {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        body: packed ? gzipSync(text) : text,
        headers: packed ? { "Content-Encoding": "gzip" } : {},
      });
      if (response.status === 204) {
        this.acknowledged.push({ first, end: this.next });
        this.options.onAcknowledged?.(first);
      } else {
        this.refusals.set(response.status, (this.refusals.get(response.status) ?? 0) + 1);
      }
      await response.arrayBuffer();
      return response.status;
    } catch {
      this.broken++;
      return undefined;
    }
  }

  #takeLines(): string {
    const { writer, linesPerBatch, startMs, stepMs = 1 } = this.options;
    let text = "";
    for (let left = linesPerBatch; left > 0; left--) {
      const count = this.next++;
      const time = `${startMs + count * stepMs}000000`;
      text += `${METRIC},writer=${writer} value=${count},square=${count * count}i ${time}\n`;
    }
    return text;
  }

  async #runTcp(port: number): Promise<void> {
    const socket = connect(port, "127.0.0.1");
    this.#socket = socket;
    let closed = false;
    socket.on("error", () => {});
    const ended = new Promise<void>((resolve) =>
      socket.once("close", () => {
        closed = true;
        resolve();
      })
    );
    while (!this.#stopped && !closed) {
      if (!socket.write(this.#takeLines())) {
        await Promise.race([ended, new Promise((resolve) => socket.once("drain", resolve))]);
      } else {
        await rest(this.options.pauseMs);
      }
    }
    socket.end();
    await ended;
  }
}

function rest(milliseconds = 0): Promise<void> {
  return new Promise((resolve) =>
    milliseconds > 0 ? setTimeout(resolve, milliseconds) : setImmediate(resolve)
  );
}

/** What a daemon has of a writer. */
export interface Account {
  readonly points: number;
  /** Acknowledged and not there. */
  readonly missing: number;
  /** There more than once, with another value, or never sent. */
  readonly wrong: number;
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 5;
/** Counts that one query asks for. */
const COUNTS_PER_QUERY = 200_000;

interface MatrixAnswer {
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly values: readonly [number, string][] }[] };
}

/** Compares all that a daemon has of a writer, both fields, with what was sent and acknowledged. */
export async function accountFor(url: string, load: LineLoad): Promise<Account> {
  const account = { points: 0, missing: 0, wrong: 0, examples: [] as string[] };
  for (const name of [METRIC, `${METRIC}_square`]) await compareSeries(url, load, name, account);
  return account;
}

async function compareSeries(
  url: string,
  load: LineLoad,
  name: string,
  account: { points: number; missing: number; wrong: number; examples: string[] },
): Promise<void> {
  const { writer, startMs, stepMs = 1 } = load.options;
  const seen = new Uint8Array(load.next);
  const complain = (text: string) => {
    if (account.examples.length < EXAMPLES_MAX) account.examples.push(`${name} ${writer}: ${text}`);
  };
  for (let from = 0; from < load.next; from += COUNTS_PER_QUERY) {
    const end = Math.min(load.next, from + COUNTS_PER_QUERY);
    const range = Math.max(1, (end - from) * stepMs);
    const time = (startMs + (end - 1) * stepMs) / 1_000;
    const query = `${name}{writer="${writer}"}[${range}ms]`;
    const parameters = new URLSearchParams({ query, time: String(time) });
    const answer = await (await fetch(`${url}/api/v1/query?${parameters}`)).json() as MatrixAnswer;
    if (answer.data === undefined) throw new Error(`${query}: ${answer.error}`);
    for (const { values } of answer.data.result) {
      for (const [seconds, value] of values) {
        const count = Math.round((seconds * 1_000 - startMs) / stepMs);
        const expected = name === METRIC ? count : count * count;
        account.points++;
        if (seen[count] === 0 && Number(value) === expected) {
          seen[count] = 1;
          continue;
        }
        account.wrong++;
        complain(`count ${count} is ${value}${seen[count] === 1 ? ", twice" : ""}`);
      }
    }
  }
  for (const { first, end } of load.acknowledged) {
    for (let count = first; count < end; count++) {
      if (seen[count] === 1) continue;
      account.missing++;
      complain(`count ${count} is missing, acknowledged in ${first}..${end - 1}`);
    }
  }
}

/** Throws unless all writers' points are accounted for; returns how many points there are. */
export async function accountForAll(url: string, loads: readonly LineLoad[]): Promise<number> {
  let points = 0;
  for (const load of loads) {
    const account = await accountFor(url, load);
    if (account.missing > 0 || account.wrong > 0) {
      const { missing, wrong, examples } = account;
      throw new Error(`${missing} points missing, ${wrong} wrong:\n${examples.join("\n")}`);
    }
    points += account.points;
  }
  return points;
}
