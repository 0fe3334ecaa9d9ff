import { beforeEach, describe, expect, test } from "bun:test";
import { compareText } from "../../engine/mod.ts";
import { DatabaseCatalog } from "../../src/http/prometheus_catalog.ts";
import { unescapeLabelName } from "../../src/http/prometheus_listings.ts";
import { FakeDatabase } from "../support/fake_database.ts";

const EVER = { startMs: -Infinity, endMs: Infinity };
const name = (value: string) => [{ name: "__name__", operator: "=", value }] as const;

let fake: FakeDatabase;
let catalog: DatabaseCatalog;

beforeEach(() => {
  fake = new FakeDatabase([
    { metric: "up", tags: [["Zone", "x"], ["job", 'a"b']], points: [[1_000, 1]] },
    { metric: "up", tags: [["job", "b"]], points: [[5_000, 1]] },
    { metric: "down", tags: [], points: [[5_000, 1]] },
    { metric: "text", tags: [["job", "t"]], family: "blob" },
  ]);
  catalog = new DatabaseCatalog(fake.database);
});

async function series(
  ...parameters: Parameters<DatabaseCatalog["seriesJson"]>
): Promise<unknown[]> {
  const batches = await Array.fromAsync(catalog.seriesJson(...parameters));
  return batches.flat().map((text) => JSON.parse(text));
}

describe("series", () => {
  test("label sets with the name in its place, known ones again", async () => {
    for (let round = 0; round < 2; round++) {
      const batches = await Array.fromAsync(
        catalog.seriesJson({ selectors: [name("up")], bounds: EVER }),
      );
      expect(batches.flat()).toEqual([
        '{"Zone":"x","__name__":"up","job":"a\\"b"}',
        '{"__name__":"up","job":"b"}',
      ]);
    }
    expect(fake.ranges).toEqual([]);
  });

  test("a series that several selectors select comes once; blobs do not come", async () => {
    const any = [{ name: "__name__", operator: "=~", value: ".+" }] as const;
    expect(await series({ selectors: [name("down"), any], bounds: EVER })).toEqual([
      { __name__: "down" },
      { Zone: "x", __name__: "up", job: 'a"b' },
      { __name__: "up", job: "b" },
    ]);
  });

  test("only those with points in the bounds, both inclusive", async () => {
    const bounds = { startMs: 1_000, endMs: 1_000 };
    expect(await series({ selectors: [name("up")], bounds })).toEqual([{
      Zone: "x",
      __name__: "up",
      job: 'a"b',
    }]);
    expect(fake.ranges).toEqual([{ start: 1_000n, end: 1_001n }]);
    expect(fake.open).toBe(0);
    expect(await series({ selectors: [name("up")], bounds: { ...bounds, endMs: Infinity } }))
      .toHaveLength(2);
  });

  test("a listing that is broken off gives its view back", async () => {
    for await (
      const _ of catalog.seriesJson({
        selectors: [name("up")],
        bounds: { startMs: 0, endMs: 9_000 },
      })
    ) break;
    expect(fake.open).toBe(0);
  });
});

describe("labels", () => {
  const recent = { startMs: 4_000, endMs: 9_000 };

  test("names", async () => {
    expect(await catalog.labelNames({ selectors: [], bounds: EVER })).toEqual([
      "Zone",
      "__name__",
      "job",
    ]);
    expect(await catalog.labelNames({ selectors: [name("down")], bounds: EVER })).toEqual([
      "__name__",
    ]);
    expect(await catalog.labelNames({ selectors: [], bounds: recent })).toEqual([
      "__name__",
      "job",
    ]);
    expect(await catalog.labelNames({ selectors: [name("none")], bounds: recent })).toEqual([]);
  });

  test("values", async () => {
    expect(
      await catalog.labelValues("job", { selectors: [name("up"), name("text")], bounds: EVER }),
    )
      .toEqual([
        'a"b',
        "b",
        "t",
      ]);
    expect(await catalog.labelValues("job", { selectors: [], bounds: recent })).toEqual(["b"]);
    expect(await catalog.labelValues("__name__", { selectors: [], bounds: recent })).toEqual([
      "down",
      "up",
    ]);
  });
});

test("order by UTF-8 bytes", () => {
  const texts = ["é", "z", "\uffff", "😀", "", "a"];
  const bytes = (text: string) => Buffer.from(text);
  expect(texts.toSorted(compareText)).toEqual(
    texts.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b))),
  );
});

test.each([
  ["job", "job"],
  ["U__job", "job"],
  ["U__a__b", "a_b"],
  ["U__http_2e_status:x", "http.status:x"],
  ["U___1F600_", "😀"],
  ["U__bad_", "U__bad_"],
  ["U__bad_zz_", "U__bad_zz_"],
  ["U__x_110000_", "x\ufffd"],
])("label name %s", (escaped, plain) => expect(unescapeLabelName(escaped)).toBe(plain));
