/** README.md of this folder names tests; here they are looked up, so that it cannot drift. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

const folder = import.meta.dirname;

test("every test that README.md names is there", () => {
  const missing: string[] = [];
  let rows = 0;
  for (const line of readFileSync(`${folder}/README.md`, "utf8").split("\n")) {
    const [, , file = "", name = ""] = line.split("|").map((cell) => cell.trim());
    const path = /^`(.+)`$/.exec(file)?.[1];
    if (path === undefined) continue;
    rows++;
    if (!readFileSync(`${folder}/${path}`, "utf8").includes(name)) missing.push(`${path}: ${name}`);
  }
  expect(missing).toEqual([]);
  expect(rows).toBeGreaterThan(90);
});
