import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Labels, SourceId } from "../../../engine/base/types.ts";
import { isEngineError } from "../../../engine/errors.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { identityHash, seriesIdentity, shardOf } from "../../../engine/series/labels.ts";
import type { Matcher, MatchOperator } from "../../../engine/series/matcher.ts";
import { Registry } from "../../../engine/series/registry.ts";
import { addition, fill, groupTexts, matcher, RegistryPair } from "../../support/registry_data.ts";

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isEngineError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return "nothing thrown";
}

/** Matchers as in PromQL's braces, without escapes. */
function matchersOf(text: string): Matcher[] {
  return [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, name, operator, value]) => ({
    name: name!,
    operator: operator as MatchOperator,
    value: value!,
  }));
}

/** Four hosts with two fields, one without a zone, one with an empty one; one source without values. */
function smallRegistry(): Registry {
  const registry = new Registry(new Kernels());
  const add = (tags: Labels, fields = ["usage", "value"]) =>
    fill(registry, { measurement: "cpu", tags, fields });
  add([["host", "a"], ["zone", "eu"]]);
  add([["host", "b"], ["zone", "us"]]);
  add([["host", "c"]]);
  add([["host", "d"], ["zone", ""]]);
  add([["host", "ghost"], ["zone", "nowhere"]], []);
  fill(registry, { measurement: "disk", tags: [["host", "a"]], fields: ["value"] });
  return registry;
}

