/**
 * The series registry: creation, indexing, memory and selection, with a million short-lived series (as the generator
 * `churn` makes them) and with 4,000 hosts of ten tags and ten fields.
 *
 * bun test/bench/registry.ts [SERIES]
 */
import type { Labels } from "../../engine/base/types.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import type { Matcher, MatchOperator } from "../../engine/series/matcher.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { Registry } from "../../engine/series/registry.ts";
import { openRegistryFiles } from "../../engine/series/registry_file.ts";

const SERIES = Number(process.argv[2] ?? 1_000_000);
const HEX = "0123456789abcdef";

function report(what: string, value: number, unit: string): void {
  const digits = value < 10 ? 3 : value < 100 ? 1 : 0;
  console.log(`${what.padEnd(58)} ${value.toFixed(digits).padStart(10)} ${unit}`);
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Best of several runs, in microseconds. */
function microseconds(run: () => void): number {
  let best = Infinity;
  for (let i = 0; i < 7; i++) best = Math.min(best, timed(run));
  return best * 1_000;
}

function matchersOf(text: string): Matcher[] {
  return [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, name, operator, value]) => ({
    name: name!,
    operator: operator as MatchOperator,
    value: value!,
  }));
}

/** Tags of series `i`: pods with names that differ from their first digits on. */
function churnTags(i: number): Labels {
  const id = BigInt.asUintN(64, BigInt(i) * 0x9e3779b97f4a7c15n);
  const high = Number(id >> 32n);
  const low = Number(id & 0xffffffffn);
  let pod = `app-${i % 50}-`;
  for (let shift = 28; shift >= 0; shift -= 4) pod += HEX[(high >>> shift) & 15];
  pod += HEX[(low >>> 28) & 15]! + HEX[(low >>> 24) & 15]!;
  return [["app", `app_${i % 50}`], ["node", `node_${(high >>> 8) & 127}`], ["pod", pod]];
}

/** Adds a source with values in its fields. */
function add(registry: Registry, source: readonly [string, Labels, readonly string[]]): void {
  const [measurement, tags, fields] = source;
  const record = registry.sourceOf(measurement, tags);
  for (const field of fields) {
    registry.kernels.exports.markSeen(record, registry.slotOf(record, field, "f64"));
  }
}

function check(registry: Registry, selector: string, expected: number): void {
  const groups = registry.select(matchersOf(selector));
  const found = groups.reduce((sum, group) => sum + group.sources.length, 0);
  if (found !== expected) throw new Error(`${selector}: ${found} series instead of ${expected}`);
}

function select(registry: Registry, selector: string): void {
  const matchers = matchersOf(selector);
  const first = timed(() => registry.select(matchers)) * 1_000;
  const found = registry.select(matchers).reduce((sum, group) => sum + group.sources.length, 0);
  const best = microseconds(() => registry.select(matchers));
  const line = `  ${selector} -> ${found}`.padEnd(58);
  console.log(`${line} ${first.toFixed(0).padStart(10)} µs, again ${best.toFixed(1)} µs`);
}

