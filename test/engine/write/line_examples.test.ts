/** The shared line-protocol cases, recorded from real servers; skipped where they are not beside this checkout. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LineUnit } from "../../../engine/write/line_run.ts";
import { float64Text, type PlainRow } from "../../support/batch_rows.ts";
import { LineFixture, NOW_NS, type Scanned } from "../../support/scan_lines.ts";

interface ExamplePoint {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, { readonly type: string; readonly value: string }>>;
  readonly timeNs: string;
}

interface Example {
  readonly id: string;
  readonly input?: string;
  readonly inputB64?: string;
  readonly precision: LineUnit;
  readonly lenient?: boolean;
  readonly notes?: readonly string[];
  readonly expect: {
    readonly ok: boolean;
    readonly partial?: boolean;
    readonly points?: readonly ExamplePoint[];
  };
}

const FILE = join(
  fileURLToPath(import.meta.url),
  "../../../../../shared/influx-examples/line-protocol.json",
);
const missing = !existsSync(FILE);
if (missing) console.log("skipped: shared InfluxDB examples are not beside this checkout");
const examples: Example[] = missing ? [] : JSON.parse(readFileSync(FILE, "utf8"));

const NS: Readonly<Record<LineUnit, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  auto: 1n,
};

function valueText({ type, value }: { readonly type: string; readonly value: string }): string {
  switch (type) {
    case "float":
      return float64Text(Number(value));
    case "integer":
      return `i64:${value}`;
    case "unsigned":
      return `u64:${value}`;
    case "boolean":
      return `bool:${value === "true" ? 1 : 0}`;
    default:
      return `string:${value}`;
  }
}

/** The points as rows; those of one source and time merge, as a database would. */
function wanted({ expect: { points }, precision }: Example): PlainRow[] {
  const now = NOW_NS / NS[precision] * NS[precision];
  return (points ?? []).map((point) => ({
    measurement: point.measurement,
    tags: Object.assign(Object.create(null), point.tags),
    fields: Object.assign(
      Object.create(null),
      Object.fromEntries(
        Object.entries(point.fields).map(([name, value]) => [name, valueText(value)]),
      ),
    ),
    time: point.timeNs === "now" ? now : BigInt(point.timeNs),
  }));
}

function scan(example: Example): Scanned {
  const body = example.inputB64 === undefined
    ? example.input ?? ""
    : Uint8Array.from(atob(example.inputB64), (character) => character.charCodeAt(0));
  return new LineFixture().scan(body, { unit: example.precision });
}

describe.skipIf(missing)("shared examples", () => {
  test.each(examples.filter((example) => example.lenient !== true))("$id", (example) => {
    const { rows, report } = scan(example);
    expect(report.malformed + report.rejected === 0).toBe(example.expect.ok);
    expect(rows).toEqual(wanted(example));
  });

  test("lenient ones are taken or refused, and never fail", () => {
    for (const example of examples.filter(({ lenient }) => lenient === true)) {
      const { report } = scan(example);
      expect(report.rows + report.malformed + report.rejected).toBeGreaterThan(0);
    }
  });
});
