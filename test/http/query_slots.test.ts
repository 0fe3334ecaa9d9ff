import { describe, expect, test } from "bun:test";
import { QuerySlots } from "../../src/http/query_slots.ts";

const never = new AbortController().signal;

/** Slots with a clock that the test moves. */
function slots(queriesMax: number, waitingMax: number): {
  slots: QuerySlots;
  pass(ms: number): void;
} {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  const options = {
    queriesMax,
    waitingMax,
    waitMs: 100,
    monotonicMs: () => now,
    nowMs: () => 1_000 + now,
    after: (ms: number, callback: () => void) => {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  return {
    slots: new QuerySlots(options),
    pass(ms): void {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

describe("query slots", () => {
  test("a free slot is taken at once and listed", () => {
    const { slots: front, pass } = slots(1, 0);
    const slot = front.take("up", "query", never);
    if (slot instanceof Promise) throw new Error("waits");
    pass(5);
    expect(front.active()).toEqual([
      { id: 1, query: "up", path: "query", startedMs: 1_000, runningMs: 5 },
    ]);
    slot[Symbol.dispose]();
    slot[Symbol.dispose]();
    expect(front.active()).toEqual([]);
    expect(front.take("up", "query", never)).not.toBeInstanceOf(Promise);
  });

  test("who waits is served in order", async () => {
    const { slots: front, pass } = slots(1, 2);
    const first = await front.take("a", "query", never);
    const second = front.take("b", "query", never);
    const third = front.take("c", "query", never);
    pass(40);
    first[Symbol.dispose]();
    const served = await second;
    expect(served.waitedMs).toBe(40);
    expect(front.active().map(({ query }) => query)).toEqual(["b"]);
    served[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    expect(front.active()).toEqual([]);
  });

  test("a full line and a long wait are refused", async () => {
    const { slots: front, pass } = slots(1, 1);
    await front.take("a", "query", never);
    const waiting = front.take("b", "query", never);
    await expect(front.take("c", "query", never)).rejects.toThrow(
      "1 queries are running and 1 are waiting",
    );
    pass(100);
    await expect(waiting).rejects.toMatchObject({ kind: "unavailable" });
    expect(front.refused).toBe(2);
    expect(front.waiting).toBe(0);
  });

  test("a client that goes away leaves the line", async () => {
    const { slots: front } = slots(1, 1);
    await front.take("a", "query", never);
    const client = new AbortController();
    const waiting = front.take("b", "query", client.signal);
    client.abort();
    await expect(waiting).rejects.toMatchObject({ kind: "canceled" });
    expect(front.waiting).toBe(0);
    await expect(front.take("c", "query", AbortSignal.abort())).rejects.toMatchObject({
      kind: "canceled",
    });
  });
});
