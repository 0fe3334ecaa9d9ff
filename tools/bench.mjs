// Runs our own benchmarks one after the other: parser, codecs, registry, log, whole ingest, queries. They print and gate nothing.
// Usage: npm run bench [-- NAME ...]; a NAME picks test/bench/NAME.ts.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findRuntime, root } from "./runtime.mjs";

const folder = join(root, "test/bench");
const all = readdirSync(folder).filter((name) => name.endsWith(".ts")).map((name) =>
  name.slice(0, -3)
);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(", ")}; there are ${all.join(", ")}`);
  process.exit(2);
}
const variants = { ingest: [["cpu"], ["sensors"]] };
let failed = 0;
for (const name of wanted.length > 0 ? wanted : all) {
  for (const args of variants[name] ?? [[]]) {
    console.log(`\n== ${[name, ...args].join(" ")}`);
    const { status } = spawnSync(findRuntime("bun"), [join(folder, `${name}.ts`), ...args], {
      cwd: root,
      stdio: "inherit",
    });
    if (status !== 0) failed++;
  }
}
process.exit(failed === 0 ? 0 : 1);
