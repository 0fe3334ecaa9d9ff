// Runs all tests: unit tests under Bun, engine tests under Deno, process tests against the compiled executable.
// Ends in one line that adds them up, "N passed, M failed, K skipped"; exits with 1 when a test or a run failed.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findRuntime, root } from "./runtime.mjs";

const reports = join(root, ".build/reports");
/** Time a single test may take: simulations of every crash take half a minute on a busy machine. */
const TEST_MS_MAX = 180_000;
const total = { passed: 0, failed: 0, skipped: 0 };

function step(title, command, args, env = {}) {
  console.log(`\n== ${title}`);
  const started = Date.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  console.log(`-- ${title}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return status === 0;
}

/** Adds the counts of a JUnit report; a run that failed without a failed test counts as one failure. */
function add(report, succeeded) {
  let text;
  try {
    text = readFileSync(report, "utf8");
  } catch {
    total.failed++;
    return;
  }
  const header = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(header)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped") + count("disabled") || (text.match(/<skipped\b/g) ?? []).length;
  total.passed += count("tests") - failed - skipped;
  total.failed += failed === 0 && !succeeded ? 1 : failed;
  total.skipped += skipped;
}

function bunTests(title, name, args) {
  const report = join(reports, `${name}.xml`);
  const options = [
    "test",
    "--randomize",
    "--dots",
    "--parallel",
    `--timeout=${TEST_MS_MAX}`,
    ...args,
  ];
  add(
    report,
    step(title, findRuntime("bun"), [
      ...options,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ]),
  );
}

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
if (!step("kernels", process.execPath, ["tools/build_kernels.mjs"])) process.exit(1);
bunTests("tests under Bun", "bun", ["--path-ignore-patterns", "test/process/**"]);
const denoReport = join(reports, "deno.xml");
add(
  denoReport,
  step("engine tests under Deno", findRuntime("deno"), [
    "test",
    "--allow-all",
    "--no-check",
    "--quiet",
    "--reporter=dot",
    `--junit-path=${denoReport}`,
    "test/engine",
  ]),
);
if (step("executable", process.execPath, ["tools/compile.mjs"])) {
  bunTests("process tests of the executable", "process", ["test/process"]);
} else {
  total.failed++;
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);
