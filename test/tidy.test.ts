/**
 * What holds for the source as text: who may import whom, where the ambient world may be named, how long a file may
 * be, and that nothing half-finished is left. The layers are those of docs/architecture.md.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = dirname(import.meta.dir);
const LINES_MAX = 450;
const GENERATED = "engine/kernels/kernel_module.ts";
const ASSEMBLY = "engine/kernels/assembly/";

interface Source {
  readonly path: string;
  readonly text: string;
  /** The text without comments and without the content of strings. */
  readonly code: string;
  readonly imports: readonly string[];
  /** Those of `imports` that remain when the program runs: imports of types alone left out. */
  readonly running: readonly string[];
}

/**
 * Layer of each path prefix; the longest prefix wins. A file may import lower layers, its own folder, and types (which
 * do not run) from beside it in its layer.
 */
const LAYERS: Readonly<Record<string, number>> = {
  "engine/base/": 0,
  "engine/errors.ts": 0,
  "engine/kernels/": 1,
  "engine/fs/": 1,
  "engine/object_store/": 1,
  "engine/settings.ts": 1,
  "engine/stats.ts": 1,
  "engine/series/": 2,
  "engine/chunk/": 2,
  "engine/wal/": 2,
  "engine/segment/": 2,
  "engine/manifest/": 2,
  "engine/head/": 3,
  "engine/write/": 3,
  "engine/query/": 3,
  "engine/compaction/": 4,
  "engine/retention/": 4,
  "engine/background/": 4,
  "engine/remote/": 4,
  "engine/": 5,
  "src/promql/": 6,
  "src/influxql/context.ts": 5.1,
  "src/influxql/values/": 5.1,
  "src/influxql/language/": 5.2,
  "src/influxql/running_queries.ts": 5.3,
  "src/influxql/expressions/": 5.3,
  "src/influxql/functions/": 5.4,
  "src/influxql/sources/": 5.4,
  "src/influxql/schema/": 5.5,
  "src/influxql/select/": 5.5,
  "src/influxql/catalog/": 5.6,
  "src/influxql/continuous/": 5.7,
  "src/influxql/": 6,
  "src/ingest/": 6,
  "src/access/": 6,
  "src/stores/": 6,
  "src/http/": 7,
  "src/listeners.ts": 7,
  "src/udp_listener.ts": 7,
  "src/rules/": 7,
  "src/console/": 7,
  "src/daemon.ts": 8,
  "src/queries.ts": 8,
  "src/influx_queries.ts": 8,
  "src/line_listeners.ts": 8,
  "src/process_metrics.ts": 8,
  "src/engine_metrics.ts": 8,
  "src/memory_guard.ts": 8,
  "src/practice.ts": 8,
  "src/practice_steps.ts": 8,
  "cli/": 9,
};

/** Files of the daemon that know nothing but the engine: anything in src and cli may import them. */
const DAEMON_BASE = [
  "src/config.ts",
  "src/config_values.ts",
  "src/settings_table.ts",
  "src/log.ts",
  "src/metrics.ts",
  "src/version.ts",
  "src/service_notify.ts",
  "src/start_error.ts",
  "src/query_memory.ts",
  "src/selection.ts",
  "src/slices.ts",
];

/** Imports beside the layers: from a prefix to a prefix. Those into components.ts and view types are of types alone. */
const ALSO: readonly (readonly [string, string])[] = [
  ["engine/segment/", "engine/chunk/"],
  ["engine/segment/", "engine/series/"],
  ["engine/wal/", "engine/series/"],
  ["engine/query/", "engine/head/"],
  ["engine/write/", "engine/head/"],
  ["engine/compaction/", "engine/background/"],
  ["engine/", "engine/components.ts"],
  // What a view's host and a remote database are is told in types of database.ts.
  ["engine/remote/", "engine/database.ts"],
  // The types of the kernels that a folder declares for itself are collected here.
  ["engine/kernels/exports.ts", "engine/chunk/chunk.ts"],
  ["src/udp_listener.ts", "src/listeners.ts"],
  ["src/daemon.ts", "src/queries.ts"],
  ["src/daemon.ts", "src/influx_queries.ts"],
  ["src/daemon.ts", "src/line_listeners.ts"],
  ["src/daemon.ts", "src/process_metrics.ts"],
  ["src/daemon.ts", "src/engine_metrics.ts"],
  ["src/daemon.ts", "src/memory_guard.ts"],
  ["src/daemon.ts", "src/practice.ts"],
  // The worker is a beginning of its own.
  ["src/http/heavy/worker.ts", "src/memory_guard.ts"],
  ["src/practice.ts", "src/practice_steps.ts"],
  ["src/practice_steps.ts", "src/queries.ts"],
  ["src/practice_steps.ts", "src/memory_guard.ts"],
  ["src/ingest/pipeline.ts", "src/access/"],
  ["src/ingest/pipeline.ts", "src/stores/"],
];

