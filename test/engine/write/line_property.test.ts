/** Line protocol against the plain parser of test/support, over random bodies, however they are split. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LINE_ERRORS_KEPT } from "../../../engine/write/line_errors.ts";
import { parsePlainly } from "../../support/line_protocol_oracle.ts";
import { errorNames, LineFixture, NOW_NS, type Scanned } from "../../support/scan_lines.ts";

const encoder = new TextEncoder();
const pick = <T>(...values: T[]) => fc.constantFrom(...values);

const name = pick(
  "a",
  "b",
  "c",
  "host",
  "value",
  "time",
  "a\\,b",
  "c\\ d",
  "e\\=f",
  "ü°",
  "x\\\\y",
  '"q"',
  "\\g",
  "h\\\\",
);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map((n) => `${n}i`),
  fc.bigInt({ min: 0n, max: 2n ** 64n }).map((n) => `${n}u`),
  fc.integer({ min: -999, max: 99_999 }).map((n) => `${n / 100}`),
  pick(
    "1",
    "1i",
    "0",
    "-0",
    "t",
    "F",
    "true",
    "False",
    "TRUE",
    "1.",
    ".5",
    "007",
    "1e3",
    "1e",
    "-",
    "nan",
    "12345678i",
  ),
  pick(
    '""',
    '"a b,c=d"',
    '"x\\"y"',
    '"two\nlines"',
    '"back\\\\slash"',
    '"\\n"',
    '"ü"',
    '"#"',
    '"a"b',
    '"open',
    "'a'",
  ),
);
const tags = fc.array(fc.tuple(name, name), { maxLength: 3 }).map((list) =>
  list.map(([key, text]) => `,${key}=${text}`).join("")
);
const fields = fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }).map((list) =>
  list.map(([key, text]) => `${key}=${text}`).join(",")
);
const time = fc.oneof(
  pick(
    "",
    " ",
    " 5",
    " -17",
    "  1700000000000000000 ",
    " 9223372036854775807",
    " \t7",
    " 1x",
    " 1 2",
    " -",
  ),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }).map((n) => ` ${n}`),
);
const line = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(name, tags, pick(" ", "  ", " \t"), fields, time).map((p) => p.join("")),
  },
  {
    weight: 1,
    arbitrary: pick("", '# comment "', " ", "\t#x", "m", "m,a", ",a=b v=1", "m v", "\\"),
  },
);
const body = fc.array(fc.tuple(line, pick("\n", "\n", "\n", "\r\n")), { maxLength: 12 }).map((
  lines,
) => encoder.encode(lines.flat().join("")));
/** A body with some bytes replaced, dropped or doubled. */
const damaged = fc.tuple(
  body,
  fc.array(
    fc.tuple(
      fc.nat(),
      pick(...[...'\n\r\\", =#\0\t1-.eiuT'].map((c) => c.charCodeAt(0)), 0xff, 0xc3),
    ),
    { maxLength: 3 },
  ),
  fc.nat(2),
).map(([bytes, changes, how]) => {
  const list = [...bytes];
  for (const [at, byte] of changes) {
    if (list.length > 0) {
      list.splice(at % list.length, how === 0 ? 0 : 1, ...(how === 2 ? [] : [byte]));
    }
  }
  return Uint8Array.from(list);
});

function expected(bytes: Uint8Array) {
  const plain = parsePlainly(bytes, { types: new Map(), now: NOW_NS });
  return { rows: plain.rows, errors: plain.errors.slice(0, LINE_ERRORS_KEPT) };
}

// One instance for all runs: a database of its own keeps each run's series and types apart.
const fixture = new LineFixture();
let runs = 0;

function freshDatabase(): { database: string } {
  runs++;
  return { database: `run${runs}` };
}

function observed({ rows, report }: Scanned, { database }: { database: string }) {
  for (const row of rows) {
    expect(row.tags["db"]).toBe(database);
    delete row.tags["db"];
  }
  return { rows, errors: errorNames(report) };
}

describe("line protocol agrees with the plain parser", () => {
  test("on random bodies, at first sight and again", () => {
    fc.assert(
      fc.property(fc.oneof(body, damaged), (bytes) => {
        const database = freshDatabase();
        const types = new Map<string, string>();
        // The second time the quick way: what was accepted is known, and types are fixed.
        for (let pass = 0; pass < 2; pass++) {
          const { rows, errors } = parsePlainly(bytes, { types, now: NOW_NS });
          expect(observed(fixture.scan(bytes, database), database))
            .toEqual({ rows, errors: errors.slice(0, LINE_ERRORS_KEPT) });
        }
      }),
      { numRuns: 600 },
    );
  });

  test("whatever the split", () => {
    fc.assert(
      fc.property(fc.oneof(body, damaged), fc.array(fc.nat(), { maxLength: 8 }), (bytes, cuts) => {
        const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) =>
          a - b
        );
        const chunks = [0, ...places].map((start, i) =>
          bytes.subarray(start, places[i] ?? bytes.length)
        );
        const database = freshDatabase();
        expect(observed(fixture.stream(chunks, database), database)).toEqual(expected(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test("split at every byte", () => {
    const bytes = encoder.encode(
      'm,t=a\\ b v=1.5,s="x\\"y\nz",i=-7i 10\r\n# c "\n\nbad line\nm,t=a\\ b v=2,s="",i=9u 11\nü f=t -5\nm v="open\n" 3',
    );
    const want = expected(bytes);
    expect(want.rows.length).toBe(2);
    fixture.scan(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { rows, report } = fixture.stream([bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect({ rows, errors: errorNames(report) }).toEqual(want);
    }
    const single = fixture.stream([...bytes].map((byte) => Uint8Array.of(byte)));
    expect({ rows: single.rows, errors: errorNames(single.report) }).toEqual(want);
  });
});
