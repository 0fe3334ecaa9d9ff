/** The examples of docs/library.md do what they say, on Bun and on Deno. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_SETTINGS } from "../engine/mod.ts";
import { TemporaryDirectory } from "./support/temporary_directory.ts";

const ROOT = join(import.meta.dir, "..");
const EXAMPLES = join(ROOT, "examples/library");
const LIBRARY = readFileSync(join(ROOT, "docs/library.md"), "utf8");

/** Finds the runtimes that npm installed. */
const { findRuntime } = await import(join(ROOT, "tools/runtime.mjs")) as {
  findRuntime(name: "bun" | "deno"): string;
};
/** Commands that run a file. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  bun: [findRuntime("bun"), "run"],
  deno: [findRuntime("deno"), "run", "--allow-all", "--no-check", "--quiet"],
};

const files = readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts"));
const cases = files.flatMap((file) => Object.keys(RUNTIMES).map((runtime) => ({ file, runtime })));

describe("examples", () => {
  test.each(cases)("$file prints what it says on $runtime", ({ file, runtime }) => {
    using directory = new TemporaryDirectory();
    const path = join(EXAMPLES, file);
    const [, expected] = /\/\* Prints\n([\s\S]*)\*\/\n$/.exec(readFileSync(path, "utf8"))!;
    const [command, ...words] = RUNTIMES[runtime]!;
    const { stdout, stderr, status } = spawnSync(command!, [...words, path, directory.path], {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 60_000,
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(stderr).toBe("");
    expect(stdout).toBe(expected!);
    expect(status).toBe(0);
  }, 60_000);

  test.each(files)("docs/library.md names %s", (file) => {
    expect(LIBRARY).toContain(`examples/library/${file}`);
  });
});

test("docs/library.md has every setting with its default, in the order of the code", () => {
  const documented = [...LIBRARY.matchAll(/^\| `(\w+)` +\| `([^`]+)` /gm)].map((
    [, name, value],
  ) => [
    name,
    value,
  ]);
  const actual = Object.entries(DEFAULT_SETTINGS).map(([name, value]) => [name, String(value)]);
  expect(documented).toEqual(actual);
});
