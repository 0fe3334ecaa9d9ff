/** Compiles the C programs of this folder, where the machine has a compiler. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** What a test runs the daemon with: words before its command, or variables of its environment. */
export type Built = { readonly path: string } | { readonly reason: string };

/** A library to preload. */
export function buildLibrary(name: string, directory: string): Built {
  return compile(name, join(directory, `${name}.so`), ["-shared", "-fPIC"]);
}

/** A program that runs the daemon under ptrace: tried on a command that does nothing. */
export function buildTracer(name: string, directory: string): Built {
  const built = compile(name, join(directory, name), []);
  if ("reason" in built) return built;
  const words = [join(directory, "mode"), directory, "/bin/true"];
  const tried = spawnSync(built.path, words, { encoding: "utf8" });
  return tried.status === 0 ? built : { reason: `no tracing here: ${tried.stderr}` };
}

function compile(name: string, path: string, options: readonly string[]): Built {
  const source = join(import.meta.dir, `${name}.c`);
  const { status, error, stderr } = spawnSync("cc", ["-O2", ...options, "-o", path, source], {
    encoding: "utf8",
  });
  return status === 0 ? { path } : { reason: `no C compiler: ${error ?? stderr}` };
}
