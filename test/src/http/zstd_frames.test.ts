import { describe, expect, test } from "bun:test";
import { constants, zstdCompressSync } from "node:zlib";
import { checkZstdFrames, ZstdFrames } from "../../../src/http/zstd_frames.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const random = new SeededRandom(1);
const noise = (bytes: number) => Uint8Array.from({ length: bytes }, () => random.below(256));

function pack(bytes: Uint8Array, params: Record<number, number> = {}): Uint8Array {
  return new Uint8Array(zstdCompressSync(bytes, { params }));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const SKIPPABLE = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
const CHECKSUM = { [constants.ZSTD_c_checksumFlag]: 1 };
const NO_SIZE = { [constants.ZSTD_c_contentSizeFlag]: 0 };

describe.each([
  { name: "nothing packed", bytes: pack(new Uint8Array(0)) },
  { name: "one byte, repeated", bytes: pack(new Uint8Array(1_000_000)) },
  { name: "noise, in several blocks", bytes: pack(noise(400_000)) },
  { name: "a checksum", bytes: pack(noise(1_000), CHECKSUM) },
  { name: "no content size", bytes: pack(noise(1_000), NO_SIZE) },
  { name: "two frames", bytes: join(pack(noise(70)), pack(noise(300), CHECKSUM)) },
  { name: "a frame to skip, then one", bytes: join(SKIPPABLE, pack(noise(50))) },
])("$name", ({ bytes }) => {
  test("is whole, however it comes", () => {
    checkZstdFrames(bytes);
    for (const most of [1, 2, 7, 1_000]) {
      const frames = new ZstdFrames();
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at + 1 + random.below(most));
        frames.push(piece);
        at += piece.length;
      }
      expect(frames.isWhole).toBe(true);
    }
  });

  test("is not whole without its end, or with more behind it", () => {
    for (const cut of [1, 2, 3, 5, bytes.length - 4, bytes.length - 1]) {
      const left = bytes.subarray(0, Math.max(1, bytes.length - cut));
      expect(() => checkZstdFrames(left)).toThrow("it does not end with a whole frame");
    }
    expect(() => checkZstdFrames(join(bytes, Uint8Array.of(0)))).toThrow();
  });
});

test.each([
  { name: "no magic number", bytes: [1, 2, 3, 4] },
  { name: "a reserved flag", bytes: [0x28, 0xb5, 0x2f, 0xfd, 0x28, 0, 1, 0, 0] },
  { name: "a block of no kind", bytes: [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 7, 0, 0] },
])("$name is broken, whatever follows", ({ bytes }) => {
  const frames = new ZstdFrames();
  frames.push(Uint8Array.from(bytes));
  frames.push(pack(noise(10)));
  expect(frames.isWhole).toBe(false);
});
