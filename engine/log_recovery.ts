/**
 * The part of opening that concerns the log: what was written since the last flush goes into the head again, with the
 * deletions at their places between the rows, and the log goes on in a new file.
 */
import type { Components } from "./components.ts";
import { EngineError, isEngineError } from "./errors.ts";
import type { ObsoleteFiles } from "./fs/obsolete_files.ts";
import type { DatabasePaths } from "./fs/paths.ts";
import type { Head } from "./head/head.ts";
import type { Kernels } from "./kernels/kernels.ts";
import { comparePositions, sourcesOf } from "./manifest/tombstones.ts";
import type { Tombstone, Version } from "./manifest/version.ts";
import type { Registry } from "./series/registry.ts";
import type { Settings } from "./settings.ts";
import type { KeptLogFile, LogPosition, ReplayReport } from "./wal/log.ts";
import { replayLog } from "./wal/replay.ts";
import { LogWriter } from "./wal/writer.ts";

export interface LogOpening {
  readonly settings: Settings;
  readonly components: Components;
  readonly paths: DatabasePaths;
  readonly kernels: Kernels;
  readonly registry: Registry;
  readonly version: Version;
  readonly head: Head;
  readonly tombstoneStamps: Map<number, number>;
  readonly obsolete: ObsoleteFiles;
  /** Registry files that could not be read: definitions may be missing that only they held. */
  readonly damagedRegistry: readonly string[];
  /** Files below the floor, oldest first, whose definitions are needed until the next flush. */
  readonly earlierFiles: readonly KeptLogFile[];
  /** Runs when all is replayed, before files may go that the version does not need. */
  readonly onReplayed: () => void;
}

/** Replays the log into registry and head, and begins the next file. Throws "corrupt" in strict mode, "io", "unsupported". */
export function openLog(opening: LogOpening): LogWriter {
  const { settings, components, paths, kernels, registry, version } = opening;
  const { logger } = components;
  const deletions = new ReplayedDeletions(opening);
  const report = replay(opening, deletions);
  deletions.passUntil(undefined);
  registry.markLogged();
  for (const damage of report.damage) logger.log("warn", `Log: ${damage}`);
  if (report.records > 0) {
    logger.log("info", "Replayed the log", { records: report.records, rows: report.rows });
  }
  opening.onReplayed();
  const { log: directory } = paths;
  const end = beyondDeletions(report.end, version.tombstones);
  return LogWriter.open({
    components,
    kernels,
    directory,
    settings,
    report: { ...report, end, files: [...opening.earlierFiles, ...report.files] },
    floor: version.logFloor.file,
    obsolete: opening.obsolete,
  });
}

function replay(opening: LogOpening, deletions: ReplayedDeletions): ReplayReport {
  const { settings, components, paths, kernels, registry, version } = opening;
  const { fileSystem } = components;
  try {
    return replayLog({
      fileSystem,
      directory: paths.log,
      floor: version.logFloor,
      mode: settings.replayMode,
      kernels,
      onDefinitions: (definitions) => registry.apply(definitions),
      onRows: (position) => {
        deletions.passUntil(position);
        kernels.exports.headAppend();
        kernels.refresh();
      },
    });
  } catch (error) {
    const { damagedRegistry: damaged } = opening;
    if (damaged.length === 0 || !isEngineError(error, "corrupt")) throw error;
    // It may well be the definitions that the log lacks.
    throw new EngineError(
      "corrupt",
      `${error.message}; registry files are damaged, too: ${damaged.join(", ")}`,
      { cause: error },
    );
  }
}

/**
 * The log goes on in a file above those that deletions speak of. Such a file may be gone, when a power cut came before its
 * first sync: were its number given out again, the deletion would hide rows that are newer than it.
 */
function beyondDeletions(end: LogPosition, tombstones: readonly Tombstone[]): LogPosition {
  const file = tombstones.reduce(
    (highest, { logPosition }) => Math.max(highest, logPosition.file + 1),
    end.file,
  );
  return { ...end, file };
}

/** Deletions that were made while the log was written: at their place among the records they seal what they hide. */
class ReplayedDeletions {
  readonly #waiting: Tombstone[];
  readonly #opening: LogOpening;

  constructor(opening: LogOpening) {
    this.#opening = opening;
    const { tombstones, logFloor } = opening.version;
    this.#waiting = tombstones
      .filter(({ logPosition }) => comparePositions(logPosition, logFloor) > 0)
      .sort((a, b) => comparePositions(a.logPosition, b.logPosition));
  }

  /** Rows at this position (undefined: the end) are about to be applied. */
  passUntil(position: LogPosition | undefined): void {
    const { kernels, head, tombstoneStamps } = this.#opening;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (position !== undefined && comparePositions(next.logPosition, position) > 0) return;
      this.#waiting.shift();
      const sources = sourcesOf([next]) ?? allSources(this.#opening.registry.sourceCount);
      for (const source of sources) {
        const pointer = kernels.exports.sourceById(source) >>> 0;
        if (pointer !== 0) kernels.exports.headSealSource(pointer, GENERATION_ANY);
      }
      kernels.refresh();
      tombstoneStamps.set(next.sequence, head.stamp);
    }
  }
}

/** Above every generation of the head. */
const GENERATION_ANY = 0xffff_ffff;

function allSources(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i + 1);
}
