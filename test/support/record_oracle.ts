/**
 * Reads the rows of log records in plain TypeScript, after docs/format/wal.md and not after the kernels: what they write
 * must mean to this reader what they were given.
 */
import { ByteReader } from "../../engine/base/bytes.ts";

const MASK = 2n ** 64n - 1n;
const BASES_MAX = 8;
const BASE_COLUMNS_MAX = 4_096;
const EAGER_BYTES = 2 << 20;
const BASE_BYTES_MAX = 16 << 20;

interface Shape {
  readonly number: number;
  readonly slots: readonly number[];
  readonly families: readonly number[];
  readonly values: bigint[];
  newest: bigint[];
}

interface Base {
  readonly source: number;
  readonly shape: Shape;
  readonly values: bigint[];
  time: bigint;
  step: bigint;
  rows: number;
  successor: Base | undefined;
}

/** What is known of a source: bases, newest first, or the shape of its last row while it has none. */
interface SourceState {
  readonly bases: Base[];
  lastShape: Shape | undefined;
}

export interface OracleRow {
  readonly source: number;
  readonly time: bigint;
  readonly cells: readonly (readonly [slot: number, value: string])[];
}

interface RowPlan {
  readonly source: number;
  readonly shape: Shape;
  readonly time: bigint;
  readonly reference: bigint[];
  readonly target: bigint[];
  /** Number of the row among those of its shape. */
  readonly index: number;
}

const scratch = new DataView(new ArrayBuffer(8));

export class RecordOracle {
  #shapes: Shape[] = [];
  #sources = new Map<number, SourceState>();
  #baseBytes = 0;
  #lastSource = 0;
  #lastBase: Base | undefined;
  #lastShape: Shape | undefined;
  #lastTime = 0n;
  #lastStep = 0n;

  restart(): void {
    this.#shapes = [];
    this.#sources = new Map();
    this.#baseBytes = 0;
    this.#lastSource = 0;
    this.#lastBase = undefined;
    this.#lastShape = undefined;
    this.#lastTime = 0n;
    this.#lastStep = 0n;
  }

