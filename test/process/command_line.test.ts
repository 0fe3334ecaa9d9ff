/** The executable's commands, output and exit codes. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const EXECUTABLE = process.env["TSINKD_EXECUTABLE"] ?? join(import.meta.dir, "../../dist/tsinkd");

function run(...words: string[]): { code: number | null; stdout: string; stderr: string } {
  const result = spawnSync(EXECUTABLE, words, { cwd: "/", encoding: "utf8", timeout: 10_000 });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

test("version names version, commit and build date", () => {
  const { code, stdout, stderr } = run("version");
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^tsinkd \d+\.\d+\.\d+ \(commit [0-9a-f]{12}(-changed)?, built \d{4}-/);
  expect(code).toBe(0);
});

test("help lists the commands", () => {
  const { code, stdout } = run("help");
  expect(stdout).toContain("tsinkd serve");
  expect(code).toBe(0);
});

test.each([
  { words: ["frobnicate"], says: 'unknown command "frobnicate"' },
])("exit code 2 and one line: $words", ({ words, says }) => {
  const { code, stdout, stderr } = run(...words);
  expect(stderr).toContain(says);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stdout).toBe("");
  expect(code).toBe(2);
});
