// Finds the Bun and Deno that npm installed. Both packages put their executable in place by a post-install script,
// which npm may not have run; the executable then still lies in the package of this platform.
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Executables that the post-install script leaves behind are tens of megabytes; what it replaces is a short script. */
const EXECUTABLE_BYTES_MIN = 1 << 20;

const architecture = process.arch === "arm64" ? "aarch64" : process.arch;

function isMusl() {
  return process.platform === "linux" &&
    process.report?.getReport().header.glibcVersionRuntime === undefined;
}

function candidates(name) {
  const modules = join(root, "node_modules");
  if (name === "bun") {
    const platform = `bun-${process.platform}-${architecture}`;
    const platforms = isMusl() ? [`${platform}-musl`, platform] : [platform, `${platform}-musl`];
    return [
      join(modules, "bun/bin/bun.exe"),
      ...platforms.map((folder) => join(modules, "@oven", folder, "bin/bun")),
    ];
  }
  return [
    join(modules, "deno/deno"),
    join(modules, "@deno", `${process.platform}-${process.arch}-glibc`, "deno"),
    join(modules, "@deno", `${process.platform}-${process.arch}`, "deno"),
  ];
}

/** Path of the executable of "bun" or "deno"; ends the process with a clear line when there is none. */
export function findRuntime(name) {
  for (const path of candidates(name)) {
    if (existsSync(path) && statSync(path).size >= EXECUTABLE_BYTES_MIN) return path;
  }
  console.error(`Cannot find ${name}: it is not in node_modules; run npm ci first`);
  process.exit(1);
}

/** The version of a package as package-lock.json pins it, with its integrity. */
export function lockedPackage(name) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json does not name ${name}`);
  return { version: entry.version, integrity: entry.integrity };
}
