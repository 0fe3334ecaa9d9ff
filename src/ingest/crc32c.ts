/** CRC-32C (Castagnoli), as frames of streamed remote read carry it. */

const POLYNOMIAL = 0x82f63b78;

/** Eight tables, for eight bytes at a time; made at the first use, since few processes have one. */
let tables: readonly Uint32Array[] | undefined;

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ POLYNOMIAL : value >>> 1;
    first[index] = value;
  }
  const made = [first];
  while (made.length < 8) {
    const last = made.at(-1)!;
    made.push(last.map((value) => (value >>> 8 ^ first[value & 255]!) >>> 0));
  }
  return made;
}

/** The checksum of bytes, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = 0xffff_ffff;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    const low = crc ^
      (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24);
    crc = t7[low & 255]! ^ t6[low >>> 8 & 255]! ^ t5[low >>> 16 & 255]! ^ t4[low >>> 24]! ^
      t3[bytes[at + 4]!]! ^ t2[bytes[at + 5]!]! ^ t1[bytes[at + 6]!]! ^ t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = crc >>> 8 ^ t0[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}