describe("select", () => {
  test.each([
    { selector: '{__name__="cpu"}', result: ["cpu: 1,2,3,4"] },
    { selector: '{__name__="cpu_usage"}', result: ["cpu_usage: 1,2,3,4"] },
    { selector: '{__name__="cpu_value"}', result: [] },
    { selector: '{host="a"}', result: ["cpu: 1", "cpu_usage: 1", "disk: 6"] },
    { selector: '{__name__="cpu",zone=""}', result: ["cpu: 3,4"] },
    { selector: '{__name__="cpu",zone!=""}', result: ["cpu: 1,2"] },
    { selector: '{__name__="cpu",zone!="eu"}', result: ["cpu: 2,3,4"] },
    { selector: '{__name__="cpu",zone=~"eu|"}', result: ["cpu: 1,3,4"] },
    { selector: '{__name__="cpu",zone=~".*"}', result: ["cpu: 1,2,3,4"] },
    { selector: '{__name__="cpu",zone=~".+"}', result: ["cpu: 1,2"] },
    { selector: '{__name__="cpu",zone!~"e.*"}', result: ["cpu: 2,3,4"] },
    { selector: '{__name__="cpu",zone!~".+"}', result: ["cpu: 3,4"] },
    { selector: '{__name__="cpu",zone!~".*"}', result: [] },
    { selector: '{__name__="cpu",missing=""}', result: ["cpu: 1,2,3,4"] },
    { selector: '{__name__="cpu",missing!=""}', result: [] },
    { selector: '{__name__="cpu",host=~"[ab]",zone="us"}', result: ["cpu: 2"] },
    { selector: '{__name__="cpu",host="a",host="b"}', result: [] },
    { selector: '{__name__=~"cpu|disk",host="a"}', result: ["cpu: 1", "disk: 6"] },
    { selector: '{__name__=~".*_usage"}', result: ["cpu_usage: 1,2,3,4"] },
    { selector: '{__name__!="cpu",host="a"}', result: ["cpu_usage: 1", "disk: 6"] },
    { selector: '{__name__=""}', result: [] },
    { selector: '{host="ghost"}', result: [] },
    { selector: "{}", result: ["cpu: 1,2,3,4", "cpu_usage: 1,2,3,4", "disk: 6"] },
  ])("$selector", ({ selector, result }) => {
    const registry = smallRegistry();
    for (const how of ["found", "kept"]) {
      const groups = registry.select(matchersOf(selector));
      const texts = groups.map(({ metric, sources }) => `${metric}: ${sources.join(",")}`).sort();
      expect<readonly string[]>(texts, how).toEqual(result);
    }
  });

  test("several fields may give one name, also in two databases", () => {
    const registry = new Registry(new Kernels());
    fill(registry, { measurement: "a_b", tags: [], fields: ["c"] });
    fill(registry, { measurement: "a", tags: [], fields: ["b_c"] });
    fill(registry, { measurement: "a", tags: [["db", "home"]], fields: ["b_c"] });
    const groups = registry.select(matchersOf('{__name__="a_b_c"}'));
    expect(groupTexts(registry, groups)).toEqual([
      "a_b_c|home|a|b_c|3",
      "a_b_c||a_b|c|1",
      "a_b_c||a|b_c|2",
    ]);
    expect(groups.map((group) => group.family)).toEqual(["bool", "u64", "u64"]);
    expect(registry.labelValues("__name__", [])).toEqual(["a_b_c"]);
  });

  test.each(
    [
      { matcher: { name: "", operator: "=", value: "" }, error: "invalid: Cannot use a label" },
      { matcher: { name: "a", operator: "=~", value: "(" }, error: 'expression "(": missing' },
      { matcher: { name: "n".repeat(257), operator: "=", value: "" }, error: "257 bytes" },
      { matcher: { name: "a", operator: "!=", value: "v".repeat(16_385) }, error: "16385 bytes" },
    ] as const,
  )("bad matchers are refused: $error", ({ matcher, error }) => {
    expect(errorOf(() => smallRegistry().select([matcher]))).toContain(error);
  });

  test("new sources, values and fields are seen by the next selection", () => {
    const registry = smallRegistry();
    const web = matchersOf('{host=~"web-.*"}');
    expect(registry.select(web)).toEqual([]);
    for (let i = 0; i < 100; i++) {
      fill(registry, { measurement: "cpu", tags: [["host", `web-${i}`]], fields: ["value"] });
      const [group] = registry.select(web);
      expect([...group!.sources]).toEqual(Array.from({ length: i + 1 }, (_, n) => 7 + n));
    }
    fill(registry, { measurement: "cpu", tags: [["host", "web-7"]], fields: ["load"] });
    expect(registry.select(web).map(({ metric }) => metric)).toEqual(["cpu", "cpu_load"]);
  });

  test("a source that appears below others makes the index start over", () => {
    const whole = smallRegistry();
    const registry = new Registry(new Kernels());
    const web = matchersOf('{host=~"[ab]"}');
    for (const id of [6, 2, 4]) registry.apply(whole.encode(Uint32Array.of(id)));
    expect(groupTexts(registry, registry.select(web))).toEqual([
      "cpu_usage||cpu|usage|2",
      "cpu||cpu|value|2",
      "disk||disk|value|6",
    ]);
    registry.apply(whole.encode(Uint32Array.of(1, 3, 5)));
    expect(groupTexts(registry, registry.select(web))).toEqual(
      groupTexts(whole, whole.select(web)),
    );
    expect(registry.labelValues("host", [])).toEqual(whole.labelValues("host", []));
  });

  test("indexing in slices gives what indexing at once gives", () => {
    const registry = smallRegistry();
    expect(registry.index(2)).toBe(4);
    expect(registry.index(3)).toBe(1);
    expect(registry.select(matchersOf('{host="a"}'))).toHaveLength(3);
    expect(registry.index(1)).toBe(0);
  });

  test.each([30_000, 50_000])(
    "a value that one of %d sources has costs below 40 bytes",
    (sources) => {
      const registry = new Registry(new Kernels());
      for (let i = 0; i < sources; i++) registry.sourceOf("m", [["pod", `pod-${i}`]]);
      const before = registry.kernels.usedBytes("registry");
      expect(registry.index(sources)).toBe(0);
      expect((registry.kernels.usedBytes("registry") - before) / sources).toBeLessThan(40);
    },
  );

  test("agrees with a search through arrays", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(addition, fc.array(matcher, { maxLength: 4 })), { maxLength: 60 }),
        (steps) => {
          const pair = new RegistryPair();
          const asked: Matcher[][] = [];
          for (const step of steps) {
            if (!Array.isArray(step)) pair.add(step as Parameters<RegistryPair["add"]>[0]);
            else asked.push(step as Matcher[]);
            // What was asked before is asked again: candidates of recent selections are kept.
            for (const matchers of asked.slice(-2)) {
              const groups = pair.registry.select(matchers);
              expect(groupTexts(pair.registry, groups)).toEqual(pair.oracle.select(matchers));
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("agrees with a search through arrays where lists are long", () => {
    const pair = new RegistryPair();
    for (let i = 0; i < 1_200; i++) {
      const tags: Labels = [["app", `app-${i % 7}`], ["host", `h${i}`], ["zone", `z${i % 2}`]];
      pair.add({ measurement: i % 3 === 0 ? "x" : "y", tags, fields: i % 5 ? ["value"] : ["b"] });
    }
    for (
      const selector of [
        '{__name__="x",host="h300"}',
        '{app="app-3",zone="z1",host!="h3"}',
        '{host=~"h1.*9",zone="z1"}',
        '{host=~"h[12].*",app!~"app-[0-4]"}',
        '{host="h9",app=~"app-[2].*"}',
        '{host=~"h10|h20|h40",zone!="",app!~"app-3.*"}',
        '{__name__=~"x|y",app=~"app-1|app-2|"}',
        '{host!~"h.*"}',
        '{host=~"h5",zone!~"z1|"}',
        '{__name__="y_b",app!="app-1",zone=~"z0"}',
      ]
    ) {
      const matchers = matchersOf(selector);
      const found = groupTexts(pair.registry, pair.registry.select(matchers));
      expect([selector, found]).toEqual([selector, pair.oracle.select(matchers)]);
    }
  });
});

describe("labels", () => {
  test("names and values, with and without matchers", () => {
    const registry = smallRegistry();
    expect(registry.labelNames([])).toEqual(["__name__", "host", "zone"]);
    expect(registry.labelNames(matchersOf('{__name__="disk"}'))).toEqual(["__name__", "host"]);
    expect(registry.labelNames(matchersOf('{host="ghost"}'))).toEqual([]);
    expect(registry.labelValues("zone", [])).toEqual(["eu", "us"]);
    expect(registry.labelValues("host", matchersOf('{zone=""}'))).toEqual(["a", "c", "d"]);
    expect(registry.labelValues("__name__", [])).toEqual(["cpu", "cpu_usage", "disk"]);
    expect(registry.labelValues("missing", [])).toEqual([]);
    expect(new Registry(new Kernels()).labelNames([])).toEqual([]);
  });

  test("agree with arrays", () => {
    fc.assert(
      fc.property(
        fc.array(addition, { maxLength: 40 }),
        fc.array(matcher, { maxLength: 2 }),
        (additions, matchers) => {
          const { registry, oracle } = filled(additions);
          expect(registry.labelNames(matchers)).toEqual(oracle.labelNames(matchers));
          for (const name of ["app", "é", "__name__", "missing"]) {
            expect(registry.labelValues(name, matchers)).toEqual(
              oracle.labelValues(name, matchers),
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("tagsOf gives back what was written, plain or not", () => {
    const registry = new Registry(new Kernels());
    const sets: Labels[] = [
      [],
      [["a", "1"]],
      [["a", ""], ["b", "x y,z=1"]],
      [["é", "😀"], ["\uffee", "ü"]],
      [["long", "v".repeat(5_000)], ["z", "end"]],
    ];
    sets.forEach((tags, i) => {
      registry.sourceOf("m", tags);
      expect(registry.tagsOf((i + 1) as SourceId)).toEqual(tags);
      expect(registry.tagsOf((i + 1) as SourceId)).toEqual(tags);
    });
    expect(registry.tagsOf(99 as SourceId)).toEqual([]);
  });

  test("listSeries stops at its limit and knows the total", () => {
    const { series, total } = smallRegistry().listSeries(matchersOf('{__name__=~"cpu.*"}'), 5);
    expect([series.length, total]).toEqual([5, 8]);
    expect(series[0]).toEqual({
      metric: "cpu_usage",
      source: 1 as SourceId,
      slot: 0,
      labels: [["host", "a"], ["zone", "eu"]],
    });
  });

  test("statistics count series", () => {
    const statistics = smallRegistry().statistics(2);
    expect(statistics).toEqual({
      sources: 6,
      series: 9,
      metrics: 3,
      labelNames: 3,
      labelPairs: 12,
      seriesByMetric: [{ name: "cpu", count: 4 }, { name: "cpu_usage", count: 4 }],
      valuesByLabel: [{ name: "host", count: 5 }, { name: "zone", count: 4 }],
      valueBytesByLabel: [{ name: "zone", count: 11 }, { name: "host", count: 9 }],
      seriesByPair: [{ name: "host=a", count: 3 }, { name: "host=b", count: 2 }],
    });
  });
});

function filled(additions: readonly Parameters<RegistryPair["add"]>[0][]): RegistryPair {
  const pair = new RegistryPair();
  for (const each of additions) pair.add(each);
  return pair;
}

describe("sources and fields", () => {
  test("are created once and found again", () => {
    const registry = new Registry(new Kernels());
    const source = registry.sourceOf("cpu", [["host", "a"]]);
    expect(registry.findSource("cpu", [["host", "b"]])).toBe(0);
    expect(registry.findSource("cpu", [["host", "a"]])).toBe(source);
    expect(registry.sourceOf("cpu", [["host", "a"]])).toBe(source);
    expect(registry.slotOf(source, "x", "f64")).toBe(0);
    expect(registry.slotOf(source, "y", "bool")).toBe(1);
    expect(registry.slotOf(source, "x", "f64")).toBe(0);
    expect(registry.slotOf(source, "x", "i64")).toBe(-2);
    expect([registry.sourceCount, registry.seriesCount]).toEqual([1, 0]);
  });

  test("the series limit refuses with 0", () => {
    const registry = new Registry(new Kernels());
    registry.kernels.exports.setSeriesMax(1);
    expect(registry.sourceOf("cpu", [["host", "a"]])).not.toBe(0);
    expect(registry.sourceOf("cpu", [["host", "b"]])).toBe(0);
  });

  test.each([
    { measurement: "", tags: [], error: "Cannot use a metric without a name" },
    { measurement: "m".repeat(65_536), tags: [], error: "65536 bytes, more than 65535" },
    { measurement: "m", tags: [["", "v"]], error: "Cannot use a label without a name" },
    { measurement: "m", tags: [["é".repeat(129), "v"]], error: "258 bytes, more than 256" },
    { measurement: "m", tags: [["a", "v".repeat(16_385)]], error: "16385 bytes, more than 16384" },
    { measurement: "m", tags: [["a", "1"], ["a", "1"]], error: '"a" stands twice' },
    { measurement: "m", tags: [["b", "1"], ["a", "1"]], error: '"a" stands after "b"' },
    { measurement: "m", tags: [["😀", "1"], ["\uffee", "1"]], error: "not in order" },
  ] as { measurement: string; tags: Labels; error: string }[])(
    "are refused beyond the limits: $error",
    ({ measurement, tags, error }) => {
      const registry = new Registry(new Kernels());
      const message = errorOf(() => registry.sourceOf(measurement, tags));
      expect(message).toContain("invalid: Cannot use");
      expect(message).toContain(error);
      expect(registry.sourceCount).toBe(0);
    },
  );

  test("a field may not be empty or make the metric's name too long", () => {
    const registry = new Registry(new Kernels());
    const source = registry.sourceOf("m", []);
    expect(errorOf(() => registry.slotOf(source, "", "f64"))).toContain("1 and 0 bytes");
    expect(errorOf(() => registry.slotOf(source, "f".repeat(65_534), "f64"))).toContain("invalid");
    expect(registry.slotOf(source, "f".repeat(65_533), "f64")).toBe(0);
  });
});

describe("shards", () => {
  test("the kernel's hash is that of the identity bytes", () => {
    const registry = new Registry(new Kernels(), { metadataShards: 7 });
    const additions = Array.from({ length: 50 }, (_, i) => ({
      measurement: "m",
      tags: [["host", `h${i}`], ["é", "ü"]] as Labels,
      fields: ["value", "x"],
    }));
    for (const each of additions) fill(registry, each);
    const all = registry.select([]);
    const perShard = Array.from(
      { length: 7 },
      (_, shard) => registry.selectInShards([], { shardCount: 7, shards: [shard] }),
    );
    for (const { metric, sources } of all) {
      for (const source of sources) {
        const identity = seriesIdentity(metric, registry.tagsOf(source as SourceId));
        const shard = shardOf(identityHash(identity), 7);
        const holders = perShard.map((groups) =>
          groups.some((group) => group.metric === metric && group.sources.includes(source))
        );
        expect(holders).toEqual(holders.map((_, i) => i === shard));
      }
    }
    const union = registry.selectInShards([], { shardCount: 7, shards: [0, 1, 2, 3, 4, 5, 6, 6] });
    expect(union).toEqual(all);
    expect(registry.selectInShards([], { shardCount: 7, shards: [] })).toEqual([]);
  });

  test("hash and identity are fixed for ever", () => {
    const identity = seriesIdentity("cpu", [["a", "1"], ["b", ""]]);
    expect([...identity]).toEqual([3, 0, 99, 112, 117, 1, 0, 97, 1, 0, 49, 1, 0, 98, 0, 0]);
    expect(identityHash(new Uint8Array(0))).toBe(0xcbf29ce484222325n);
    expect(identityHash(new TextEncoder().encode("foobar"))).toBe(0x85944171f73967e8n);
  });

  test.each([
    {
      shards: 0,
      scope: { shardCount: 4, shards: [1] },
      error: "unsupported: Cannot select by shard: the database has no shards",
    },
    {
      shards: 8,
      scope: { shardCount: 4, shards: [1] },
      error: "unsupported: Cannot select by shard: the database has 8 shards, not 4",
    },
    {
      shards: 4,
      scope: { shardCount: 4, shards: [4] },
      error: "invalid: Cannot select shards 4 of 4",
    },
    { shards: 4, scope: { shardCount: 0, shards: [] }, error: "invalid" },
  ])("$error", ({ shards, scope, error }) => {
    const registry = new Registry(new Kernels(), { metadataShards: shards });
    expect(errorOf(() => registry.selectInShards([], scope))).toContain(error);
  });
});
