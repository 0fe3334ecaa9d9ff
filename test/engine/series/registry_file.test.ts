import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { isEngineError } from "../../../engine/errors.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { Registry } from "../../../engine/series/registry.ts";
import {
  openRegistryFiles,
  REGISTRY_FILES_MAX,
  type RegistryFiles,
} from "../../../engine/series/registry_file.ts";
import { describeRegistryFile, encodeHeader } from "../../../engine/series/registry_format.ts";
import { formatHex, parseHex } from "../../support/hex.ts";
import { registryContents } from "../../support/registry_contents.ts";
import { type Addition, addition, fill } from "../../support/registry_data.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const DIRECTORY = "/db/registry";

function makeDisk(seed = 1): SimulatedDisk {
  const disk = new SimulatedDisk({ seed });
  disk.makeDirectory(DIRECTORY);
  disk.syncDirectory("/db");
  disk.syncDirectory("/");
  return disk;
}

/** A registry with its files. */
class Fixture {
  readonly registry: Registry = new Registry(new Kernels());
  readonly files: RegistryFiles;
  readonly disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.disk = disk;
    this.files = openRegistryFiles({
      fileSystem: disk,
      directory: DIRECTORY,
      registry: this.registry,
    });
  }

  get contents(): string[] {
    return registryContents(this.registry);
  }

  get listed(): string[] {
    return this.disk.list(DIRECTORY).map(({ name }) => name).sort();
  }
}

/** What the named files hold. */
function loaded(disk: SimulatedDisk, names: readonly string[]): Fixture {
  const fixture = new Fixture(disk);
  expect(fixture.files.load(names)).toEqual({ damaged: [] });
  return fixture;
}

const cpu = (host: string, fields: readonly string[] = ["value"]): Addition => ({
  measurement: "cpu",
  tags: [["host", host]],
  fields,
});

