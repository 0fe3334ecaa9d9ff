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
