/**
 * JSON that is nearly right, wherever the daemon parses some: the configuration file and the file of metrics' metadata. No
 * request has a body of JSON. A configuration is read or refused with the setting's error; metadata is read or begun anew.
 */
import { describe, expect, test } from "bun:test";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { loadConfiguration } from "../../src/config.ts";
import { SettingError } from "../../src/config_values.ts";
import { isMetricType, MetadataStore } from "../../src/stores/metadata.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutate, mutateText } from "./mutation.ts";

const CONFIGURATIONS = [
  '{"listen": "127.0.0.1:8086", "retention": "30d", "series-max": 1000, "admin-api": true}',
  '{ "memory_limit": "64M", "wal-sync": "periodic", "wal-sync-interval": "50ms", "lookback": "1m" }',
  '{"listen": "[::1]:1", "tcp-listen": "off", "log-format": "json", "data-path": "\\u00fc\\\\n"}',
  "{}",
  '{"series-max": 1e9, "retention": null, "__proto__": {"a": [1, -0.5, {}]}}',
];
const METADATA = JSON.stringify({
  version: 1,
  families: [
    ["up", "gauge", "is it up", ""],
    ["seconds_total", "counter", 'a "help" \\ ü', "seconds"],
    ["h", "histogram", "", ""],
  ],
});
const DEEP = 200_000;

function load(text: string): "read" | "refused" {
  const start = performance.now();
  try {
    loadConfiguration({
      flags: ["--config", "c"],
      environment: {},
      readFile: () => text,
      memoryBytes: 1 << 30,
    });
    return "read";
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    if (!/^[A-Z]/.test(error.message)) throw new Error(`says ${error.message}`);
    return "refused";
  } finally {
    checkTime(start, text.length);
  }
}

/** Families that a file with these bytes gives, and what was complained of. */
function openMetadata(bytes: Uint8Array): { families: number; complaints: number } {
  const fileSystem = new MemoryFileSystem();
  const handle = fileSystem.open("/m", "create");
  handle.write(bytes, 0);
  handle.close();
  let complaints = 0;
  const logger = { log: () => void complaints++ };
  const start = performance.now();
  const store = MetadataStore.open({ fileSystem, path: "/m", logger }, {
    familiesMax: 100,
    familyLengthMax: 200,
  });
  checkTime(start, bytes.length);
  for (const [family, { type, help, unit }] of store.entries()) {
    if (!isMetricType(type)) throw new Error(`${family} is a ${String(type)}`);
    if ([family, help, unit].some((text) => typeof text !== "string")) {
      throw new Error(`${family} has other than texts`);
    }
  }
  store.set("new", { type: "gauge", help: "", unit: "" });
  store.save();
  return { families: store.size, complaints };
}

describe("the configuration", () => {
  test("a mutated file is read or refused with the setting's error", async () => {
    const outcomes = { read: 0, refused: 0 };
    await fuzz(4_000, (random) => {
      outcomes[
        load(mutateText(random.pick(CONFIGURATIONS), random, random.pick(CONFIGURATIONS)))
      ]++;
    });
    expect(outcomes.read).toBeGreaterThan(20);
    expect(outcomes.refused).toBeGreaterThan(200);
  }, FUZZ_TIMEOUT_MS);

  test.each(["[", '{"a":', '{"listen":[', "{", '{"\\u', '{"a":"'])("%j, many times", (piece) => {
    expect(load(`{"x": ${piece.repeat(DEEP / piece.length)}`)).toBe("refused");
  });
});

describe("metadata of metrics", () => {
  test("a mutated file is read, or complained of once and begun anew", async () => {
    const encoder = new TextEncoder();
    let read = 0;
    let refused = 0;
    await fuzz(2_000, (random) => {
      const bytes = random.below(2) === 0
        ? mutate(encoder.encode(METADATA), random)
        : encoder.encode(mutateText(METADATA, random, METADATA));
      const { families, complaints } = openMetadata(bytes);
      if (complaints > 1 || families > 101) throw new Error(`${complaints} and ${families}`);
      if (complaints === 0) read++;
      else refused++;
    });
    expect(read).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(200);
  }, FUZZ_TIMEOUT_MS);

  test.each(["[", '{"families":', '[["a","gauge"'])("%j, many times", (piece) => {
    const bytes = new TextEncoder().encode(piece.repeat(DEEP / piece.length));
    expect(openMetadata(bytes)).toEqual({ families: 1, complaints: 1 });
  });
});