  /** The rows in the columns of a record. */
  read(columns: Uint8Array, blobs: Uint8Array): OracleRow[] {
    const reader = new ByteReader(columns);
    const flags = reader.u8();
    const count = reader.varint();
    this.#readShapes(reader);
    const sources = readColumn(reader, count);
    const shapes = readColumn(reader, count);
    const times = readColumn(reader, count);
    const plans: RowPlan[] = [];
    const byShape = new Map<Shape, RowPlan[]>();
    for (let r = 0; r < count; r++) {
      const difference = unzigzag(times[r]!) * 1_000n ** BigInt(flags >> 1);
      const plan = this.#planRow(sources[r]!, shapes[r]!, difference, {
        fromPrevious: (flags & 1) !== 0,
        rowsOf: (shape) => byShape.get(shape)?.length ?? 0,
      });
      plans.push(plan);
      byShape.set(plan.shape, [...byShape.get(plan.shape) ?? [], plan]);
    }
    const values = new Map<Shape, Column[]>();
    let blobAt = 0;
    for (const [shape, rows] of byShape) {
      values.set(
        shape,
        shape.families.map((family) => {
          const column = readValues(reader, family, rows.length);
          if (family >= 5) blobAt = takeBlobs(column, blobs, blobAt);
          return column;
        }),
      );
    }
    if (reader.left !== 0 || blobAt !== blobs.length) throw new Error("bytes are left over");
    return plans.map((plan) => giveRow(plan, values.get(plan.shape)!));
  }

  #readShapes(reader: ByteReader): void {
    for (let count = reader.varint(); count > 0; count--) {
      const columns = reader.varint();
      const slots: number[] = [];
      for (let c = 0; c < columns; c++) {
        slots.push((slots.at(-1) ?? -1) + 1 + Number(unzigzag(BigInt(reader.varint()))));
      }
      const families = slots.map(() => reader.u8());
      const values = slots.map(() => 0n);
      this.#shapes.push({ number: this.#shapes.length, slots, families, values, newest: values });
    }
  }

  #planRow(
    sourceNumber: bigint,
    shapeNumber: bigint,
    difference: bigint,
    given: { readonly fromPrevious: boolean; readonly rowsOf: (shape: Shape) => number },
  ): RowPlan {
    const foretold = this.#lastBase?.successor;
    const source = Number(
      BigInt(foretold?.source ?? this.#lastSource + 1) + unzigzag(sourceNumber),
    );
    const state = this.#sources.get(source);
    const foretoldShape = foretold?.source === source
      ? foretold.shape
      : state?.bases[0]?.shape ?? state?.lastShape ?? this.#lastShape;
    const shape = shapeNumber === 0n ? foretoldShape! : this.#shapes[Number(shapeNumber) - 1]!;
    let base = state?.bases.find((each) => each.shape === shape);
    const foretoldTime = base === undefined
      ? this.#lastTime
      : base.time + (base.rows > 1 ? base.step : this.#lastStep);
    const origin = given.fromPrevious ? this.#lastTime : foretoldTime;
    const time = BigInt.asIntN(64, origin + difference);
    const reference = base?.values ?? shape.newest;
    if (base !== undefined) {
      this.#lastStep = base.step = BigInt.asIntN(64, time - base.time);
      base.rows = 2;
      base.time = time;
    } else {
      base = this.#addBase(source, shape, time);
    }
    const target = base?.values ?? shape.values;
    shape.newest = target;
    if (this.#lastBase !== undefined && base !== undefined) this.#lastBase.successor = base;
    this.#lastSource = source;
    this.#lastBase = base;
    this.#lastShape = shape;
    this.#lastTime = time;
    return { source, shape, time, reference, target, index: given.rowsOf(shape) };
  }

  #addBase(source: number, shape: Shape, time: bigint): Base | undefined {
    const known = this.#sources.get(source);
    const state = known ?? { bases: [], lastShape: undefined };
    this.#sources.set(source, state);
    const most = known === undefined ? EAGER_BYTES : BASE_BYTES_MAX;
    const columns = shape.slots.length;
    const hasRoom = this.#baseBytes < most && columns <= BASE_COLUMNS_MAX &&
      state.bases.length < BASES_MAX;
    if (!hasRoom) {
      if (state.bases.length === 0) state.lastShape = shape;
      return undefined;
    }
    const base: Base = {
      source,
      shape,
      values: shape.slots.map(() => 0n),
      time,
      step: 0n,
      rows: 1,
      successor: undefined,
    };
    state.bases.unshift(base);
    this.#baseBytes += Math.ceil((40 + columns * 8) / 16) * 16;
    return base;
  }
}

interface Column {
  readonly family: number;
  readonly exponent: number;
  readonly exceptions: ReadonlyMap<number, bigint>;
  readonly numbers: readonly bigint[];
  blobs: string[];
}

function readValues(reader: ByteReader, family: number, rows: number): Column {
  const exceptions = new Map<number, bigint>();
  let exponent = 15;
  if (family === 1) {
    const head = reader.u8();
    exponent = head & 15;
    if ((head & 16) !== 0) {
      let place = 0;
      for (let count = reader.varint(); count > 0; count--) {
        place += reader.varint();
        exceptions.set(place++, BigInt.asUintN(64, reader.i64()));
      }
    }
  }
  return { family, exponent, exceptions, numbers: readColumn(reader, rows), blobs: [] };
}

function takeBlobs(column: Column, blobs: Uint8Array, from: number): number {
  let at = from;
  let last = "";
  column.blobs = column.numbers.map((number) => {
    if (number === 0n) return last;
    const end = at + Number(number) - 1;
    last = `[${blobs.subarray(at, end).join(",")}]`;
    at = end;
    return last;
  });
  return at;
}

function giveRow(plan: RowPlan, columns: readonly Column[]): OracleRow {
  const cells = columns.map((column, c): [number, string] => {
    const slot = plan.shape.slots[c]!;
    if (column.family >= 5) return [slot, column.blobs[plan.index]!];
    const value = giveValue(column, plan.index, plan.reference[c]!);
    return [slot, value.toString(16)];
  });
  columns.forEach((column, c) => {
    if (column.family < 5) plan.target[c] = BigInt(`0x${cells[c]![1]}`);
  });
  return { source: plan.source, time: plan.time, cells };
}

function giveValue(column: Column, index: number, reference: bigint): bigint {
  const number = column.numbers[index]!;
  if (column.family === 4) return reference ^ number;
  const exception = column.exceptions.get(index);
  if (exception !== undefined) return exception;
  if (column.family !== 1 || column.exponent === 15) return (reference + unzigzag(number)) & MASK;
  const power = 10 ** column.exponent;
  scratch.setBigUint64(0, reference);
  const scaled = roundHalfEven(scratch.getFloat64(0) * power);
  const integer = Math.abs(scaled) <= 2 ** 53 ? BigInt(scaled) : 0n;
  scratch.setFloat64(0, Number(integer + unzigzag(number)) / power);
  return scratch.getBigUint64(0);
}

function roundHalfEven(value: number): number {
  if (!(Math.abs(value) < 2 ** 52)) return value;
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

function unzigzag(value: bigint): bigint {
  return value % 2n === 0n ? value / 2n : -(value + 1n) / 2n;
}

function readColumn(reader: ByteReader, count: number): bigint[] {
  const numbers: bigint[] = [];
  for (let left = count; left > 0; left -= 128) {
    numbers.push(...readBlock(reader, Math.min(128, left)));
  }
  return numbers;
}

function readBlock(reader: ByteReader, count: number): bigint[] {
  const head = reader.u8();
  const width = head & 127;
  const patches: [number, bigint][] = [];
  if (head >= 128) {
    const positions = Array.from({ length: reader.u8() }, () => 0).map(() => reader.u8());
    for (const position of positions) patches.push([position, readVarint(reader)]);
  }
  const vertical = count === 128 && width <= 32;
  const bytes = vertical ? width * 16 : Math.ceil(count * width / 8);
  const packed = Uint8Array.from({ length: bytes }, () => reader.u8());
  const bit = (at: number) => BigInt(packed[at >> 3]! >> (at & 7) & 1);
  const numbers = Array.from({ length: count }, (_, i) => {
    let number = 0n;
    for (let b = 0; b < width; b++) {
      let at = i * width + b;
      if (vertical) {
        // Lane i & 3 is every fourth word of 32 bits; in it the numbers follow one another.
        const inLane = (i >> 2) * width + b;
        at = (inLane >> 5) * 128 + (i & 3) * 32 + (inLane & 31);
      }
      number |= bit(at) << BigInt(b);
    }
    return number;
  });
  for (const [position, high] of patches) numbers[position]! |= high << BigInt(width);
  return numbers;
}

function readVarint(reader: ByteReader): bigint {
  let value = 0n;
  for (let shift = 0n;; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return value;
  }
}
