// Runs the long form of the reliability tests: npm run prove -- --seconds 600, or --seed N to repeat one life.
import { spawnSync } from "node:child_process";
import { findRuntime, root } from "./runtime.mjs";

const { status } = spawnSync(
  findRuntime("bun"),
  ["test/sim/prove.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
