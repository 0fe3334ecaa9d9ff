/**
 * Damage to one file of a simulated database: a flipped bit or a cut at rest, or reads that give other or fewer bytes than
 * there are. What a segment holds is found out beforehand: a copy of the database with a stump of it says which points may be
 * gone, and the manifest how many rows of which times these may be at most.
 */
import type { Database } from "../../engine/database.ts";
import { EngineError, isEngineError } from "../../engine/errors.ts";
import { databasePaths, fileNameOf, joinPath } from "../../engine/fs/paths.ts";
import { HEADER_BYTES } from "../../engine/manifest/format.ts";
import { parseManifest } from "../../engine/manifest/content.ts";
import { segmentFileName } from "../../engine/segment/format.ts";
import { readVersion } from "../../engine/verify.ts";
import { diskOf, readFiles } from "../fuzz/database_files.ts";
import type { SeededRandom } from "../support/seeded_random.ts";
import { differences, type Doubts } from "./doubts.ts";
import type { State } from "./model.ts";
import { readDatabase } from "./reading.ts";
import { DATA, type World } from "./world.ts";

/** How often a read that meets damage is tried again until the segment is set aside. */
const TRIES_MAX = 200;
const MANIFEST = joinPath(DATA, "MANIFEST");
const SEGMENTS = joinPath(DATA, "segments");
/** A segment of so few bytes holds nothing. */
const CUT_BYTES = 10;
/** Files of the log are filled up with zeros; what counts lies at their beginning. */
const LOG_BYTES = 4_096;

export type DamagedKind = "MANIFEST" | "wal" | "registry" | "segments";

/** Segments that the manifest names, by path. */
export function segmentPaths(world: World): string[] {
  const { segments } = readVersion(diskOf(filesOf(world)), databasePaths(DATA));
  return segments.map(({ id }) => joinPath(SEGMENTS, segmentFileName(id)));
}

/** A file of some kind, chosen by chance; undefined where there is none. */
export function pickFile(
  world: World,
  random: SeededRandom,
): { readonly kind: DamagedKind; readonly path: string } | undefined {
  const kind = random.pick(["MANIFEST", "wal", "registry", "segments", "segments"] as const);
  if (kind === "MANIFEST") return { kind, path: MANIFEST };
  if (kind === "segments") {
    const paths = segmentPaths(world);
    return paths.length === 0 ? undefined : { kind, path: random.pick(paths) };
  }
  const directory = joinPath(DATA, kind);
  const names = world.disk.memory.list(directory).map(({ name }) => name).sort();
  return names.length === 0 ? undefined : { kind, path: joinPath(directory, random.pick(names)) };
}

export interface Damage {
  readonly undo: () => void;
  /** Whether it cannot be taken for what a power cut leaves of the last write: opening must refuse it. */
  readonly isProven: boolean;
}

/** Flips a bit of a file, or cuts it. */
export function damageAtRest(world: World, path: string): Damage {
  const { disk, random } = world;
  const bytes = disk.memory.fileBytes(path);
  const used = path.endsWith(".log") ? Math.min(bytes, LOG_BYTES) : bytes;
  if (random.next() < 0.7) {
    const place = { offset: random.below(used), bit: random.below(8) };
    const isProven = path === MANIFEST && place.offset < lastRecord(world);
    disk.flipBit(path, place);
    return { undo: () => disk.flipBit(path, place), isProven };
  }
  const handle = disk.memory.open(path, "write");
  const at = random.below(used);
  const rest = new Uint8Array(bytes - at);
  handle.read(rest, at);
  handle.close();
  disk.cut(path, at);
  const undo = () => {
    const again = disk.memory.open(path, "write");
    again.write(rest, at);
    again.close();
  };
  return { undo, isProven: path === MANIFEST && at < HEADER_BYTES };
}

/** Where the manifest's last record begins. */
function lastRecord(world: World): number {
  const handle = world.disk.memory.open(MANIFEST, "read");
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0);
  handle.close();
  return parseManifest(bytes, MANIFEST).start;
}

/** Notes what may be gone with a segment. Throws where losing it would show more than it holds, or deleted points. */
export async function doubtSegment(
  world: World,
  path: string,
  given: { readonly visible: State; readonly cutoff: bigint | undefined; readonly doubts: Doubts },
): Promise<void> {
  const files = filesOf(world);
  const { segments } = readVersion(diskOf(files), databasePaths(DATA));
  const record = segments.find(({ id }) => path.endsWith(segmentFileName(id)));
  if (record === undefined) throw new Error(`The manifest does not name ${path}`);
  const name = path.slice(DATA.length + 1);
  files.set(name, files.get(name)!.slice(0, CUT_BYTES));
  const settings = { retentionMs: 0, compactionEnabled: false };
  const copy = await world.open(DATA, { settings, fileSystem: diskOf(files) });
  const left = await readWhatIsLeft(world, copy, path);
  await world.finish(copy.close());
  const rows = new Set<string>();
  for (const { series, time, inA, inB } of differences(given.visible, left)) {
    if (given.cutoff !== undefined && time < given.cutoff) continue;
    const where = `${series} at ${time}, without ${path}`;
    if (inA === undefined) throw new Error(`${where}: ${inB} is back, though deleted`);
    if (time < record.minTime || time > record.maxTime) throw new Error(`${where}: gone as well`);
    rows.add(rowOf(series, time));
    given.doubts.add(series, time, inB);
  }
  if (rows.size > record.rows) {
    throw new Error(`${rows.size} rows are gone with ${path}, which has ${record.rows}`);
  }
}

/** What the segments of the closed database hold. */
export async function withoutLog(world: World): Promise<State> {
  const settings = { retentionMs: 0, compactionEnabled: false, logEnabled: false };
  const copy = await world.open(DATA, { settings, fileSystem: diskOf(filesOf(world)) });
  const state = readDatabase(copy);
  await world.finish(copy.close());
  return state;
}

/** Everything that a database shows once what is damaged in `path` has been set aside. */
export async function readWhatIsLeft(
  world: World,
  database: Database,
  path: string,
): Promise<State> {
  for (let tries = 0;; tries++) {
    try {
      return readDatabase(database);
    } catch (error) {
      if (!isDamageOf(error, path) || tries >= TRIES_MAX) throw error;
    }
    await world.turn();
  }
}

/** Whether an error says that this file is damaged. */
export function isDamageOf(error: unknown, path: string): boolean {
  if (!isEngineError(error, "corrupt") && !isEngineError(error, "unsupported")) return false;
  return error.message.includes(fileNameOf(path));
}

/** Whether an error of an opening says that some file is damaged. */
export function namesFile(error: unknown): boolean {
  return error instanceof EngineError && ["corrupt", "unsupported"].includes(error.code) &&
    /MANIFEST|\.log|[Ll]og file|\.reg|\.seg/.test(error.message);
}

/** Whether an opening was refused for want of definitions that only a registry file held. */
export function namesRegistry(error: unknown): boolean {
  return isEngineError(error, "corrupt") && error.message.includes(".reg");
}

function filesOf(world: World): Map<string, Uint8Array> {
  return readFiles(world.disk.memory, DATA);
}

/** Rows are counted: fields of one measurement at one time and host are one. */
function rowOf(series: string, time: bigint): string {
  const [metric, tags] = series.split("{") as [string, string];
  return `${metric.split("_")[0]}{${tags}${time}`;
}
