/** What every compression of a request's body must do, whoever decodes it. Call it with a way to pack and to unpack. */
import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../support/seeded_random.ts";

export interface BodyCodec {
  pack(bytes: Uint8Array): Uint8Array;
  /** The bytes; undefined where the body is refused as malformed, "too large" where it is refused for its size. */
  unpack(packed: Uint8Array, bytesMax: number): Promise<Uint8Array | undefined | "too large">;
}

const BYTES_MAX = 1 << 20;

function noise(bytes: number): Uint8Array {
  const random = new SeededRandom(bytes);
  return Uint8Array.from({ length: bytes }, () => random.below(256));
}

function text(bytes: number): Uint8Array {
  const line = new TextEncoder().encode("m,host=a value=1.5 1700000000000000000\n");
  return Uint8Array.from({ length: bytes }, (_, i) => line[i % line.length]!);
}

export function bodyCodecContract(name: string, { pack, unpack }: BodyCodec): void {
  describe(name, () => {
    test.each([0, 1, 59, 60, 61, 255, 65_535, 65_536, 65_537, 600_000, BYTES_MAX])(
      "%d bytes come back",
      async (bytes) => {
        // Noise grows when it is packed, and the limit counts for what is received, too.
        const bodies = [text(bytes), new Uint8Array(bytes), noise(Math.min(bytes, 1_000_000))];
        for (const body of bodies) {
          const found = await unpack(pack(body), BYTES_MAX);
          if (!(found instanceof Uint8Array)) throw new Error(`It is ${found}`);
          expect(Buffer.compare(found, body)).toBe(0);
        }
      },
    );

    test("one byte more than the limit is too large, however small it was packed", async () => {
      for (const body of [text(BYTES_MAX + 1), new Uint8Array(BYTES_MAX + 1)]) {
        expect(await unpack(pack(body), BYTES_MAX)).toBe("too large");
      }
    });

    test("a body that ends early is refused", async () => {
      for (const packed of [pack(text(100_000)), pack(noise(300_000))]) {
        for (const bytes of [1, 4, packed.length >> 1, packed.length - 1]) {
          expect(await unpack(packed.subarray(0, bytes), BYTES_MAX)).toBeUndefined();
        }
      }
    });

    test("what is not packed is refused", async () => {
      expect(await unpack(new TextEncoder().encode("m value=1 1700000000\n"), BYTES_MAX))
        .toBeUndefined();
    });
  });
}
