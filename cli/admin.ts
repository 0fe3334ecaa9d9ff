/**
 * Commands over the directory of a database that no daemon has open: inspect, verify, repair, snapshot, restore. What
 * writes, and verify, holds the directory's lock meanwhile and refuses one that is in use.
 */
import {
  absolutePath,
  defaultComponents,
  EngineError,
  type FileSystem,
  isEngineError,
  openDatabase,
  repairDatabase,
  restoreSnapshot,
  storedSettings,
  verifyDatabase,
  type VerifyReport,
} from "../engine/mod.ts";
import { copySideFiles, isSideFile } from "../src/stores/side_files.ts";
import { inspect } from "./inspect.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** What may lie in a database's directory. */
const DATABASE_NAMES: readonly string[] = [
  "MANIFEST",
  "MANIFEST.new",
  "LOCK",
  "wal",
  "registry",
  "segments",
  "staging",
];

/** Where text goes: lines for people. */
export interface Output {
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

interface OfflineCommand {
  /** Words behind the command, for the usage. */
  readonly words: string;
  readonly what: string;
  /** How many paths it takes at least and at most. */
  readonly paths: readonly [number, number];
  readonly run: (
    fileSystem: FileSystem,
    words: readonly string[],
    print: (text: string) => void,
  ) => number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, OfflineCommand>> = {
  inspect: {
    words: "[--chunks] PATH...",
    what: "print the fields of MANIFEST, *.seg, *.log, *.reg",
    paths: [1, Infinity],
    run: inspect,
  },
  verify: {
    words: "DIR",
    what: "check every byte of a database",
    paths: [1, 1],
    run: (fileSystem, [directory], print) => {
      const report = verifyDatabase(fileSystem, absolutePath(directory!), ({ path, problem }) => {
        print(problem === undefined ? `sound: ${path}` : `damaged: ${problem}`);
      });
      return printSummary(report, print);
    },
  },
  repair: {
    words: "DIR",
    what: "make a damaged database open again, say what is gone",
    paths: [1, 1],
    run: async (_, [directory], print) => {
      const { repaired, after } = await repairDatabase(directory!);
      for (const line of repaired) print(`repaired: ${line}`);
      for (const problem of after.problems) print(`damaged: ${problem}`);
      return printSummary(after, print);
    },
  },
  snapshot: {
    words: "DIR COPY",
    what: "copy a database to a directory that does not exist",
    paths: [2, 2],
    run: async (fileSystem, [directory, copy], print) => {
      await snapshotOf(directory!, copy!);
      await copySideFiles(fileSystem, { from: absolutePath(directory!), to: absolutePath(copy!) });
      print(`snapshot written to ${absolutePath(copy!)}`);
      return 0;
    },
  },
  restore: {
    words: "COPY DIR",
    what: "put a copy in the place of a database",
    paths: [2, 2],
    run: async (fileSystem, [copy, directory], print) => {
      const target = absolutePath(directory!);
      checkHoldsNothingElse(fileSystem, target);
      await restoreSnapshot(fileSystem, absolutePath(copy!), target);
      print(`restored ${target}`);
      return 0;
    },
  },
};

/** Lines of the help text. */
export function offlineHelp(): string {
  return Object.entries(COMMANDS)
    .map(([name, { words, what }]) => `  tsinkd ${`${name} ${words}`.padEnd(27)} ${what}`)
    .join("\n");
}

export function isOfflineCommand(name: string): boolean {
  return Object.hasOwn(COMMANDS, name);
}

/** Runs one of the commands; returns the exit code: 0 done and sound, 1 failed or damaged, 2 wrong usage. */
export async function runOffline(
  name: string,
  words: readonly string[],
  output: Output,
): Promise<number> {
  const command = COMMANDS[name]!;
  const paths = words.filter((word) => !word.startsWith("-"));
  const [min, max] = command.paths;
  const known: readonly string[] = command.words.match(/--\w+/g) ?? [];
  const areFlagsKnown = words.every((word) => !word.startsWith("-") || known.includes(word));
  if (paths.length < min || paths.length > max || paths.includes("") || !areFlagsKnown) {
    output.complain(`tsinkd: usage: tsinkd ${name} ${command.words}`);
    return EXIT_USAGE;
  }
  try {
    return await command.run(defaultComponents().fileSystem, words, output.print);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    output.complain(`tsinkd: ${error.message}`);
    return EXIT_FAILURE;
  }
}

async function snapshotOf(directory: string, copy: string): Promise<void> {
  const settings = { ...storedSettings(directory), compactionEnabled: false };
  const database = await openDatabase({ path: directory, settings });
  try {
    await database.snapshot(copy);
  } finally {
    await database.close();
  }
}

/** Restoring removes what was there before: a mistyped directory must not go. Throws "invalid". */
function checkHoldsNothingElse(fileSystem: FileSystem, directory: string): void {
  if (!fileSystem.exists(directory)) return;
  const other = fileSystem.list(directory).find(({ name }) =>
    !DATABASE_NAMES.includes(name) && !isSideFile(name)
  );
  if (other === undefined) return;
  throw new EngineError(
    "invalid",
    `Cannot restore to "${directory}": it holds "${other.name}", which is no part of a database; move it away first`,
  );
}

/** Prints what is left to say once the files have had their lines; returns the exit code. */
function printSummary(report: VerifyReport, print: (text: string) => void): number {
  for (const note of report.notes) print(`note: ${note}`);
  const { segments, registryFiles, logRecords, logRows, problems } = report;
  const counts = `${segments} segments, ${registryFiles} registry files, ` +
    `${logRecords} log records with ${logRows} rows`;
  print(problems.length === 0 ? `sound: ${counts}` : `${problems.length} problems in ${counts}`);
  return problems.length === 0 ? 0 : EXIT_FAILURE;
}
