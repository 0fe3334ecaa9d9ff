/** Decodes XOR chunks bit by bit with BigInts: slow and plain. */

export interface DecodedChunk {
  readonly times: number[];
  /** Bits of the values. */
  readonly values: bigint[];
}

export function decodeXorChunk(chunk: Uint8Array): DecodedChunk {
  let at = 16;
  const bit = (): number => chunk[at >> 3]! >> (7 - (at++ & 7)) & 1;
  const bits = (count: number): bigint => {
    let value = 0n;
    for (let index = 0; index < count; index++) value = value << 1n | BigInt(bit());
    return value;
  };
  const uvarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = bits(8);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  const total = chunk[0]! << 8 | chunk[1]!;
  const times: number[] = [];
  const values: bigint[] = [];
  let time = 0n;
  let delta = 0n;
  let value = 0n;
  let leading = 0;
  let trailing = 0;
  for (let index = 0; index < total; index++) {
    if (index === 0) {
      const zigzag = uvarint();
      time = zigzag >> 1n ^ -(zigzag & 1n);
      value = bits(64);
    } else {
      if (index === 1) {
        delta = uvarint();
      } else {
        let ones = 0;
        while (ones < 4 && bit() === 1) ones++;
        const width = [0, 14, 17, 20, 64][ones]!;
        const raw = bits(width);
        delta += width === 64
          ? BigInt.asIntN(64, raw)
          : width > 0 && raw > 1n << BigInt(width - 1)
          ? raw - (1n << BigInt(width))
          : raw;
      }
      time += delta;
      if (bit() === 1) {
        if (bit() === 1) {
          leading = Number(bits(5));
          const significant = Number(bits(6)) || 64;
          trailing = 64 - leading - significant;
        }
        value ^= bits(64 - leading - trailing) << BigInt(trailing);
      }
    }
    times.push(Number(time));
    values.push(value);
  }
  return { times, values };
}
