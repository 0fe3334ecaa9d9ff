/** Views from another thread, with both ends in this one: they read what a view of the database reads. */
import { describe, expect, test } from "bun:test";
import { readdirSync, truncateSync } from "node:fs";
import {
  ALL_TIME,
  contentOfView,
  RemoteBench,
  rowsOf,
  type Stage,
} from "../../support/remote_bench.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

/** What happens between two batches of rows. */
const STAGES: readonly Stage[] = ["nothing", "flush", "compact", "delete", "reopen"];

describe("RemoteDatabase", () => {
  test.each(STAGES)("reads the same after %s", async (stage) => {
    await using bench = await RemoteBench.open();
    const random = new SeededRandom(STAGES.indexOf(stage) + 1);
    for (let round = 0; round < 4; round++) {
      await bench.write(rowsOf(random, 400));
      await bench.reach(stage, random);
      await bench.write(rowsOf(random, 40));
      bench.compare();
    }
  });

  test("more sources than one answer takes, read in any order", async () => {
    await using bench = await RemoteBench.open();
    await bench.writeSources(3_000);
    bench.compare();
    const view = bench.remote.view(ALL_TIME);
    const [group] = view.select([{ name: "__name__", operator: "=", value: "m_v" }]);
    for (const position of [2_999, 0, 1_500, 1, 2_998]) {
      const source = group!.sources[position]! as never;
      const { slot, family } = group!;
      expect(view.readNumbers({ source, slot, family }, -Infinity, Infinity).count).toBe(1);
      expect(view.tagsOf(source)).toEqual(bench.database.registry.tagsOf(source));
    }
    view[Symbol.dispose]();
  });

  test("shows the state of its selection, whatever is done meanwhile", async () => {
    await using bench = await RemoteBench.open();
    const random = new SeededRandom(7);
    await bench.write(rowsOf(random, 300));
    const local = bench.database.view(ALL_TIME);
    const remote = bench.remote.view(ALL_TIME);
    const groups = [local.select([]), remote.select([])] as const;
    for (const stage of STAGES.filter((each) => each !== "reopen")) {
      await bench.write(rowsOf(random, 300));
      await bench.reach(stage, random);
    }
    expect(contentOfView(remote, groups[1])).toEqual(contentOfView(local, groups[0]));
    local[Symbol.dispose]();
    remote[Symbol.dispose]();
  });

  test("a closed view pins nothing, and a host that is disposed closes all", async () => {
    await using bench = await RemoteBench.open();
    await bench.write(rowsOf(new SeededRandom(3), 10));
    const view = bench.remote.view(ALL_TIME);
    view.select([]);
    expect(bench.host.openViews).toBe(1);
    view[Symbol.dispose]();
    expect(bench.host.openViews).toBe(0);
    bench.remote.view(ALL_TIME);
    bench.host[Symbol.dispose]();
    expect(bench.host.openViews).toBe(0);
  });

  test("errors of the database arrive with their code", async () => {
    await using bench = await RemoteBench.open();
    using view = bench.remote.view(ALL_TIME);
    expect(() => view.select([{ name: "a", operator: "=~", value: "(" }])).toThrow(
      expect.objectContaining({ code: "invalid" }),
    );
  });

  test("a damaged segment is reported and set aside", async () => {
    await using bench = await RemoteBench.open();
    await bench.write(rowsOf(new SeededRandom(5), 50));
    await bench.reach("flush", new SeededRandom(5));
    const segments = `${bench.path}/segments`;
    truncateSync(`${segments}/${readdirSync(segments)[0]}`, 100);
    using view = bench.remote.view(ALL_TIME);
    const groups = view.select([]);
    expect(() => contentOfView(view, groups)).toThrow(expect.objectContaining({ code: "corrupt" }));
    const quarantined = () => bench.database.stats().segments.quarantined;
    while (quarantined() === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    using later = bench.remote.view(ALL_TIME);
    expect(contentOfView(later, later.select([])).flatMap(({ points }) => points)).toEqual([]);
  });
});
