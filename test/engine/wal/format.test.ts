import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { MalformedError } from "../../../engine/base/bytes.ts";
import { describeLogFile } from "../../../engine/wal/describe.ts";
import {
  compressText,
  decodeFileHeader,
  decodePayload,
  decodeRecordHeader,
  encodeFileHeader,
  isRecordSound,
  logFileName,
  logFileNumber,
  putPayloadHead,
  sealRecord,
} from "../../../engine/wal/format.ts";
import { formatHex, parseHex } from "../../support/hex.ts";
import { LogWorld } from "../../support/log_world.ts";
import { bitsOf } from "../../support/record_samples.ts";
import type { PlainRow } from "../../support/record_rows.ts";

const ROOT = `${import.meta.dirname}/../../..`;
const GOLDEN = `${ROOT}/test/golden/wal.hex`;

/** Rows of every family, the second time a step further. */
function goldenRows(step: number): PlainRow[] {
  const time = 1_767_225_600_000_000_000n + BigInt(step) * 10_000_000_000n;
  return [
    {
      measurement: "weather",
      host: "roof",
      time,
      cells: [
        { field: "temperature", family: "f64", bits: bitsOf(21.5 + step / 10) },
        { field: "gusts", family: "i64", bits: BigInt.asUintN(64, BigInt(-3 - step)) },
        { field: "total", family: "u64", bits: 2n ** 63n + BigInt(step) },
        { field: "raining", family: "bool", bits: BigInt(step % 2) },
        { field: "state", family: "blob", blob: [2, 111, 107] },
      ],
    },
    {
      measurement: "weather",
      host: "cellar",
      time: time + 1_000_000n,
      cells: [{ field: "temperature", family: "f64", bits: bitsOf(step === 0 ? 1 / 3 : 12) }],
    },
  ];
}

/** The second file of a small log, without the zeros behind its end. */
async function goldenFile(): Promise<Uint8Array> {
  const world = new LogWorld();
  const log = world.open();
  world.append(goldenRows(0));
  await log.synced();
  log.rotate();
  for (const step of [1, 2]) {
    world.append(goldenRows(step));
    await log.synced();
  }
  const bytes = new Uint8Array(log.end.offset);
  const handle = world.disk.open(world.path(2), "read");
  handle.read(bytes, 0);
  handle.close();
  await log.close();
  return bytes;
}

describe("golden bytes", () => {
  test("of a log file are what is written, and described in the document", async () => {
    const bytes = await goldenFile();
    expect(formatHex(bytes)).toBe(formatHex(parseHex(readFileSync(GOLDEN, "utf8"))));
    const document = readFileSync(`${ROOT}/docs/format/wal.md`, "utf8");
    expect(document).toContain(describeLogFile(bytes));
  });
});

describe("names", () => {
  test.each([
    { file: 1, name: "0000000001.log" },
    { file: 4_294_967_294, name: "4294967294.log" },
  ])("of file $file", ({ file, name }) => {
    expect(logFileName(file)).toBe(name);
    expect(logFileNumber(name)).toBe(file);
  });

  test.each(["0000000000.log", "1.log", "00000000001.log", "0000000001.log.tmp", "abc.log"])(
    "%s is none of a log file",
    (name) => expect(logFileNumber(name)).toBeUndefined(),
  );
});

describe("file headers", () => {
  const header = {
    file: 7,
    mark: 0xabcd,
    previousFile: 5,
    previousEnd: 1_000,
    previousSynced: 900,
  };

  test("come back", () => expect(decodeFileHeader(encodeFileHeader(header))).toEqual(header));

  test("are damaged by any changed bit", () => {
    for (let bit = 0; bit < 32 * 8; bit++) {
      const bytes = encodeFileHeader(header);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeFileHeader(bytes)).toBeUndefined();
    }
  });

  test("of zeros or too few bytes are unused", () => {
    expect(decodeFileHeader(new Uint8Array(40))).toBe("unused");
    expect(decodeFileHeader(encodeFileHeader(header).subarray(0, 31))).toBe("unused");
  });
});

describe("records", () => {
  const place = { file: 3, offset: 5_000 };

  function record(): Uint8Array {
    const bytes = Uint8Array.from({ length: 40 }, (_, index) => index);
    sealRecord(bytes, { place, synced: 4_000, flags: 1 });
    return bytes;
  }

  test("are sound in their place only", () => {
    const bytes = record();
    expect(decodeRecordHeader(bytes, place)).toEqual({
      payloadBytes: 24,
      synced: 4_000,
      restarts: true,
      isCompressed: false,
    });
    expect(isRecordSound(bytes, place)).toBe(true);
    for (const other of [{ file: 4, offset: 5_000 }, { file: 3, offset: 5_001 }]) {
      expect(decodeRecordHeader(bytes, other)).toBeUndefined();
      expect(isRecordSound(bytes, other)).toBe(false);
    }
  });

  test("are damaged by any changed bit", () => {
    for (let bit = 0; bit < 40 * 8; bit++) {
      const bytes = record();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const isSound = decodeRecordHeader(bytes, place) !== undefined && isRecordSound(bytes, place);
      expect(isSound).toBe(false);
    }
  });

  test("are not made of zeros", () => {
    expect(decodeRecordHeader(new Uint8Array(100), place)).toBeUndefined();
  });
});

describe("payloads", () => {
  function payload(parts: readonly Uint8Array[], isCompressed: boolean): Uint8Array {
    const [columns, blobs, definitions] = parts as [Uint8Array, Uint8Array, Uint8Array];
    const text = Uint8Array.from([...blobs, ...definitions]);
    const stored = isCompressed ? compressText(text)! : text;
    const head = new Uint8Array(16);
    const at = putPayloadHead(head, 16, [columns.length, blobs.length, definitions.length]);
    return Uint8Array.from([...head.subarray(at), ...columns, ...stored]);
  }

  test("give their parts back, compressed or not", () => {
    const parts = [5, 700, 300].map((length) => new Uint8Array(length).fill(length));
    for (const isCompressed of [false, true]) {
      const { columns, blobs, definitions } = decodePayload(
        payload(parts, isCompressed),
        isCompressed,
      );
      expect([columns, blobs, definitions].map((part) => [...part])).toEqual(
        parts.map((part) => [...part]),
      );
    }
  });

  test("are malformed or right, never anything else", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, compressed) => {
      try {
        const { columns, blobs, definitions } = decodePayload(bytes, compressed);
        expect(columns.length + blobs.length + definitions.length).toBeLessThan(1 << 26);
      } catch (error) {
        expect(error instanceof MalformedError).toBe(true);
      }
    }));
  });

  test("that would decompress to more than they say are malformed", () => {
    const bytes = payload([0, 0, 100_000].map((length) => new Uint8Array(length)), true);
    const lying = Uint8Array.from([0, 0, 100, ...bytes.subarray(5)]);
    expect(() => decodePayload(lying, true)).toThrow(MalformedError);
  });

  test("are compressed only where that pays", () => {
    expect(compressText(new Uint8Array(100))).toBeUndefined();
    const noise = Uint8Array.from({ length: 2_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24);
    expect((compressText(noise) ?? noise).length).toBeLessThanOrEqual(noise.length);
    expect(compressText(new Uint8Array(10_000))!.length).toBeLessThan(100);
  });
});
