// npm run prove -- [--hours N | --minutes N | --seconds N] [--part NAME,NAME] [--from SEED]
// npm run prove -- --seed SEED
// npm run prove -- --list
//
// The long form of everything that shows that nothing acknowledged is lost and nothing wrong is served. Parts run one
// after the other; those that can go on for ever share the time that is given (an hour if none is), the others take what
// they take. A failure does not end the run; its seed and the command that repeats it are said again at the end. `--seed`
// repeats one life of the simulation, `--from` names the first of its seeds. Exit code 1 when a part failed.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findRuntime, root } from "./runtime.mjs";

const SECONDS = 3_600;
/** Time that a test may take beyond what it was given, in milliseconds. */
const TEST_MS_MAX = 24 * 3_600_000;

/**
 * What there is to run. `share`: of the time given, 0 for what ends by itself. `files`: tests of the executable, in
 * test/process, or others by their path.
 */
const PARTS = [
  { name: "steps", share: 0, files: ["test/sim/every_step.test.ts"] },
  { name: "simulation", share: 8 },
  { name: "kills", share: 4, files: processFiles("chaos_kill", "chaos_maintenance") },
  { name: "queries", share: 1, files: processFiles("chaos_queries") },
  {
    name: "hardship",
    share: 0,
    files: processFiles(
      "chaos_disk",
      "chaos_failing_calls",
      "chaos_failing_sync",
      "chaos_limits",
      "chaos_clock",
      "chaos_query_memory",
      "hostile_clients",
    ),
  },
  { name: "power-cuts", share: 0, files: processFiles("power_cut") },
  { name: "fuzz", share: 3, files: fuzzFiles() },
  { name: "endurance", share: 4, files: processFiles("chaos_endurance") },
];

function processFiles(...names) {
  return names.map((name) => `test/process/${name}.test.ts`);
}

function fuzzFiles() {
  return readdirSync(join(root, "test/fuzz")).filter((name) => name.endsWith(".test.ts")).sort()
    .map((name) => `test/fuzz/${name}`);
}

/** Loops of rounds in the files: each takes the same time. */
function countLoops(files) {
  const count = (file) => readFileSync(join(root, file), "utf8").split("await fuzz(").length - 1;
  return Math.max(1, files.reduce((sum, file) => sum + count(file), 0));
}

/** Runs a command; what it prints is passed on, and the commands that repeat a failure are kept. */
function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const repeats = new Set();
    let rest = "";
    const read = (stream) => (bytes) => {
      stream.write(bytes);
      const lines = (rest + bytes).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const found = /repeat with: (.*)/.exec(line);
        if (found !== null) repeats.add(found[1].trim());
      }
    };
    child.stdout.on("data", read(process.stdout));
    child.stderr.on("data", read(process.stderr));
    child.on("close", (code) => resolve({ passed: code === 0, repeats: [...repeats] }));
  });
}

function runPart(part, seconds, from) {
  const bun = findRuntime("bun");
  if (part.name === "simulation") {
    const options = from === undefined ? [] : ["--from", from];
    return run(bun, ["test/sim/prove.ts", "--seconds", String(Math.ceil(seconds)), ...options]);
  }
  const each = Math.max(1, seconds / part.files.length);
  const env = part.name === "fuzz"
    ? { FUZZ_SECONDS: String(Math.max(1, Math.ceil(seconds / countLoops(part.files)))) }
    : { PROVE_SECONDS: String(Math.ceil(each)) };
  return run(bun, ["test", `--timeout=${TEST_MS_MAX}`, ...part.files], env);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

function readOptions() {
  const text = { type: "string" };
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        hours: text,
        minutes: text,
        seconds: text,
        part: text,
        from: text,
        seed: text,
        list: { type: "boolean" },
      },
    }));
  } catch (error) {
    fail(`${error.message}\nUsage: npm run prove -- [--hours N] [--part NAME,NAME] [--seed SEED]`);
  }
  let seconds = 0;
  for (const [name, unit] of [["hours", 3_600], ["minutes", 60], ["seconds", 1]]) {
    if (values[name] === undefined) continue;
    if (!(Number(values[name]) > 0)) fail(`Cannot use --${name}: give a number above 0`);
    seconds += Number(values[name]) * unit;
  }
  const names = values.part?.split(",") ?? PARTS.map(({ name }) => name);
  for (const name of names) {
    if (PARTS.some((part) => part.name === name)) continue;
    fail(`There is no part "${name}"; there are ${PARTS.map((part) => part.name).join(", ")}`);
  }
  const parts = PARTS.filter(({ name }) => names.includes(name));
  return { ...values, seconds: seconds || SECONDS, parts };
}

const options = readOptions();
if (options.list) {
  for (const { name, files } of PARTS) console.log(`${name}: ${files?.join(" ") ?? "test/sim"}`);
  process.exit(0);
}
const node = process.execPath;
if (!(await run(node, ["tools/build_kernels.mjs"])).passed) process.exit(1);
if (options.seed !== undefined) {
  const { passed } = await run(findRuntime("bun"), ["test/sim/prove.ts", "--seed", options.seed]);
  process.exit(passed ? 0 : 1);
}
const needsExecutable = options.parts.some(({ files }) =>
  files?.some((file) => file.startsWith("test/process/"))
);
if (needsExecutable && process.env.TSINKD_EXECUTABLE === undefined) {
  if (!(await run(node, ["tools/compile.mjs"])).passed) process.exit(1);
}
const shares = options.parts.reduce((sum, { share }) => sum + share, 0);
const results = [];
for (const part of options.parts) {
  console.log(`\n== ${part.name}`);
  const began = Date.now();
  const seconds = part.share === 0 ? 1 : options.seconds * part.share / shares;
  const result = await runPart(part, seconds, options.from);
  results.push({ ...result, name: part.name, tookMs: Date.now() - began });
}
console.log("\n== summary");
for (const { name, passed, tookMs, repeats } of results) {
  console.log(`${passed ? "passed" : "FAILED"}  ${name}, ${(tookMs / 1_000).toFixed(0)} s`);
  for (const command of repeats) console.log(`        repeat with: ${command}`);
}
process.exit(results.every(({ passed }) => passed) ? 0 : 1);
