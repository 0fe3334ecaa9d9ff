import { expect, test } from "bun:test";
import { MemoryGuard } from "../../src/memory_guard.ts";

test.each([
  { name: "below the ceiling nothing is collected", resident: 190e6, engine: 50e6, collected: 0 },
  { name: "above it, garbage is", resident: 210e6, engine: 50e6, collected: 3 },
])("$name", ({ resident, engine, collected }) => {
  let calls = 0;
  const guard = new MemoryGuard({
    residentBytes: () => resident,
    engineBytes: () => engine,
    collect: () => calls++,
  });
  for (let megabytes = 0; megabytes < 100; megabytes++) guard.passed(1e6);
  expect(calls).toBe(collected);
  expect(guard.collections).toBe(collected);
});

test("a query that goes on is collected for again when it has added much", () => {
  let resident = 200e6;
  const guard = new MemoryGuard({
    residentBytes: () => resident,
    engineBytes: () => 0,
    collect: () => (resident -= 10e6),
  });
  const pause = (times: number) => {
    for (let i = 0; i < times; i++) guard.paused();
    return guard.collections;
  };
  expect(pause(4)).toBe(0);
  expect(pause(1)).toBe(1);
  expect(pause(100)).toBe(1);
  resident += 70e6;
  expect(pause(100)).toBe(2);
});

test("while queries hold much, garbage is collected beside them", () => {
  const calls: string[] = [];
  let held = 0;
  const guard = new MemoryGuard({
    residentBytes: () => 200e6,
    engineBytes: () => 0,
    collect: (atOnce) => calls.push(atOnce ? "at once" : "beside"),
  });
  guard.watch(() => held);
  guard.look();
  held = 50e6;
  guard.look();
  held = 1e6;
  guard.look();
  expect(calls).toEqual(["at once", "beside", "at once"]);
  expect(guard.collections).toBe(3);
});

test("where too much lives, nothing is collected at once until the query has ended", () => {
  const calls: string[] = [];
  let resident = 300e6;
  let held = 50e6;
  const guard = new MemoryGuard({
    residentBytes: () => resident,
    engineBytes: () => 0,
    collect: (atOnce) => {
      calls.push(atOnce ? "at once" : "beside");
      const end = performance.now() + (atOnce ? 50 : 0);
      while (performance.now() < end);
    },
  });
  guard.watch(() => held);
  for (let grown = 0; grown < 3; grown++) {
    for (let pause = 0; pause < 5; pause++) guard.paused();
    resident += 70e6;
  }
  expect(calls).toEqual(["at once", "beside", "beside"]);
  held = 0;
  guard.look();
  expect(calls.at(-1)).toBe("at once");
});
