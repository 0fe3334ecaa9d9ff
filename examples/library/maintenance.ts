/** Deletes, flushes, compacts, copies and puts back a database in the directory given as argument. */
import { defaultComponents, isEngineError, Storage, verifyDatabase } from "../../engine/mod.ts";

const root = process.argv[2];
if (root === undefined) throw new Error("Name a directory");
const path = `${root}/data`;
const DAY = 86_400n;
const all = { start: 0n, end: 100n * DAY };

{
  await using storage = await Storage.open({ path, settings: { timeUnit: "s" } });
  for (const room of ["kitchen", "hall"]) {
    await storage.insertRows(
      Array.from({ length: 30 }, (_, day) => ({
        metric: "power",
        labels: [["room", room]],
        point: { timestamp: BigInt(day) * DAY, value: { kind: "f64", value: day } },
      })),
    );
  }
  const inHall = { matchers: [{ name: "room", operator: "=", value: "hall" }] } as const;
  const { matchedSeries } = await storage.deleteSeries({ ...inHall, start: 0n, end: 10n * DAY });
  console.log(`deleted from ${matchedSeries} series`);
  await storage.database.compact();
  await storage.snapshot(`${root}/copy`);
  await storage.deleteSeries({ metric: "power" });
  console.log(
    `left after a mistake: ${storage.selectAll("power", all.start, all.end).length} series`,
  );
  try {
    await Storage.restore({ source: `${root}/copy`, target: path });
  } catch (error) {
    console.log(isEngineError(error, "locked") ? "still open, not replaced" : error);
  }
}

await Storage.restore({ source: `${root}/copy`, target: path });
console.log(`problems: ${verifyDatabase(defaultComponents().fileSystem, path).problems.length}`);
await using storage = await Storage.open({ path, settings: { timeUnit: "s" } });
for (const { series, points } of storage.selectAll("power", all.start, all.end)) {
  console.log(series.labels[0]![1], points.length, "points");
}

/* Prints
deleted from 1 series
left after a mistake: 0 series
still open, not replaced
problems: 0
hall 20 points
kitchen 30 points
*/
