/** Random batches: several measurements, sparse rows of several fields, all families, late rows, rewritten times. */
import type { Family, Labels } from "../../engine/base/types.ts";
import { metricName } from "../../engine/base/types.ts";
import type { Database } from "../../engine/database.ts";
import type { SeededRandom } from "../support/seeded_random.ts";
import type { WrittenPoint } from "./model.ts";
import { seriesText, textOfBytes, textOfDouble } from "./reading.ts";

interface Field {
  readonly name: string;
  readonly family: Family;
}

interface Measurement {
  readonly name: string;
  readonly fields: readonly Field[];
}

const MEASUREMENTS: readonly Measurement[] = [
  { name: "temp", fields: [{ name: "value", family: "f64" }] },
  {
    name: "cpu",
    fields: [
      { name: "user", family: "f64" },
      { name: "system", family: "f64" },
      { name: "switches", family: "i64" },
      { name: "bytes", family: "u64" },
      { name: "up", family: "bool" },
      { name: "note", family: "blob" },
      { name: "latency", family: "histogram" },
    ],
  },
  {
    name: "disk",
    fields: [
      { name: "used", family: "u64" },
      { name: "value", family: "f64" },
    ],
  },
];

const HOSTS_MAX = 12;
/** Milliseconds between the times of most rows: rows meet on the same ones. */
const STEP_MS = 1_000;

/** What one value is in the batch and in the model. */
interface Value {
  readonly text: string;
  readonly put: (database: Database, slot: number) => void;
}

export class Workload {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get metrics(): readonly string[] {
    return MEASUREMENTS.flatMap(({ name, fields }) =>
      fields.map((field) => metricName(name, field.name))
    );
  }

  get host(): string {
    return `h${this.#random.below(HOSTS_MAX)}`;
  }

  /** Fills the database's batch; the points in the order in which they were put there. */
  fill(database: Database, nowMs: number): WrittenPoint[] {
    const random = this.#random;
    const rows = random.next() < 0.05 ? 1 + random.below(2_000) : 1 + random.below(60);
    const points: WrittenPoint[] = [];
    database.batch.begin();
    const isSteady = random.next() < 0.5;
    const measurement = random.pick(MEASUREMENTS);
    const host = this.host;
    for (let i = 0; i < rows; i++) {
      if (isSteady) this.#row(database, { measurement, host, time: this.#time(nowMs, i) }, points);
      else {
        const place = { measurement: random.pick(MEASUREMENTS), host: this.host };
        this.#row(database, { ...place, time: this.#time(nowMs, i) }, points);
      }
    }
    return points;
  }

  /** A range of times for a deletion. */
  range(nowMs: number): { readonly start: bigint; readonly end: bigint } {
    const start = this.#time(nowMs, 0);
    return { start, end: start + BigInt(1 + this.#random.below(200_000)) };
  }

  #row(
    database: Database,
    place: { readonly measurement: Measurement; readonly host: string; readonly time: bigint },
    points: WrittenPoint[],
  ): void {
    const { measurement, host, time } = place;
    const { registry, batch } = database;
    const tags: Labels = [["host", host]];
    const source = registry.sourceOf(measurement.name, tags);
    const share = this.#random.pick([0.2, 0.7, 1]);
    const fields = measurement.fields.filter(() => this.#random.next() < share);
    if (fields.length === 0) fields.push(this.#random.pick(measurement.fields));
    // Before the row is begun: creating a field is no part of a row.
    const slots = fields.map(({ name, family }) => registry.slotOf(source, name, family));
    if (!batch.hasRoom(fields.length, 200)) return;
    batch.row(source, time);
    fields.forEach(({ name, family }, i) => {
      const value = this.#value(family);
      value.put(database, slots[i]!);
      const series = seriesText(metricName(measurement.name, name), tags);
      points.push({ series, time, value: value.text });
    });
  }

  #time(nowMs: number, i: number): bigint {
    const random = this.#random;
    const now = Math.floor(nowMs / STEP_MS) * STEP_MS;
    const fate = random.next();
    if (fate < 0.8) return BigInt(now + i * STEP_MS / 4 - random.below(20) * STEP_MS);
    if (fate < 0.97) return BigInt(now - random.below(900) * STEP_MS);
    if (fate < 0.995) return BigInt(now - random.below(100_000) * STEP_MS);
    return BigInt(now + random.below(100_000_000));
  }

  #value(family: Family): Value {
    const random = this.#random;
    switch (family) {
      case "f64": {
        const bits = this.#doubleBits();
        const view = new DataView(new ArrayBuffer(8));
        view.setBigUint64(0, bits, true);
        return {
          text: `f64:${bits.toString(16)}`,
          put: ({ batch }, slot) => batch.float64Bytes(slot, view, 0),
        };
      }
      case "i64":
      case "u64": {
        const raw = this.#integer();
        const value = family === "i64" ? BigInt.asIntN(64, raw) : BigInt.asUintN(64, raw);
        return { text: `${family}:${value}`, put: ({ batch }, slot) => batch.integer(slot, value) };
      }
      case "bool": {
        const value = random.next() < 0.5;
        return {
          text: `bool:${value ? 1 : 0}`,
          put: ({ batch }, slot) => batch.boolean(slot, value),
        };
      }
      default: {
        const bytes = Uint8Array.from({ length: 1 + random.below(24) }, () => random.below(256));
        bytes[0] = 1 + random.below(2);
        return {
          text: textOfBytes(family, bytes),
          put: ({ batch }, slot) => batch.blob(slot, bytes),
        };
      }
    }
  }

  #doubleBits(): bigint {
    const random = this.#random;
    const fate = random.next();
    const bits = (value: number) => BigInt(`0x${textOfDouble(value).slice(4)}`);
    if (fate < 0.5) return bits(random.below(2_000) / 8);
    if (fate < 0.8) return bits(random.next() * 1e6);
    return random.pick([
      0x7ff0000000000002n,
      0x7ff8000000000001n,
      0x7ff0000000000000n,
      0xfff0000000000000n,
      0x8000000000000000n,
      1n,
      0n,
    ]);
  }

  #integer(): bigint {
    const random = this.#random;
    const fate = random.next();
    if (fate < 0.8) return BigInt(random.below(100_000));
    return random.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n, -1n, 0n]);
  }
}
