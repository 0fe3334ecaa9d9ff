/** Decodes chunks of float histograms bit by bit with BigInts: slow and plain. */

export interface DecodedHistogram {
  readonly timeMs: number;
  readonly count: number;
  readonly zeroCount: number;
  /** Bits. */
  readonly sum: bigint;
  readonly positive: [index: number, count: number][];
  readonly negative: [index: number, count: number][];
}

export interface DecodedHistogramChunk {
  readonly isGauge: boolean;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly bounds: number[];
  readonly samples: DecodedHistogram[];
}

const WIDTHS = [0, 3, 6, 9, 12, 18, 25, 56, 64];

class Bits {
  #at = 24;
  readonly #chunk: Uint8Array;

  constructor(chunk: Uint8Array) {
    this.#chunk = chunk;
  }

  bit(): number {
    return this.#chunk[this.#at >> 3]! >> (7 - (this.#at++ & 7)) & 1;
  }

  take(count: number): bigint {
    let value = 0n;
    for (let index = 0; index < count; index++) value = value << 1n | BigInt(this.bit());
    return value;
  }

  #width(): number {
    let ones = 0;
    while (ones < 8 && this.bit() === 1) ones++;
    return WIDTHS[ones]!;
  }

  unsigned(): number {
    return Number(this.take(this.#width()));
  }

  signed(): number {
    const width = this.#width();
    const raw = this.take(width);
    if (width === 64) return Number(BigInt.asIntN(64, raw));
    return Number(width > 0 && raw > 1n << BigInt(width - 1) ? raw - (1n << BigInt(width)) : raw);
  }

  double(): number {
    return toDouble(this.take(64));
  }
}

function toDouble(bits: bigint): number {
  return new Float64Array(BigUint64Array.of(bits).buffer)[0]!;
}

interface Column {
  value: bigint;
  leading: number;
  trailing: number;
}

export function decodeHistogramChunk(chunk: Uint8Array): DecodedHistogramChunk {
  const bits = new Bits(chunk);
  const total = chunk[0]! << 8 | chunk[1]!;
  const code = Number(bits.take(8));
  const zeroThreshold = code === 0 ? 0 : code === 255 ? bits.double() : 0.5 * 2 ** (code - 243);
  const schema = bits.signed();
  const positive = readIndices(bits);
  const negative = readIndices(bits);
  const bounds: number[] = [];
  if (schema === -53) {
    for (let left = bits.unsigned(); left > 0; left--) {
      const thousandths = bits.unsigned();
      bounds.push(thousandths === 0 ? bits.double() : (thousandths - 1) / 1000);
    }
  }
  const columns: Column[] = [];
  const samples: DecodedHistogram[] = [];
  let timeMs = 0;
  let delta = 0;
  for (let index = 0; index < total; index++) {
    delta = index > 1 ? delta + bits.signed() : bits.signed();
    timeMs += delta;
    if (index === 0) delta = 0;
    let at = 0;
    const next = (): bigint => readValue(bits, columns, at++, index === 0);
    const count = toDouble(next());
    const zeroCount = toDouble(next());
    const sum = next();
    const buckets = (indices: number[]) =>
      indices.map((bucket): [number, number] => [bucket, toDouble(next())]);
    samples.push({
      timeMs,
      count,
      zeroCount,
      sum,
      positive: buckets(positive),
      negative: buckets(negative),
    });
  }
  return { isGauge: chunk[2] === 0b1100_0000, schema, zeroThreshold, bounds, samples };
}

function readIndices(bits: Bits): number[] {
  const indices: number[] = [];
  let end = 0;
  for (let left = bits.unsigned(); left > 0; left--) {
    const length = bits.unsigned();
    end += bits.signed();
    for (let at = 0; at < length; at++) indices.push(end++);
  }
  return indices;
}

function readValue(bits: Bits, columns: Column[], at: number, isFirst: boolean): bigint {
  if (isFirst) {
    columns[at] = { value: bits.take(64), leading: 0, trailing: 0 };
    return columns[at].value;
  }
  const column = columns[at]!;
  if (bits.bit() === 0) return column.value;
  if (bits.bit() === 1) {
    column.leading = Number(bits.take(5));
    const significant = Number(bits.take(6)) || 64;
    column.trailing = 64 - column.leading - significant;
  }
  const width = 64 - column.leading - column.trailing;
  column.value ^= bits.take(width) << BigInt(column.trailing);
  return column.value;
}