describe("checkpoints", () => {
  test("hold what is new since the last one, and nothing makes no file", async () => {
    const disk = makeDisk();
    const { registry, files } = new Fixture(disk);
    expect(await files.checkpoint()).toEqual([]);
    fill(registry, cpu("a"));
    expect(await files.checkpoint()).toEqual(["0000000001.reg"]);
    expect(await files.checkpoint()).toEqual(["0000000001.reg"]);
    fill(registry, cpu("b"));
    fill(registry, cpu("a", ["usage"]));
    const names = await files.checkpoint();
    expect(names).toEqual(["0000000001.reg", "0000000002.reg"]);
    expect(loaded(disk, names).contents).toEqual(registryContents(registry));
    expect(await loaded(disk, names).files.checkpoint()).toEqual(names);
  });

  test("go on after a reload", async () => {
    const disk = makeDisk();
    const first = new Fixture(disk);
    fill(first.registry, cpu("a"));
    const second = loaded(disk, await first.files.checkpoint());
    const block = new Registry(new Kernels());
    fill(block, cpu("a"));
    fill(block, cpu("from the log"));
    second.registry.apply(block.takeUnlogged()!);
    fill(second.registry, cpu("b", ["usage", "note"]));
    const names = await second.files.checkpoint();
    expect(names).toHaveLength(2);
    expect(loaded(disk, names).contents).toEqual(second.contents);
  });

  test("become few again, and what nobody names is removed", async () => {
    const disk = makeDisk();
    const fixture = new Fixture(disk);
    let most = 0;
    for (let i = 0; i < 3 * REGISTRY_FILES_MAX; i++) {
      fill(fixture.registry, cpu(`host-${i}`));
      const names = await fixture.files.checkpoint();
      most = Math.max(most, names.length);
      fixture.files.removeUnnamed(names);
      expect(fixture.listed).toEqual([...names].sort());
      if (i % 20 === 7) expect(loaded(disk, names).contents).toEqual(fixture.contents);
    }
    expect(most).toBe(REGISTRY_FILES_MAX);
    const names = await fixture.files.checkpoint();
    expect(loaded(disk, names).contents).toEqual(fixture.contents);
    expect(disk.openPaths).toEqual([]);
  });

  test("are written anew once changes outgrow the first file", async () => {
    const disk = makeDisk();
    const fixture = new Fixture(disk);
    const random = (i: number) =>
      Array.from({ length: 40 }, (_, j) => (i * 7919 + j * j * 31) % 97);
    let rewritten = 0;
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 500; i++) {
        fill(fixture.registry, cpu(random(round * 500 + i).join("-")));
      }
      const names = await fixture.files.checkpoint();
      if (round > 0 && names.length === 1) rewritten++;
      expect(loaded(disk, names).registry.sourceCount).toBe(fixture.registry.sourceCount);
    }
    expect(rewritten).toBeGreaterThan(0);
  });

  test("of many sources are packed and come back", async () => {
    const disk = makeDisk();
    const fixture = new Fixture(disk);
    for (let i = 0; i < 20_000; i++) fill(fixture.registry, cpu(`host-${i}`, ["value", "usage"]));
    const names = await fixture.files.checkpoint();
    expect(disk.fileBytes(`${DIRECTORY}/${names[0]}`)).toBeLessThan(200_000);
    expect(loaded(disk, names).contents).toEqual(fixture.contents);
  });

  test("may be asked for while one is written", async () => {
    const disk = makeDisk();
    const fixture = new Fixture(disk);
    fill(fixture.registry, cpu("a"));
    const first = fixture.files.checkpoint();
    fill(fixture.registry, cpu("b"));
    const second = fixture.files.checkpoint();
    fill(fixture.registry, cpu("c"));
    await first;
    expect(loaded(disk, await second).registry.sourceCount).toBe(3);
  });

  test("of any history equal the registry", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(addition, fc.constantFrom("checkpoint" as const, "reload" as const)), {
          maxLength: 40,
        }),
        async (steps) => {
          const disk = makeDisk();
          let fixture = new Fixture(disk);
          for (const step of [...steps, "reload" as const]) {
            if (typeof step === "object") {
              fill(fixture.registry, step);
              continue;
            }
            const names = await fixture.files.checkpoint();
            fixture.files.removeUnnamed(names);
            if (step !== "reload") continue;
            const again = loaded(disk, names);
            expect(again.contents).toEqual(fixture.contents);
            fixture = again;
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("damage", () => {
  /** Three files, of which each holds a source. */
  async function threeFiles(): Promise<{ disk: SimulatedDisk; names: readonly string[] }> {
    const disk = makeDisk();
    const { registry, files } = new Fixture(disk);
    let names: readonly string[] = [];
    for (const host of ["a", "b", "c"]) {
      fill(registry, cpu(host));
      names = await files.checkpoint();
    }
    expect(names).toHaveLength(3);
    return { disk, names };
  }

  test("of any byte is noticed; the other files are loaded, and the next checkpoint is whole", async () => {
    const bytes = await threeFiles().then(({ disk, names }) =>
      disk.fileBytes(`${DIRECTORY}/${names[1]}`)
    );
    for (let offset = 0; offset < bytes; offset++) {
      const { disk, names } = await threeFiles();
      disk.flipBit(`${DIRECTORY}/${names[1]}`, { offset });
      const fixture = new Fixture(disk);
      const { damaged } = fixture.files.load(names);
      expect([offset, damaged]).toEqual([offset, [names[1]!]]);
      expect(fixture.registry.findSource("cpu", [["host", "a"]])).not.toBe(0);
      expect(fixture.registry.findSource("cpu", [["host", "c"]])).not.toBe(0);
      const healed = await fixture.files.checkpoint();
      expect(healed).toHaveLength(1);
      expect(loaded(disk, healed).contents).toEqual(fixture.contents);
    }
  });

  test("of a cut or missing file is noticed", async () => {
    const { disk, names } = await threeFiles();
    const path = `${DIRECTORY}/${names[2]}`;
    for (let bytes = disk.fileBytes(path) - 1; bytes >= 0; bytes--) {
      disk.cut(path, bytes);
      expect(new Fixture(disk).files.load(names).damaged).toEqual([names[2]!]);
    }
    disk.remove(path);
    expect(new Fixture(disk).files.load(names).damaged).toEqual([names[2]!]);
  });

  test("a newer version is refused, not skipped", async () => {
    const { disk, names } = await threeFiles();
    const file = disk.open(`${DIRECTORY}/${names[0]}`, "write");
    const header = encodeHeader();
    header[8] = 2;
    new DataView(header.buffer).setUint32(12, crc32(header.subarray(0, 12)), true);
    file.write(header, 0);
    file.close();
    expect(() => new Fixture(disk).files.load(names)).toThrow(/its version is 2, this program/);
  });

  test("an error of the disk is not damage", async () => {
    const { disk, names } = await threeFiles();
    disk.inject({ at: disk.operations + 4, kind: "error", when: "before" });
    expect(() => new Fixture(disk).files.load(names)).toThrow(/Cannot/);
  });
});

describe("every operation once", () => {
  test.each(
    [
      { kind: "error", when: "before" },
      { kind: "error", when: "during" },
      { kind: "crash", when: "before" },
      { kind: "crash", when: "during" },
      { kind: "crash", when: "after" },
    ] as const,
  )("$kind $when operation 1, 2, 3 and so on: what was named is there", async (fault) => {
    for (let at = 1;; at++) {
      const disk = makeDisk(at);
      disk.inject({ at: disk.operations + at, ...fault });
      const fixture = new Fixture(disk);
      let named: readonly string[] = [];
      let sources = 0;
      for (let i = 0; i < 4; i++) {
        fill(fixture.registry, cpu(`host-${i}`));
        try {
          named = await fixture.files.checkpoint();
          sources = i + 1;
          fixture.files.removeUnnamed(named);
        } catch (error) {
          expect(isEngineError(error)).toBe(true);
          if (fault.kind === "crash") break;
        }
      }
      const isMet = disk.faultsMet > 0;
      disk.clearFaults();
      if (fault.kind === "crash") disk.crash();
      expect(loaded(disk, named).registry.sourceCount).toBe(sources);
      if (fault.kind === "error") expect(sources).toBeGreaterThan(2);
      if (!isMet) break;
      expect(at).toBeLessThan(100);
    }
  });
});

describe("bytes", () => {
  async function sample(): Promise<{ disk: SimulatedDisk; path: string }> {
    const disk = makeDisk();
    const { registry, files } = new Fixture(disk);
    fill(registry, {
      measurement: "weather",
      tags: [["city", "Zürich"], ["db", "home"]],
      fields: ["value", "note"],
    });
    fill(registry, {
      measurement: "weather",
      tags: [["city", "Zug"], ["db", "home"]],
      fields: ["note"],
    });
    fill(registry, { measurement: "up", tags: [], fields: ["value"] });
    const wide = registry.sourceOf("wide", [["host", "a"]]);
    for (let slot = 0; slot < 70; slot++) registry.slotOf(wide, `f${slot}`, "i64");
    for (const slot of [0, 69]) registry.kernels.exports.markSeen(wide, slot);
    const [name] = await files.checkpoint();
    return { disk, path: `${DIRECTORY}/${name}` };
  }

  /** Small enough that nothing is packed, since packed bytes are the runtime's. */
  async function smallSample(): Promise<{ disk: SimulatedDisk; path: string }> {
    const disk = makeDisk();
    const { registry, files } = new Fixture(disk);
    const tags = (city: string): Addition["tags"] => [["city", city], ["db", "home"]];
    fill(registry, { measurement: "weather", tags: tags("Zürich"), fields: ["value", "note"] });
    fill(registry, { measurement: "weather", tags: tags("Zug"), fields: ["note"] });
    fill(registry, { measurement: "up", tags: [["db", "home"]], fields: ["value"] });
    const [name] = await files.checkpoint();
    return { disk, path: `${DIRECTORY}/${name}` };
  }

  function bytesOf({ disk, path }: { disk: SimulatedDisk; path: string }): Uint8Array {
    const file = disk.open(path, "read");
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    file.close();
    return bytes;
  }

  function described({ disk, path }: { disk: SimulatedDisk; path: string }): string {
    const file = disk.open(path, "read");
    const text = describeRegistryFile(file);
    file.close();
    return text;
  }

  test("are those of the golden file", async () => {
    const bytes = bytesOf(await smallSample());
    const golden = readFileSync(`${ROOT}/test/golden/registry.hex`, "utf8");
    expect(formatHex(bytes)).toEqual(formatHex(parseHex(golden)));
  });

  test("are described in the document as they are", async () => {
    const document = readFileSync(`${ROOT}/docs/format/registry.md`, "utf8");
    expect(document).toContain(described(await smallSample()));
  });

  test("packed blocks are described, too, and damage is", async () => {
    const packed = await sample();
    const text = described(packed);
    expect(text).toContain("bytes, packed");
    expect(text).toContain('source 4 "wide" {host="a"} slots [0,69]');
    packed.disk.flipBit(packed.path, { offset: 40 });
    expect(described(packed)).toContain("the checksum of a block is wrong");
  });
});