async function benchChurn(): Promise<void> {
  console.log(`churn, ${SERIES} series`);
  const registry = new Registry(new Kernels());
  const { kernels } = registry;
  const empty = kernels.usedBytes("registry");
  const sources = Array.from({ length: SERIES }, (_, i) => churnTags(i));
  const created = timed(() => {
    for (const tags of sources) add(registry, ["req", tags, ["latency"]]);
  });
  report("created from TypeScript", SERIES / created * 1_000, "sources/s");
  const table = kernels.usedBytes("registry") - empty;
  report("series table", table / SERIES, "bytes a series");
  const indexed = timed(() => registry.index(SERIES));
  report("indexed", SERIES / indexed * 1_000, "sources/s");
  const all = kernels.usedBytes("registry") - empty;
  report("postings", (all - table) / SERIES, "bytes a series");
  report("both", all / SERIES, "bytes a series");
  check(registry, '{__name__="req_latency"}', SERIES);
  check(registry, '{app="app_7",pod!~"app-7-.*"}', 0);
  select(registry, '{__name__="req_latency"}');
  select(registry, `{__name__="req_latency",pod="${sources[1_000]![2]![1]}"}`);
  select(registry, '{__name__="req_latency",app="app_7"}');
  select(registry, '{__name__="req_latency",app="app_7",node="node_9"}');
  select(registry, `{pod="${sources[1_000]![2]![1]}",app=~".+",node!="x"}`);
  select(registry, '{app="app_7",pod=~"app-7-a.*"}');
  select(registry, '{pod=~"app-7-a.*"}');
  select(registry, '{pod=~"app-[78]-[a-f]+.*"}');
  select(registry, '{pod=~".*abc.*",node!~"node_1.*"}');
  report("labelNames", microseconds(() => registry.labelNames([])), "µs");
  const values = () => registry.labelValues("node", matchersOf('{app="app_7"}'));
  report("labelValues of node where app_7", microseconds(values), "µs");
  report("labelValues of pod", microseconds(() => registry.labelValues("pod", [])) / 1_000, "ms");
  report("statistics", microseconds(() => registry.statistics(10)) / 1_000, "ms");
  const fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory("/registry");
  const files = (owner: Registry) =>
    openRegistryFiles({ fileSystem, directory: "/registry", registry: owner });
  const start = performance.now();
  const names = await files(registry).checkpoint();
  report("checkpoint of everything", performance.now() - start, "ms");
  const bytes = fileSystem.fileBytes(`/registry/${names[0]}`);
  report("checkpoint", bytes / SERIES, "bytes a series");
  const other = new Registry(new Kernels());
  report("load", timed(() => files(other).load(names)), "ms");
  if (other.seriesCount !== SERIES) throw new Error(`${other.seriesCount} series loaded`);
  report("nothing to log", microseconds(() => other.takeUnlogged()), "µs");
}

function benchHosts(): void {
  const hosts = 4_000;
  console.log(`devops, ${hosts} hosts of ten tags and ten fields`);
  const registry = new Registry(new Kernels());
  const { kernels } = registry;
  const empty = kernels.usedBytes("registry");
  const fields = Array.from({ length: 10 }, (_, i) => `usage_${i}`);
  for (let i = 0; i < hosts; i++) {
    const tags: Labels = [
      ["arch", i % 3 ? "x64" : "x86"],
      ["datacenter", `eu-west-1${"abc"[i % 3]}`],
      ["hostname", `host_${i}`],
      ["os", "Ubuntu16.04LTS"],
      ["rack", `${i % 100}`],
      ["region", `region-${i % 9}`],
      ["service", `${i % 20}`],
      ["service_environment", "production"],
      ["service_version", `${i % 2}`],
      ["team", ["SF", "NYC", "LON", "CHI"][i % 4]!],
    ];
    add(registry, ["cpu", tags, fields]);
  }
  registry.index(hosts);
  report("memory", (kernels.usedBytes("registry") - empty) / hosts, "bytes a source");
  check(registry, '{__name__="cpu_usage_3"}', hosts);
  select(registry, '{__name__="cpu_usage_3"}');
  select(registry, '{__name__="cpu_usage_3",hostname="host_17"}');
  select(registry, '{__name__="cpu_usage_3",hostname=~"host_1|host_2|host_3"}');
  select(registry, '{__name__="cpu_usage_3",region="region-3",arch!="x86",rack=~"1.*"}');
  select(registry, '{__name__=~"cpu_.*",region=~"region-[1-3]"}');
  const ids = registry.select(matchersOf('{__name__="cpu_usage_3"}'))[0]!.sources;
  const read = timed(() => ids.forEach((id) => registry.tagsOf(id as never)));
  report("tagsOf, first time", read / hosts * 1_000_000, "ns");
  const again = timed(() => ids.forEach((id) => registry.tagsOf(id as never)));
  report("tagsOf, again", again / hosts * 1_000_000, "ns");
}

await benchChurn();
benchHosts();
