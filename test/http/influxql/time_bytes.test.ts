import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../../src/http/byte_writer.ts";
import { epochForm, TimeWriter } from "../../../src/http/influxql/time_bytes.ts";
import { zoneOf } from "../../../src/influxql/values/zones.ts";

interface Shown {
  readonly epoch?: string;
  readonly zone?: string;
}

function show(origin: bigint, offset: number, { epoch = "", zone }: Shown = {}): string {
  const writer = new ByteWriter(1);
  const times = new TimeWriter(writer);
  const text = { kind: "text", zone: zone === undefined ? undefined : zoneOf(zone) } as const;
  times.form = epochForm(epoch) ?? text;
  times.begin({ origin, offsets: new Float64Array(0) });
  times.write(offset);
  return new TextDecoder().decode(writer.take()).replaceAll('"', "");
}

const MARCH = 1_583_020_800_000_000_000n;

test.each([
  { origin: 0n, offset: 0, text: "1970-01-01T00:00:00Z" },
  { origin: 0n, offset: 1, text: "1970-01-01T00:00:00.000000001Z" },
  { origin: -1n, offset: 0, text: "1969-12-31T23:59:59.999999999Z" },
  { origin: 0n, offset: -1, text: "1969-12-31T23:59:59.999999999Z" },
  { origin: MARCH, offset: 10_000_000, text: "2020-03-01T00:00:00.01Z" },
  { origin: MARCH + 999_999_999n, offset: 1, text: "2020-03-01T00:00:01Z" },
  { origin: MARCH, offset: 2 ** 53 - 1, text: "2020-06-13T05:59:59.254740991Z" },
  { origin: -(2n ** 63n) + 2n, offset: 0, text: "1677-09-21T00:12:43.145224194Z" },
  { origin: 2n ** 63n - 2n, offset: 0, text: "2262-04-11T23:47:16.854775806Z" },
])("$origin + $offset is $text", ({ origin, offset, text }) => {
  expect(show(origin, offset)).toBe(text);
});

test.each([
  { zone: "Europe/Berlin", text: "2020-03-01T01:00:00+01:00" },
  { zone: "America/St_Johns", text: "2020-02-29T20:30:00-03:30" },
  { zone: "UTC", text: "2020-03-01T00:00:00Z" },
])("in $zone", ({ zone, text }) => expect(show(MARCH, 0, { zone })).toBe(text));

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  u: 1_000n,
  µ: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  // What is no unit is nanoseconds.
  us: 1n,
  bogus: 1n,
};

test.each(Object.entries(UNITS))("epoch=%s divides and cuts off towards zero", (epoch, unit) => {
  const times = fc.bigInt({ min: -(2n ** 63n) + 2n, max: 2n ** 63n - 2n });
  const offsets = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
  fc.assert(fc.property(times, offsets, (origin, offset) => {
    expect(show(origin, offset, { epoch })).toBe(String((origin + BigInt(offset)) / unit));
  }));
  for (const origin of [-1n, 0n, 1n, -unit, unit, -unit + 1n]) {
    expect(show(origin, 0, { epoch })).toBe(String(origin / unit));
  }
});

test("texts are those of the runtime", () => {
  fc.assert(fc.property(fc.integer({ min: -9e12, max: 9e12 }), (ms) => {
    const wanted = new Date(ms).toISOString().replace(/\.?0+Z$/, "Z");
    expect(Date.parse(show(BigInt(ms) * 1_000_000n, 0))).toBe(ms);
    expect(show(BigInt(ms) * 1_000_000n, 0).replace(/(\.\d*?)0*Z$/, "$1Z").length).toBe(
      wanted.includes(".") ? wanted.length : show(BigInt(ms) * 1_000_000n, 0).length,
    );
  }));
});
