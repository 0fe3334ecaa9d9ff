// Builds the executable: dist/tsinkd for this machine, or with "all" (or names of targets) dist/tsinkd-TARGET for each
// Linux target. A foreign target needs the Bun of that platform, which is taken from its npm package at the version and
// integrity that package-lock.json pins, and kept in .build/. A target whose Bun cannot be had is named, and the exit
// code is then 1.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { findRuntime, lockedPackage, root } from "./runtime.mjs";

const TARGETS = {
  "linux-x64": { bun: "bun-linux-x64", package: "@oven/bun-linux-x64" },
  "linux-arm64": { bun: "bun-linux-arm64", package: "@oven/bun-linux-aarch64" },
  "linux-x64-musl": { bun: "bun-linux-x64-musl", package: "@oven/bun-linux-x64-musl" },
  "linux-arm64-musl": { bun: "bun-linux-arm64-musl", package: "@oven/bun-linux-aarch64-musl" },
};

const dist = join(root, "dist");
const cache = join(root, ".build");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

function output(command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : "";
}

/** What `tsinkd version` prints; SOURCE_DATE_EPOCH makes builds repeatable. */
function definitions() {
  const commit = output("git", ["rev-parse", "--short=12", "HEAD"]) || "unknown";
  const changed = output("git", ["status", "--porcelain", "--untracked-files=no"]) !== "";
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const date = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000);
  const values = {
    BUILD_VERSION: manifest.version,
    BUILD_COMMIT: changed ? `${commit}-changed` : commit,
    BUILD_DATE: date.toISOString().slice(0, 19) + "Z",
  };
  return Object.entries(values).flatMap((
    [name, value],
  ) => ["--define", `${name}=${JSON.stringify(value)}`]);
}

/** Files that run in workers of their own: further entry points of the bundle. */
function workers() {
  return ["engine", "src"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((path) => /(^|\/)worker\.ts$/.test(path))
      .map((path) => join(folder, path))
      .sort()
  );
}

/** The Bun of another platform, from its npm package; undefined when it cannot be had. */
function foreignBun(target) {
  const { version, integrity } = lockedPackage(target.package);
  const folder = join(cache, `${target.package.replace("/", "-").slice(1)}-${version}`);
  const executable = join(folder, "package/bin/bun");
  if (existsSync(executable)) return executable;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const packed = spawnSync("npm", [
    "pack",
    `${target.package}@${version}`,
    "--silent",
    "--pack-destination",
    folder,
  ], {
    cwd: root,
    encoding: "utf8",
  });
  const archive = packed.status === 0 ? join(folder, packed.stdout.trim().split("\n").at(-1)) : "";
  if (archive === "" || !existsSync(archive)) return undefined;
  const digest = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (digest !== integrity) {
    console.error(
      `Cannot use ${target.package}@${version}: its checksum is not the one in package-lock.json`,
    );
    return undefined;
  }
  if (spawnSync("tar", ["-xzf", archive, "-C", folder], { stdio: "inherit" }).status !== 0) {
    return undefined;
  }
  rmSync(archive);
  chmodSync(executable, 0o755);
  return executable;
}

function build(outfile, extra) {
  const result = spawnSync(findRuntime("bun"), [
    "build",
    "--compile",
    "--minify",
    "--keep-names",
    "--sourcemap",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    ...definitions(),
    ...extra,
    "cli/main.ts",
    ...workers(),
    "--outfile",
    outfile,
  ], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    console.error(`${result.stdout}${result.stderr}`);
    return false;
  }
  const bytes = statSync(outfile).size;
  const sum = createHash("sha256").update(readFileSync(outfile)).digest("hex");
  console.log(`${outfile.slice(root.length + 1)}  ${bytes} bytes  sha256 ${sum}`);
  return true;
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => name !== "all" && !Object.hasOwn(TARGETS, name));
if (unknown.length > 0) {
  console.error(
    `Unknown target ${unknown.join(", ")}: there are all, ${Object.keys(TARGETS).join(", ")}`,
  );
  process.exit(2);
}
if (
  spawnSync(process.execPath, [join(root, "tools/build_kernels.mjs")], { stdio: "inherit" })
    .status !== 0
) {
  process.exit(1);
}
mkdirSync(dist, { recursive: true });
let failures = 0;
if (names.length === 0 || names.includes("all")) {
  if (!build(join(dist, "tsinkd"), [])) failures++;
}
for (const name of names.includes("all") ? Object.keys(TARGETS) : names) {
  const target = TARGETS[name];
  const bun = foreignBun(target);
  if (bun === undefined) {
    console.error(`Cannot build ${name}: the package ${target.package} cannot be fetched`);
    failures++;
    continue;
  }
  const extra = [`--target=${target.bun}`, `--compile-executable-path=${bun}`];
  if (!build(join(dist, `tsinkd-${name}`), extra)) failures++;
}
process.exit(failures === 0 ? 0 : 1);