/** Where each package may be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  hono: ["src/http/", "test/http/"],
  fflate: ["engine/base/compress.ts"],
  re2js: ["engine/series/regex.ts"],
  "fast-check": ["test/"],
  influx: ["test/process/"],
  "@influxdata/influxdb-client": ["test/process/"],
  "bun:test": ["test/"],
  "bun:ffi": ["engine/fs/process_lock.ts", "src/service_notify.ts"],
};

/** Engine files that may touch clock, randomness, timers, network, process and disk. */
const ENGINE_AMBIENT = [
  "engine/fs/node_file_system.ts",
  "engine/fs/process_lock.ts",
  "engine/object_store/s3.ts",
  "engine/compaction/worker.ts",
  "engine/background/executor.ts",
  "engine/components.ts",
];
const AMBIENT =
  /\b(Date\.now|new Date\(\)|performance\.|Math\.random|setTimeout|setInterval|setImmediate|fetch\(|process\.|Bun\.|Deno\.)/;
const AMBIENT_MODULES =
  /^(node:(fs|process|os|net|http|https|dgram|child_process|worker_threads|timers)\b|bun$)/;
/** The files of the daemon that name Bun: where its threads begin. */
const BUN_FILES = ["src/daemon.ts", "src/http/heavy/worker.ts"];

function listFiles(folder: string): string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${folder}/${path}`);
  } catch {
    return [];
  }
}

/** Blanks comments, strings and regular expressions' quotes, keeping line ends, so that words in them do not count. */
function stripText(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g,
    (part) => part.startsWith("`") ? part.replace(/[^\n]/g, "") : part.startsWith("/") ? "" : '""',
  );
}

const TYPE_IMPORT = /^(?:import|export) type\b[\s\S]*?from\s+"[^"]+";/gm;

function importsOf(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/^(?:import|export)\b[^"';]*?from\s+"([^"]+)"/gm)) {
    found.push(match[1]!);
  }
  for (const match of text.matchAll(/^import\s+"([^"]+)"/gm)) found.push(match[1]!);
  for (const match of text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) found.push(match[1]!);
  return found;
}

const SOURCES: readonly Source[] = ["engine", "src", "cli", "test"].flatMap(listFiles)
  .filter((path) => path !== GENERATED)
  .map((path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    const running = importsOf(text.replace(TYPE_IMPORT, ""));
    return { path, text, code: stripText(text), imports: importsOf(text), running };
  });

const PRODUCTION = SOURCES.filter(({ path }) =>
  !path.startsWith("test/") && !path.startsWith(ASSEMBLY)
);

/** Path of an import within the repository; undefined for packages. */
function resolve(source: Source, target: string): string | undefined {
  return target.startsWith(".") ? normalize(join(dirname(source.path), target)) : undefined;
}

function layerOf(path: string): { prefix: string; layer: number } {
  let prefix = "";
  for (const each of Object.keys(LAYERS)) {
    if (path.startsWith(each) && each.length > prefix.length) prefix = each;
  }
  return { prefix, layer: LAYERS[prefix] ?? -1 };
}

function mayImport(from: string, to: string, running: boolean): boolean {
  if (DAEMON_BASE.includes(to) && !from.startsWith("engine/")) return true;
  if (DAEMON_BASE.includes(from)) return to === "engine/mod.ts";
  if (ALSO.some(([a, b]) => from.startsWith(a) && to.startsWith(b))) return true;
  const source = layerOf(from);
  const target = layerOf(to);
  if (source.prefix === target.prefix) return true;
  if (to.startsWith("engine/") && !from.startsWith("engine/")) return to === "engine/mod.ts";
  return target.layer < source.layer || (!running && target.layer === source.layer);
}

/** Cycles among files, each as the path that closes it. Imports of types alone do not count: they do not run. */
function findCycles(): string[] {
  const graph = new Map<string, string[]>();
  for (const source of PRODUCTION) {
    graph.set(source.path, source.running.flatMap((target) => resolve(source, target) ?? []));
  }
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    state.set(path, "open");
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, "done");
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

/** Markdown documents of the repository. */
const DOCUMENTS: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...["docs", "test", "packaging", "examples"].flatMap((folder) =>
    existsSync(join(ROOT, folder))
      ? readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".md") && !path.includes("node_modules"))
        .map((path) => `${folder}/${path}`)
      : []
  ),
];

