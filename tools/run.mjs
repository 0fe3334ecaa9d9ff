// node tools/run.mjs bun|deno ARGUMENTS...: compiles the kernels if their sources changed, then runs the installed Bun
// or Deno in this process's place: same input and output, signals passed on, same exit code.
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { findRuntime, root } from "./runtime.mjs";

const [name, ...options] = process.argv.slice(2);
if (name !== "bun" && name !== "deno") {
  console.error("Usage: node tools/run.mjs bun|deno ARGUMENTS...");
  process.exit(2);
}
const kernels = spawnSync(process.execPath, [join(root, "tools/build_kernels.mjs")], {
  stdio: ["ignore", "ignore", "inherit"],
});
if (kernels.status !== 0) process.exit(1);

const child = spawn(findRuntime(name), options, { stdio: "inherit" });
// A terminal sends SIGINT to the whole process group, so the child has it already; passing it on would be a second one.
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => {
  console.error(`Cannot run ${name}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  process.exit(code ?? 128 + (constants.signals[signal] ?? 1));
});
