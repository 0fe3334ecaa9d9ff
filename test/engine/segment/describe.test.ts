import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MemoryFileSystem } from "../../../engine/fs/memory_file_system.ts";
import { databasePaths } from "../../../engine/fs/paths.ts";
import { describeSegment } from "../../../engine/segment/describe.ts";
import { type Row, Storage } from "../../../engine/storage.ts";
import { formatHex, parseHex } from "../../support/hex.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const golden = parseHex(readFileSync(`${ROOT}/test/golden/segment.hex`, "utf8"));

/** The segment of a database with three series: two metrics, one of them with text. */
async function goldenSegment(): Promise<Uint8Array> {
  const fileSystem = new MemoryFileSystem();
  await using storage = await Storage.open({
    path: "/data",
    settings: { timeUnit: "ms", compactionEnabled: false },
    components: { fileSystem },
  });
  const rows: Row[] = [];
  for (let i = 0; i < 20; i++) {
    const timestamp = 1_700_000_000_000n + BigInt(i) * 10_000n;
    const point = { timestamp, value: { kind: "f64", value: 20 + i / 10 } } as const;
    rows.push({ metric: "temperature", labels: [["room", "kitchen"]], point });
    rows.push({ metric: "temperature", labels: [["room", "hall"]], point });
    if (i % 10 !== 0) continue;
    const state = { timestamp, value: { kind: "string", value: i === 0 ? "on" : "off" } } as const;
    rows.push({ metric: "heating", point: state });
  }
  await storage.insertRows(rows);
  await storage.database.flush();
  const { segments } = databasePaths("/data");
  const file = fileSystem.open(`${segments}/${fileSystem.list(segments)[0]!.name}`, "read");
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

describe("segment.hex", () => {
  test("is what the writer writes, but for how each runtime packs the definitions", async () => {
    const written = await goldenSegment();
    const chunks = { chunks: true };
    expect(describeSegment(written, chunks)).toEqual(describeSegment(golden, chunks));
    const packedAt = 127;
    expect(formatHex(written.subarray(0, packedAt))).toEqual(
      formatHex(golden.subarray(0, packedAt)),
    );
  });

  test("is described in the document as it is", () => {
    const document = readFileSync(`${ROOT}/docs/format/segment.md`, "utf8");
    expect(document).toContain(describeSegment(golden));
  });

  test("is described down to the fields of chunks", () => {
    const text = describeSegment(golden, { chunks: true });
    expect(text.split("\n").length).toBeGreaterThan(describeSegment(golden).split("\n").length);
    expect(text).not.toContain("damaged");
  });

  test("is described as damaged, whichever byte is flipped", () => {
    for (let at = 0; at < golden.length; at++) {
      const bytes = golden.slice();
      bytes[at]! ^= 0x10;
      const text = describeSegment(bytes);
      expect([at, /damaged|no segment/.test(text)]).toEqual([at, true]);
    }
  });

  test.each([0, 100, golden.length - 1])("is told from its first %d bytes", (length) => {
    expect(describeSegment(golden.subarray(0, length))).toMatch(/damaged|no segment/);
  });
});
