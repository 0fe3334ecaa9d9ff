import { describe, expect, test } from "bun:test";
import type { TimeUnit } from "../../../engine/base/types.ts";
import { LINE_ERRORS_KEPT, type LineReason } from "../../../engine/write/line_errors.ts";
import type { LineUnit } from "../../../engine/write/line_run.ts";
import { LINE_BYTES_MAX } from "../../../engine/write/line_scanner.ts";
import { errorNames, LineFixture, NOW_NS } from "../../support/scan_lines.ts";

const encoder = new TextEncoder();

test.each<{ line: string | Uint8Array; reason: LineReason }>([
  { line: ",a=b v=1", reason: "missing-measurement" },
  { line: "m", reason: "missing-fields" },
  { line: "m,a=b", reason: "missing-fields" },
  { line: "m\\ v=1", reason: "missing-fields" },
  { line: "m, v=1", reason: "missing-tag-key" },
  { line: "m,=b v=1", reason: "missing-tag-key" },
  { line: "m,a=b, v=1", reason: "missing-tag-key" },
  { line: "m,a v=1", reason: "missing-tag-value" },
  { line: "m,a= v=1", reason: "missing-tag-value" },
  { line: "m,a=b=c v=1", reason: "invalid-tag-format" },
  { line: "m,a==c v=1", reason: "invalid-tag-format" },
  { line: "m,a=1,b=2,a=3 v=1", reason: "duplicate-tags" },
  { line: "m,a\\,=1,a\\,=1 v=1", reason: "duplicate-tags" },
  { line: "m ", reason: "invalid-field-format" },
  { line: "m v", reason: "invalid-field-format" },
  { line: "m v=1,", reason: "invalid-field-format" },
  { line: "m v=1,w", reason: "invalid-field-format" },
  { line: 'm v="a"b', reason: "invalid-field-format" },
  { line: "m =1", reason: "missing-field-key" },
  { line: "m v=1,=2", reason: "missing-field-key" },
  { line: "m v=", reason: "missing-field-value" },
  { line: "m v=,w=1", reason: "missing-field-value" },
  { line: 'm v="a', reason: "unbalanced-quotes" },
  { line: 'm v="a""', reason: "unbalanced-quotes" },
  { line: "m v=1.2.3", reason: "invalid-number" },
  { line: "m v=1_000", reason: "invalid-number" },
  { line: "m v=0x10", reason: "invalid-number" },
  { line: "m v=1f", reason: "invalid-number" },
  { line: "m v=NaN", reason: "invalid-number" },
  { line: "m v=-", reason: "invalid-number" },
  { line: "m v=1.0i", reason: "invalid-number" },
  { line: "m v=1e3i", reason: "invalid-number" },
  { line: "m v=-1u", reason: "invalid-number" },
  { line: "m v=1I", reason: "invalid-number" },
  { line: "m v=1\t5", reason: "invalid-number" },
  { line: "m v=1e", reason: "invalid-float" },
  { line: "m v=1e309", reason: "invalid-float" },
  { line: "m v=+1", reason: "invalid-boolean" },
  { line: "m v=Inf", reason: "invalid-boolean" },
  { line: "m v=tRUE", reason: "invalid-boolean" },
  { line: "m v='a'", reason: "invalid-boolean" },
  { line: "m v=9223372036854775808i", reason: "integer-range" },
  { line: "m v=-9223372036854775809i", reason: "integer-range" },
  { line: "m v=18446744073709551616u", reason: "unsigned-range" },
  { line: "m v=1 5.0", reason: "bad-timestamp" },
  { line: "m v=1 1e9", reason: "bad-timestamp" },
  { line: "m v=1 +5", reason: "bad-timestamp" },
  { line: "m v=1 -", reason: "timestamp-syntax" },
  { line: "m v=1 18446744073709551617", reason: "timestamp-range" },
  { line: "m v=1 5 6", reason: "invalid-point" },
  { line: "m v=1 9223372036854775807", reason: "time-outside-range" },
  { line: "m v=1 -9223372036854775807", reason: "time-outside-range" },
  { line: `m,a=${"b".repeat(65_532)} v=1`, reason: "key-too-long" },
  { line: `m,a=${"b".repeat(60_000)} ${"v".repeat(5_600)}=1`, reason: "key-too-long" },
  { line: Uint8Array.of(109, 0xff, 32, 118, 61, 49), reason: "invalid-utf8" },
  { line: Uint8Array.of(109, 32, 118, 61, 34, 0xc0, 0x80, 34), reason: "invalid-utf8" },
  { line: Uint8Array.of(109, 32, 118, 61, 34, 0xed, 0xa0, 0x80, 34), reason: "invalid-utf8" },
  { line: "m,time=1 v=1", reason: "time-tag" },
  { line: "m time=1", reason: "time-field" },
  { line: "known v=1i", reason: "type-conflict" },
  { line: 'known w=1,v="a"', reason: "type-conflict" },
  { line: "m v=1,v=1i", reason: "type-conflict" },
])("scan refuses $line: $reason", ({ line, reason }) => {
  const fixture = new LineFixture();
  fixture.scan("known v=1");
  const { rows, report } = fixture.scan(line);
  expect(report.errors.map((error) => error.reason)).toEqual([reason]);
  expect(rows).toEqual([]);
});

