import { expect, test } from "bun:test";
import { RunningAnswer } from "../../../src/http/influxql/running_answer.ts";
import { RunningQueries } from "../../../src/influxql/running_queries.ts";
import { ManualClock } from "../../support/manual_clock.ts";

interface World {
  readonly clock: ManualClock;
  readonly queries: RunningQueries;
  readonly client: AbortController;
  readonly answer: RunningAnswer;
  /** What has happened. */
  readonly events: string[];
}

/** Pieces without end; each asks the signal first and says why it stops. */
function world({ timeoutMs = 1_000 } = {}): World {
  const clock = new ManualClock();
  const queries = new RunningQueries(() => clock.monotonicMs());
  const begun = queries.begin("q", "db");
  const client = new AbortController();
  const events: string[] = [];
  async function* pieces(): AsyncGenerator<string> {
    try {
      for (;;) {
        await Promise.resolve();
        begun.signal.throwIfAborted();
        yield "piece";
      }
    } catch (error) {
      yield (error as Error).message;
    } finally {
      events.push("closed");
    }
  }
  const answer = new RunningAnswer({
    pieces: pieces(),
    begun,
    client: client.signal,
    timeoutMs,
    after: (ms, callback) => clock.after(ms, callback),
    onEnd: () => events.push("ended"),
  });
  return { clock, queries, client, answer, events };
}

test("an answer whose time is over says so when it is next asked", async () => {
  const { clock, answer, queries, events } = world();
  expect(await answer.next()).toEqual({ done: false, value: "piece" });
  await clock.advance(1_000);
  expect(await answer.next()).toEqual({ done: false, value: "query-timeout limit exceeded" });
  expect(queries.list()).toHaveLength(1);
  expect((await answer.next()).done).toBe(true);
  expect(events).toEqual(["closed", "ended"]);
  expect(queries.list()).toEqual([]);
});

test("a client that takes nothing is cut off some time after its time is over", async () => {
  const { clock, answer, events } = world();
  await answer.next();
  await clock.advance(1_000);
  await clock.advance(9_000);
  expect(events).toEqual([]);
  await clock.advance(2_000);
  await Bun.sleep(0);
  expect(events).toEqual(["closed", "ended"]);
  expect((await answer.next()).done).toBe(true);
});

test("without a time it goes on", async () => {
  const { clock, answer } = world({ timeoutMs: 0 });
  await clock.advance(1e9);
  expect(await answer.next()).toEqual({ done: false, value: "piece" });
});

test("a killed query says so", async () => {
  const { answer, queries } = world();
  await answer.next();
  queries.kill(1n);
  expect(queries.list()).toMatchObject([{ id: 1, query: "q", database: "db", isKilled: true }]);
  expect(await answer.next()).toEqual({ done: false, value: "query interrupted" });
  expect((await answer.next()).done).toBe(true);
  expect(() => queries.kill(1n)).toThrow("no such query id: 1");
});

test.each(["while it waits", "while it runs"])("a client that goes ends it: %s", async (when) => {
  const { answer, client, events, queries } = world();
  await answer.next();
  const running = when === "while it runs" ? answer.next() : undefined;
  client.abort();
  await running;
  await Bun.sleep(0);
  expect(events).toEqual(["closed", "ended"]);
  expect(queries.list()).toEqual([]);
});

test("ending it twice gives back once", async () => {
  const { answer, events } = world();
  await answer.return();
  await answer.return();
  // What was never begun has nothing to close.
  expect(events).toEqual(["ended"]);
});
