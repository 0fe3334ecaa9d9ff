// node tools/prove_process.mjs [SECONDS]: the long form of the process tests of hardship: kills, full disks, failing
// syncs, limits, hostile clients, power cuts, endurance. Each that goes in cycles takes about SECONDS (default 600).
// Builds the executable first, unless TSINKD_EXECUTABLE names one. Exit code 1 when a test fails.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRuntime, root } from "./runtime.mjs";

/** Runs the long form; returns whether all of it passed. */
export function proveProcess(seconds) {
  if (process.env.TSINKD_EXECUTABLE === undefined) {
    const built = spawnSync(process.execPath, [join(root, "tools/compile.mjs")], {
      cwd: root,
      stdio: "inherit",
    });
    if (built.status !== 0) return false;
  }
  const files = readdirSync(join(root, "test/process"))
    .filter((name) => /^(chaos_.*|power_cut|hostile_clients)\.test\.ts$/.test(name))
    .sort()
    .map((name) => join("test/process", name));
  const { status } = spawnSync(findRuntime("bun"), ["test", ...files], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PROVE_SECONDS: String(seconds) },
  });
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const seconds = Number(process.argv[2] ?? "600");
  if (!(seconds > 0)) {
    console.error("Usage: node tools/prove_process.mjs [SECONDS]");
    process.exit(2);
  }
  process.exit(proveProcess(seconds) ? 0 : 1);
}