test("a refused line creates nothing", () => {
  const fixture = new LineFixture();
  fixture.scan("known v=1");
  const before = [
    fixture.kernels.exports.sourceTotal(),
    fixture.kernels.exports.fieldDefinitionCount(),
  ];
  fixture.scan(
    "a,b=c v=1x\nknown,x=y w=1,v=1i\nknown w=1 5 6\nnew,time=1 v=1\nn time=1\nz v=1 99999999999999999999",
  );
  expect([fixture.kernels.exports.sourceTotal(), fixture.kernels.exports.fieldDefinitionCount()])
    .toEqual(before);
});

test.each<{ unit: LineUnit; database: TimeUnit; given: string; time: bigint; now: bigint }>([
  { unit: "ns", database: "ns", given: "-5", time: -5n, now: NOW_NS },
  { unit: "us", database: "ns", given: "7", time: 7_000n, now: 1_700_000_000_123_456_000n },
  {
    unit: "s",
    database: "ns",
    given: "-7",
    time: -7_000_000_000n,
    now: 1_700_000_000_000_000_000n,
  },
  { unit: "m", database: "ms", given: "2", time: 120_000n, now: 1_699_999_980_000n },
  { unit: "h", database: "s", given: "-1", time: -3_600n, now: 1_699_999_200n },
  { unit: "ns", database: "ms", given: "-1", time: -1n, now: 1_700_000_000_123n },
  { unit: "ns", database: "s", given: "1999999999", time: 1n, now: 1_700_000_000n },
  {
    unit: "auto",
    database: "ns",
    given: "1700000000",
    time: 1_700_000_000_000_000_000n,
    now: NOW_NS,
  },
  {
    unit: "auto",
    database: "ns",
    given: "-4999999999999",
    time: -4_999_999_999_999_000_000n,
    now: NOW_NS,
  },
  {
    unit: "auto",
    database: "us",
    given: "1700000000123456",
    time: 1_700_000_000_123_456n,
    now: 1_700_000_000_123_456n,
  },
  {
    unit: "auto",
    database: "ms",
    given: "1700000000123456789",
    time: 1_700_000_000_123n,
    now: 1_700_000_000_123n,
  },
])("times in $unit to $database: $given", ({ unit, database, given, time, now }) => {
  const fixture = new LineFixture(database);
  for (let pass = 0; pass < 2; pass++) {
    const { rows } = fixture.scan(`m v=1 ${given}\nm v=2`, { unit });
    expect(rows.map((row) => row.time)).toEqual([time, now]);
  }
});

test("times beyond the range are refused in every unit", () => {
  const fixture = new LineFixture();
  const bounds = {
    ns: 9223372036854775806n,
    us: 9223372036854775n,
    s: 9223372036n,
    h: 2562047n,
  } as const;
  for (const unit of ["ns", "us", "s", "h"] as const) {
    const bound = bounds[unit];
    for (let pass = 0; pass < 2; pass++) {
      const { rows, report } = fixture.scan(
        [bound, -bound, bound + 1n, -bound - 1n].map((time) => `m v=1 ${time}`).join("\n"),
        { unit },
      );
      expect(rows.length).toBe(2);
      expect(errorNames(report)).toEqual(["3 malformed", "4 malformed"]);
    }
  }
});

test("rows before 1971 are counted", () => {
  const fixture = new LineFixture();
  for (let pass = 0; pass < 2; pass++) {
    const { report } = fixture.scan("m v=1 1700000000\nm v=1 1700000000000000000\nm v=1");
    expect(report.ancientRows).toBe(1);
  }
});