/** Targets of a document's links to files of the repository, relative to the document. */
function linksOf(text: string): string[] {
  const code = /```[\s\S]*?```|`[^`\n]*`/g;
  return [...text.replace(code, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target));
}

describe("tidy", () => {
  test("every production file lies in a known layer", () => {
    const unknown = PRODUCTION.map(({ path }) => path)
      .filter((path) => layerOf(path).layer < 0 && !DAEMON_BASE.includes(path));
    expect(unknown).toEqual([]);
  });

  test("imports go down the layers", () => {
    const wrong = PRODUCTION.flatMap((source) =>
      source.imports.flatMap((target) => {
        const path = resolve(source, target);
        return path === undefined || mayImport(source.path, path, source.running.includes(target))
          ? []
          : [`${source.path} imports ${path}`];
      })
    );
    expect(wrong).toEqual([]);
  });

  test("there is no cycle", () => expect(findCycles()).toEqual([]));

  test("nothing imports a test", () => {
    const wrong = PRODUCTION.filter((source) =>
      source.imports.some((target) => resolve(source, target)?.startsWith("test/"))
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("each package is imported in its one place", () => {
    const wrong = SOURCES.filter(({ path }) => !path.startsWith(ASSEMBLY)).flatMap((source) =>
      source.imports
        .filter((target) => !target.startsWith(".") && !target.startsWith("node:"))
        .filter((target) => {
          const name = Object.keys(PACKAGES).find((each) =>
            target === each || target.startsWith(`${each}/`)
          );
          return name === undefined ||
            !PACKAGES[name]!.some((place) => source.path.startsWith(place));
        })
        .map((target) => `${source.path} imports ${target}`)
    );
    expect(wrong).toEqual([]);
  });

  test("the engine asks its components, not the ambient world", () => {
    const wrong = PRODUCTION
      .filter(({ path }) => path.startsWith("engine/") && !ENGINE_AMBIENT.includes(path))
      .flatMap((source) => {
        const call = AMBIENT.exec(source.code)?.[0];
        const module = source.imports.find((target) => AMBIENT_MODULES.test(target));
        return call === undefined && module === undefined
          ? []
          : [`${source.path}: ${call ?? module}`];
      });
    expect(wrong).toEqual([]);
  });

  test("Bun is named in one file", () => {
    const wrong = PRODUCTION
      .filter(({ path, code }) =>
        !BUN_FILES.includes(path) && !ENGINE_AMBIENT.includes(path) && /\bBun\./.test(code)
      );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const long = SOURCES
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  test("nothing half-finished is left", () => {
    const words = new RegExp(
      `\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`,
    );
    const wrong = SOURCES.flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => words.test(line) ? [`${path}:${index + 1}`] : [])
    );
    expect(wrong).toEqual([]);
  });

  test("no test is switched off or left alone", () => {
    const wrong = SOURCES.filter(({ path, code }) =>
      path.endsWith(".test.ts") &&
      /\b(test|it|describe)\.(only|todo)\b|\b(test|describe)\.skip\(/.test(code)
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("every production file opens with a comment that says what it is for", () => {
    const wrong = PRODUCTION.filter(({ text }) => !/^(#![^\n]*\n)?(\/\*\*|\/\/ )/.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("names are exported by name, never as a default, and private members are #private", () => {
    const wrong = PRODUCTION.filter(({ code }) =>
      /^export default\b/m.test(code) || /^\s+private\s(?!constructor)/m.test(code) ||
      /^(export )?enum\s/m.test(code)
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("links of the documents lead to files", () => {
    const wrong = DOCUMENTS.flatMap((path) =>
      linksOf(readFileSync(join(ROOT, path), "utf8"))
        .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path}: ${target}`)
    );
    expect(wrong).toEqual([]);
  });

  test("every promise of docs/reliability.md names its tests", () => {
    const text = readFileSync(join(ROOT, "docs/reliability.md"), "utf8");
    const table = text.slice(text.indexOf("## Promises"), text.indexOf("## No promises"));
    const rows = table.split("\n").filter((line) => /^\| (?!promise|-)/.test(line));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => !linksOf(row).some((link) => link.startsWith("../test/")))).toEqual(
      [],
    );
  });
});
