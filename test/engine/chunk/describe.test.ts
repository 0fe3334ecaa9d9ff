import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeChunk } from "../../../engine/chunk/describe.ts";
import { readChunkPlainly } from "../../../engine/chunk/plain_reader.ts";
import { GOLDEN_CHUNKS } from "../../support/chunk_golden.ts";
import { ChunkBench } from "../../support/chunks.ts";
import { parseHex } from "../../support/hex.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe.each(GOLDEN_CHUNKS)("$file", ({ file, rows, effort }) => {
  const golden = parseHex(readFileSync(`${ROOT}/test/golden/${file}`, "utf8"));

  test("is what the kernels write", () => {
    const bench = new ChunkBench();
    expect(bench.bytesOf(bench.encode(rows, effort))).toEqual(golden);
  });

  test("is read by the kernels and by the plain reader", () => {
    const bench = new ChunkBench();
    expect(bench.decode(bench.place(golden))).toEqual(rows);
    expect(readChunkPlainly(golden)).toEqual(rows);
  });

  test("is described in the document as it is", () => {
    expect(readFileSync(`${ROOT}/docs/format/chunk.md`, "utf8")).toContain(describeChunk(golden));
  });

  test("is described as damaged when cut", () => {
    expect(describeChunk(golden.subarray(0, golden.length - 1))).toContain("damaged behind here");
  });
});