describe("the database of a request", () => {
  test("becomes the tag db, sorted in; a tag of that name is kept as exported_db", () => {
    const fixture = new LineFixture();
    for (let pass = 0; pass < 2; pass++) {
      const { rows } = fixture.scan("m,a=1,host=x v=1\nm,db=mine v=1", { database: "home" });
      expect(rows.map((row) => Object.entries(row.tags))).toEqual([
        [["a", "1"], ["db", "home"], ["host", "x"]],
        [["db", "home"], ["exported_db", "mine"]],
      ]);
    }
    expect(fixture.scan("m,db=x,exported_db=y v=1", { database: "home" }).report.errors[0]?.reason)
      .toBe("duplicate-tags");
    expect(fixture.scan("m,db=home v=1").rows[0]?.tags).toEqual({ db: "home" } as never);
  });

  test("keeps the types of fields apart", () => {
    const fixture = new LineFixture();
    const kinds = ["v=1", "v=1i", 'v="a"'].map((field, i) =>
      fixture.scan(`m ${field}`, i === 0 ? {} : { database: `db${i}` }).report.rejected
    );
    expect(kinds).toEqual([0, 0, 0]);
    expect(fixture.scan("m v=1i").report.rejected).toBe(1);
  });
});

test("options decide about reserved tags and empty values", () => {
  const fixture = new LineFixture();
  const body = "m,_field=a v=1\nm,_measurement=b v=1\nm,_fields=c v=1\nm,a=,b=1 v=1\nm,c= v=1";
  expect(errorNames(fixture.scan(body).report)).toEqual(["4 malformed", "5 malformed"]);
  const strict = fixture.scan(body, { refuseReservedTags: true });
  expect(strict.report.errors.map(({ reason, detail }) => [reason, detail.text])).toEqual([
    ["reserved-tag", "_field"],
    ["reserved-tag", "_measurement"],
    ["missing-tag-value", undefined],
    ["missing-tag-value", undefined],
  ]);
  expect(fixture.scan(body, { dropEmptyTags: true }).rows.slice(3).map((row) => ({ ...row.tags })))
    .toEqual([{ b: "1" }, {}]);
});

describe("all or nothing", () => {
  test("writes and creates nothing when a line is malformed", () => {
    const fixture = new LineFixture();
    const { rows, report } = fixture.scan("a v=1\nb v=1i\nbad\na v=2i", { allOrNothing: true });
    expect(rows).toEqual([]);
    expect(errorNames(report)).toEqual(["3 malformed"]);
    expect(fixture.kernels.exports.sourceTotal()).toBe(0);
  });

  test("writes the rest when a row is rejected", () => {
    const fixture = new LineFixture();
    const body = 'a v=1\na v=2i\na,x=y v=3,w="s\\"t"';
    for (let pass = 0; pass < 2; pass++) {
      const { rows, report } = fixture.scan(body, { allOrNothing: true });
      expect(rows.length).toBe(2);
      expect(rows[1]?.fields["w"]).toBe('string:s"t');
      expect(errorNames(report)).toEqual(["2 rejected"]);
    }
    expect(fixture.scan('a v=1\na,x=y w="\\\\"', { allOrNothing: true }).rows[1]?.fields["w"])
      .toBe("string:\\");
  });
});

test("the series limit rejects rows that need more, whole", () => {
  const fixture = new LineFixture();
  fixture.kernels.exports.setSeriesMax(3);
  const { rows, report } = fixture.scan(
    "m,a=1 v=1,w=1\nm,a=2 v=1,w=1\nm,a=2 v=1\nm,a=1 v=2\nm,a=3 v=1",
  );
  expect(rows.map((row) => row.tags["a"])).toEqual(["1", "2", "1"]);
  expect(report.errors.map(({ line, reason }) => `${line} ${reason}`))
    .toEqual(["2 series-limit", "5 series-limit"]);
});

