import { describe, expect, test } from "bun:test";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";

const gauge = { type: "gauge", help: "h", unit: "s" } as const;

describe("in memory", () => {
  test("the last write wins and unchanged ones do not count", () => {
    const store = MetadataStore.open();
    expect(store.set("a", gauge)).toBe(true);
    expect(store.set("a", { ...gauge })).toBe(false);
    expect(store.set("a", { ...gauge, help: "other" })).toBe(true);
    expect(store.get("a")).toEqual({ ...gauge, help: "other" });
    expect([...store.entries()]).toHaveLength(1);
  });

  test("families and their lengths are bounded", () => {
    const store = MetadataStore.open(undefined, { familiesMax: 1, familyLengthMax: 5 });
    expect(store.set("a", { ...gauge, help: "long 😀 help" })).toBe(true);
    expect(store.get("a")?.help).toBe("lon");
    expect(store.set("abcdef", gauge)).toBe(false);
    expect(store.set("b", gauge)).toBe(false);
    expect(store.set("a", { type: "counter", help: "", unit: "" })).toBe(true);
    expect({ size: store.size, refused: store.refused }).toEqual({ size: 1, refused: 2 });
  });
});

describe("in a file", () => {
  function setting() {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/data");
    const warnings: string[] = [];
    const logger = { log: (_: string, message: string) => void warnings.push(message) };
    return { fileSystem, path: "/data/metadata.json", logger, warnings };
  }

  test("survives a restart, written only when changed", () => {
    const file = setting();
    const store = MetadataStore.open(file);
    store.save();
    expect(file.fileSystem.exists(file.path)).toBe(false);
    store.set("a", gauge);
    store.save();
    const again = MetadataStore.open(file);
    expect([...again.entries()]).toEqual([["a", gauge]]);
    file.fileSystem.remove(file.path);
    again.save();
    expect(file.fileSystem.exists(file.path)).toBe(false);
    expect(file.warnings).toEqual([]);
  });

  test.each([
    "",
    "{",
    "null",
    '{"version":2,"families":[]}',
    '{"version":1,"families":[["a","x","",""]]}',
  ])(
    "a damaged file is reported: %s",
    (text) => {
      const file = setting();
      const handle = file.fileSystem.open(file.path, "create");
      handle.write(new TextEncoder().encode(text), 0);
      handle.close();
      expect(MetadataStore.open(file).size).toBe(0);
      expect(file.warnings).toEqual(["Cannot read metadata of metrics, beginning anew"]);
    },
  );
});
