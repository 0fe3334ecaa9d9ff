/** Writes through the columnar batch and reads columns: no object a point, for programs with many of them. */
import { openDatabase, type SourceId } from "../../engine/mod.ts";

const HOSTS = 100;
const STEPS = 1_000;
const STEP = 10_000_000_000n;
const START = 1_700_000_000_000_000_000n;

const database = await openDatabase();
try {
  const { registry, batch } = database;
  // A row is one time of a source: a measurement and its tags. Its fields are columns, each with a slot.
  const sources = Array.from(
    { length: HOSTS },
    (_, i) => registry.sourceOf("cpu", [["host", `host${i}`]]),
  );
  const user = registry.slotOf(sources[0]!, "user", "f64");
  const idle = registry.slotOf(sources[0]!, "idle", "i64");

  for (let step = 0; step < STEPS; step++) {
    const time = START + BigInt(step) * STEP;
    await database.admit();
    batch.begin();
    for (let i = 0; i < HOSTS; i++) {
      batch.row(sources[i]!, time);
      batch.float64(user, (step + i) % 100);
      batch.integer(idle, BigInt(100 - (step + i) % 100));
    }
    // Written in one step, all or nothing. `done` is there while the disk has not confirmed.
    await database.write("durable").done;
  }

  using view = database.view({ start: START, end: START + BigInt(STEPS) * STEP });
  const groups = view.select([
    { name: "__name__", operator: "=", value: "cpu_user" },
    { name: "host", operator: "=~", value: "host[0-4]" },
  ]);
  for (const { metric, sources, slot, family } of groups) {
    for (const source of sources) {
      const column = view.readNumbers(
        { source: source as SourceId, slot, family },
        -Infinity,
        Infinity,
      );
      let sum = 0;
      for (let i = 0; i < column.count; i++) sum += column.values[i]!;
      console.log(metric, view.tagsOf(source as SourceId).join(), column.count, sum / column.count);
    }
  }
} finally {
  await database.close();
}

/* Prints
cpu_user host,host0 1000 49.5
cpu_user host,host1 1000 49.5
cpu_user host,host2 1000 49.5
cpu_user host,host3 1000 49.5
cpu_user host,host4 1000 49.5
*/