describe("bodies larger than the window", () => {
  test("are parsed in slices, strings across them included", () => {
    const fixture = new LineFixture();
    const text = "x\ny".repeat(100_000);
    const lines = Array.from({ length: 9 }, (_, i) => `m,t=${i % 3} s="${text}",i=${i}i ${i}`);
    const { rows, report } = fixture.scan(`${lines.join("\n")}\nbad`);
    expect(rows.length).toBe(9);
    expect(rows.every((row) => row.fields["s"] === `string:${text}`)).toBe(true);
    expect(errorNames(report)).toEqual(["900010 malformed"]);
  });

  test("fill many batches", () => {
    const fixture = new LineFixture();
    let written = 0;
    const body = Array.from({ length: 150_000 }, (_, i) => `m v=${i}i ${i}`).join("\n");
    for (let pass = 0; pass < 2; pass++) {
      const { report } = fixture.scan(body, {
        write: () => written += fixture.kernels.exports.rowCount.value,
      });
      expect(report.rows).toBe(150_000);
    }
    expect(written).toBe(300_000);
  });

  test("may have one line of 1 MiB; a longer one is refused up to the next line feed", () => {
    const fixture = new LineFixture();
    const line = (bytes: number) => `m s="${"x".repeat(bytes - 7)}"\n`;
    const whole = `${line(LINE_BYTES_MAX)}m s="y"`;
    const long = `\nm s="0"\n${line(LINE_BYTES_MAX + 1)}m s="1"\nbad`;
    for (
      const [body, count, errors] of [
        [whole, 2, []],
        [long, 2, ["3 malformed", "5 malformed"]],
      ] as const
    ) {
      const bytes = encoder.encode(body);
      const chunks = Array.from(
        { length: Math.ceil(bytes.length / 70_001) },
        (_, i) => bytes.subarray(i * 70_001, (i + 1) * 70_001),
      );
      for (
        const { rows, report } of [
          fixture.scan(bytes),
          fixture.stream(chunks),
          fixture.stream([bytes]),
        ]
      ) {
        expect(rows.length).toBe(count);
        expect(errorNames(report)).toEqual([...errors]);
      }
    }
    expect(fixture.scan(long).report.errors[0]?.reason).toBe("line-too-long");
  });

  test("with an unclosed string take the rest with them", () => {
    const bytes = encoder.encode(`a v=1\nb s="${"line\n".repeat(30_000)}`);
    const fixture = new LineFixture();
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / 1_000) },
      (_, i) => bytes.subarray(i * 1_000, (i + 1) * 1_000),
    );
    for (const { rows, report } of [fixture.scan(bytes), fixture.stream(chunks)]) {
      expect(rows.length).toBe(1);
      expect(report.errors.map(({ line, reason }) => [line, reason])).toEqual([[
        2,
        "unbalanced-quotes",
      ]]);
      expect(report.errors[0]?.text.length).toBe(256);
    }
  });
});

test("errors are counted past those kept", () => {
  const { report } = new LineFixture().scan("bad\n".repeat(500) + "m v=1x\n".repeat(5));
  expect(report.malformed).toBe(505);
  expect(report.errors.length).toBe(LINE_ERRORS_KEPT);
  expect([...report.reasons]).toEqual([["missing-fields", 500], ["invalid-number", 5]]);
});

test("a stream hands out its errors and keeps later ones", () => {
  const fixture = new LineFixture();
  const stream = fixture.scanner.stream({ unit: "ns", write: () => {} });
  stream.push(encoder.encode("bad\n".repeat(30)), NOW_NS);
  expect(stream.takeErrors().length).toBe(LINE_ERRORS_KEPT);
  stream.push(encoder.encode("worse\nm v=1"), NOW_NS);
  expect(stream.takeErrors().map(({ line, text }) => `${line} ${text}`)).toEqual(["31 worse"]);
  expect(stream.end(NOW_NS)).toMatchObject({ rows: 1, malformed: 31 });
});

test("fields in any order and number go the quick way, once each", () => {
  const fixture = new LineFixture();
  const names = Array.from({ length: 200 }, (_, i) => `f${i}`);
  const body = (order: string[]) => `m ${order.map((name, i) => `${name}=${i}i`).join(",")} 1`;
  const shuffled = [...names].sort((a, b) =>
    a.length * 7 % 3 - b.length * 7 % 3 || (a < b ? 1 : -1)
  );
  for (const order of [names, shuffled, [...shuffled].reverse(), [...names, "f3", "f150"]]) {
    const { rows } = fixture.scan(body(order));
    const want = Object.fromEntries(order.map((name, i) => [name, `i64:${i}`]));
    expect({ ...rows[0]!.fields }).toEqual(want);
  }
});

test("aliases are bounded by the sources there are", () => {
  const fixture = new LineFixture();
  const tags = Array.from({ length: 9 }, (_, i) => `,t${i}=v`);
  const lines: string[] = [];
  for (let i = 0; i < 80_000; i++) {
    const order = [...tags];
    for (let j = 8, rest = i; j > 0; rest = Math.floor(rest / (j + 1)), j--) {
      const k = rest % (j + 1);
      [order[j], order[k]] = [order[k]!, order[j]!];
    }
    lines.push(`m${order.join("")} v=1 ${i}`);
  }
  expect(fixture.scan(lines.join("\n"), { write: () => {} }).report.rows).toBe(80_000);
  expect(fixture.kernels.exports.sourceTotal()).toBe(1);
  expect(fixture.kernels.exports.aliasCount()).toBeLessThan(65_540);
});
