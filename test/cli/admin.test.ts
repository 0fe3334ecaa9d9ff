import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isOfflineCommand, offlineHelp, runOffline } from "../../cli/admin.ts";
import { Storage } from "../../engine/mod.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const directories: TemporaryDirectory[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) directory[Symbol.dispose]();
});

/** A database of its own with 100 points, other settings than the defaults, closed. */
async function makeDatabase(): Promise<string> {
  const directory = new TemporaryDirectory();
  directories.push(directory);
  const path = `${directory.path}/data`;
  await using storage = await Storage.open({ path, settings: { timeUnit: "ms" } });
  await storage.insertRows(
    Array.from({ length: 100 }, (_, i) => ({
      metric: "m",
      point: { timestamp: BigInt(i), value: { kind: "f64", value: i } },
    })),
  );
  await storage.database.flush();
  return path;
}

async function run(name: string, ...words: string[]) {
  const printed: string[] = [];
  const complaints: string[] = [];
  const code = await runOffline(name, words, {
    print: (text) => printed.push(text),
    complain: (text) => complaints.push(text),
  });
  return { code, out: printed.join("\n"), complaints: complaints.join("\n") };
}

async function countPoints(path: string): Promise<number> {
  await using storage = await Storage.open({ path, settings: { timeUnit: "ms" } });
  return storage.select("m", [], 0n, 1_000n).length;
}

function segmentOf(path: string): string {
  return `${path}/segments/${readdirSync(`${path}/segments`)[0]!}`;
}

describe("offline commands", () => {
  test("inspect prints the fields of files, and of a directory its manifest", async () => {
    const path = await makeDatabase();
    expect((await run("inspect", path)).out).toContain("timeUnit=ms");
    const segment = segmentOf(path);
    expect((await run("inspect", segment)).out).toContain("chunk of source 1, 100 rows");
    expect((await run("inspect", "--chunks", segment)).out).toContain("column 0, f64");
  });

  test("verify finds a sound database sound and a damaged one damaged; repair ends the damage", async () => {
    const path = await makeDatabase();
    const sound = await run("verify", path);
    expect(sound.code).toBe(0);
    for (const file of ["MANIFEST", "segments/0000000001.seg", "registry/0000000001.reg", "wal"]) {
      expect(sound.out.split("\n")).toContain(`sound: ${path}/${file}`);
    }
    const segment = segmentOf(path);
    const bytes = readFileSync(segment);
    bytes[40]! ^= 1;
    writeFileSync(segment, bytes);
    const damaged = await run("verify", path);
    expect(damaged.out).toContain(`damaged: Cannot read segment "${segment}"`);
    expect(damaged.code).toBe(1);
    const repaired = await run("repair", path);
    expect(repaired.out).toContain("repaired: Segment 1 is set aside with its 100 rows");
    expect(repaired.code).toBe(0);
    const after = await run("verify", path);
    expect(after.code).toBe(0);
    expect(after.out).toContain(`note: Segment 1 was set aside before: ${segment}`);
  });

  test("snapshot and restore", async () => {
    const path = await makeDatabase();
    const copy = `${path}-copy`;
    writeFileSync(`${path}/databases.json`, "policies");
    expect(await run("snapshot", path, copy)).toMatchObject({ code: 0 });
    expect((await run("snapshot", path, copy)).complaints).toContain("it exists");
    expect(await run("restore", copy, `${path}-restored`)).toMatchObject({ code: 0 });
    expect(await countPoints(`${path}-restored`)).toBe(100);
    expect(readFileSync(`${path}-restored/databases.json`, "utf8")).toBe("policies");
  });

  test("restore replaces a database, but no directory that holds anything else", async () => {
    const path = await makeDatabase();
    const copy = `${path}-copy`;
    await run("snapshot", path, copy);
    for (const name of ["databases.json", "databases.json.damaged", "metadata.json.new"]) {
      writeFileSync(`${path}/${name}`, "of the daemon");
    }
    expect(await run("restore", copy, path)).toMatchObject({ code: 0 });
    expect(await countPoints(path)).toBe(100);
    writeFileSync(`${path}/letter.txt`, "dear");
    const refused = await run("restore", copy, path);
    expect(refused.code).toBe(1);
    expect(refused.complaints).toContain('it holds "letter.txt"');
    expect(readFileSync(`${path}/letter.txt`, "utf8")).toBe("dear");
  });

  test.each(["verify", "repair", "snapshot"])(
    "%s leaves a database alone that is in use",
    async (name) => {
      const path = await makeDatabase();
      await using _storage = await Storage.open({ path, settings: { timeUnit: "ms" } });
      const words = name === "snapshot" ? [path, `${path}-copy`] : [path];
      const { code, complaints } = await run(name, ...words);
      expect(code).toBe(1);
      expect(complaints).toContain("is using it");
    },
  );

  test.each([
    { name: "verify", words: [] },
    { name: "verify", words: ["a", "b"] },
    { name: "snapshot", words: ["a"] },
    { name: "inspect", words: ["--chunks"] },
    { name: "inspect", words: ["--frobnicate", "a"] },
    { name: "inspect", words: ["--chunk", "a"] },
    { name: "verify", words: ["-v", "a"] },
    { name: "repair", words: [""] },
  ])("$name $words is told how it is used", async ({ name, words }) => {
    const { code, complaints } = await run(name, ...words);
    expect(code).toBe(2);
    expect(complaints).toContain(`usage: tsinkd ${name}`);
  });

  test("a directory without a database is refused in one line", async () => {
    const directory = new TemporaryDirectory();
    directories.push(directory);
    for (const name of ["verify", "repair"]) {
      const { code, complaints } = await run(name, directory.path);
      expect(code).toBe(1);
      expect(complaints.split("\n").length).toBe(1);
      expect(readdirSync(directory.path)).toEqual([]);
    }
  });

  test("every command stands in the help text", () => {
    for (const name of ["inspect", "verify", "repair", "snapshot", "restore"]) {
      expect(isOfflineCommand(name)).toBe(true);
      expect(offlineHelp()).toContain(`tsinkd ${name} `);
    }
    expect(isOfflineCommand("constructor")).toBe(false);
  });
});
