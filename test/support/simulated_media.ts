/**
 * What of a simulated disk would survive a power cut: for every file the content its last sync left behind, for every
 * directory the names that its last sync left behind. `crash` chooses by chance, for each unsynced sector and name, what
 * became of it.
 *
 * - An unsynced sector of 4 KiB is lost (its former content), kept, or torn at multiples of 512 bytes.
 * - An unsynced size is lost, kept, or stops at a sector between; bytes that were never written there are zero.
 * - An unsynced name is lost or kept. Both names of a rename share one fate, as on a file system with a journal.
 * - After a failed sync its sectors stay unsynced for ever, whatever later syncs say: kernels mark such pages clean.
 */
import { MemoryDirectory, MemoryFile, type MemoryNode } from "../../engine/fs/memory_file.ts";
import type { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import type { SeededRandom } from "./seeded_random.ts";

const SECTOR_BYTES = 4_096;
const GRAIN_BYTES = 512;

/** What becomes of everything unsynced. */
export type CrashOutcome = "random" | "lost" | "kept";

/** A file's state on the medium, where it differs from what the file system shows. */
interface PendingFile {
  durableBytes: number;
  /** Content on the medium of the sectors that were written since. */
  readonly sectors: Map<number, Uint8Array>;
  /** Sectors that a failed sync gave up. */
  readonly abandoned: Set<number>;
  isSizeAbandoned: boolean;
}

/** A name's meaning on the medium; names of one group survive or vanish together. */
interface PendingName {
  readonly node: MemoryNode | undefined;
  group: number;
}

/** What a sync that has not returned yet will have made durable. */
export interface SyncSnapshot {
  readonly file: MemoryFile;
  readonly bytes: number;
  readonly sectors: ReadonlyMap<number, Uint8Array>;
}

export class SimulatedMedia {
  readonly #memory: MemoryFileSystem;
  readonly #files = new Map<MemoryFile, PendingFile>();
  readonly #names = new Map<MemoryDirectory, Map<string, PendingName>>();
  #groups = 0;

  constructor(memory: MemoryFileSystem) {
    this.#memory = memory;
  }

  /** Call before bytes from ..< to of a file change. */
  beforeWrite(file: MemoryFile, range: { readonly from: number; readonly to: number }): void {
    const pending = this.#pending(file);
    const last = Math.ceil(range.to / SECTOR_BYTES);
    for (let sector = Math.floor(range.from / SECTOR_BYTES); sector < last; sector++) {
      if (!pending.sectors.has(sector)) pending.sectors.set(sector, readSector(file, sector));
      pending.abandoned.delete(sector);
    }
    // Writing a page again lets the file system note a size that covers it.
    if (range.to > pending.durableBytes) pending.isSizeAbandoned = false;
  }

  /** Call before a file gets another size. */
  beforeResize(file: MemoryFile, bytes: number): void {
    if (bytes < file.bytes) this.beforeWrite(file, { from: bytes, to: file.bytes });
    this.#pending(file).isSizeAbandoned = false;
  }

  /** Call before names get another meaning; several share one fate. */
  beforeNaming(
    places: readonly { readonly directory: MemoryDirectory; readonly name: string }[],
  ): void {
    const group = ++this.#groups;
    for (const { directory, name } of places) {
      let names = this.#names.get(directory);
      if (names === undefined) this.#names.set(directory, names = new Map());
      const known = names.get(name);
      if (known !== undefined) this.#mergeGroups(known.group, group);
      else {
        const node = directory.entries.get(name);
        // A file whose removal may yet be undone keeps its content.
        if (node?.kind === "file") node.handles++;
        names.set(name, { node, group });
      }
    }
  }

  /** Files that are removed, but whose removal a power cut may undo: a real disk counts their room as free. */
  *removedFiles(): Generator<MemoryFile> {
    for (const names of this.#names.values()) {
      for (const { node } of names.values()) {
        if (node?.kind === "file" && node.names === 0 && node.handles === 1) yield node;
      }
    }
  }

  /** What a sync that begins now covers. */
  snapshot(file: MemoryFile): SyncSnapshot {
    const sectors = new Map<number, Uint8Array>();
    for (const sector of this.#files.get(file)?.sectors.keys() ?? []) {
      sectors.set(sector, readSector(file, sector));
    }
    return { file, bytes: file.bytes, sectors };
  }

  /** The sync succeeded. */
  complete({ file, bytes, sectors }: SyncSnapshot): void {
    const pending = this.#files.get(file);
    if (pending === undefined) return;
    for (const [sector, content] of sectors) {
      if (pending.abandoned.has(sector)) continue;
      if (areEqual(content, readSector(file, sector))) pending.sectors.delete(sector);
      else pending.sectors.set(sector, content);
    }
    if (!pending.isSizeAbandoned) pending.durableBytes = bytes;
    if (pending.sectors.size === 0 && pending.durableBytes === file.bytes) this.#files.delete(file);
  }

  /** The sync failed: what it covered is not retried by the kernel. */
  abandon({ file, sectors }: SyncSnapshot): void {
    const pending = this.#files.get(file);
    if (pending === undefined) return;
    for (const sector of sectors.keys()) pending.abandoned.add(sector);
    if (pending.durableBytes !== file.bytes) pending.isSizeAbandoned = true;
  }

  /** The directory's names are on the medium. */
  completeDirectory(directory: MemoryDirectory): void {
    for (const { node } of this.#names.get(directory)?.values() ?? []) this.#letGo(node);
    this.#names.delete(directory);
  }

  /** Turns the file system into what is found after a power cut. */
  crash(random: SeededRandom, outcome: CrashOutcome): void {
    const before = this.#allFiles();
    this.#crashNames(random, outcome);
    for (const [file, pending] of this.#files) this.#crashFile(file, pending, { random, outcome });
    this.#names.clear();
    this.#files.clear();
    for (const file of before) {
      file.names = 0;
      file.handles = 0;
    }
    this.#walk((node) => {
      if (node.kind === "file") node.names++;
      else node.isLocked = false;
    });
    for (const file of before) this.#memory.forget(file);
  }

  #crashNames(random: SeededRandom, outcome: CrashOutcome): void {
    const fates = new Map<number, boolean>();
    for (const [directory, names] of this.#names) {
      for (const [name, { node, group }] of names) {
        let isKept = fates.get(group);
        if (isKept === undefined) {
          isKept = outcome === "kept" || (outcome === "random" && random.next() < 0.5);
          fates.set(group, isKept);
        }
        if (isKept) continue;
        if (node === undefined) directory.entries.delete(name);
        else directory.entries.set(name, node);
      }
    }
  }

  #crashFile(
    file: MemoryFile,
    pending: PendingFile,
    how: { readonly random: SeededRandom; readonly outcome: CrashOutcome },
  ): void {
    const shown = file.bytes;
    const contents = new Map<number, Uint8Array>();
    for (const [sector, durable] of pending.sectors) {
      const isCut = sector * SECTOR_BYTES >= shown;
      const current = readSector(file, sector);
      contents.set(sector, isCut ? durable : mixSector(durable, current, how));
    }
    const bytes = chooseSize(pending.durableBytes, shown, how);
    this.#memory.resize(file, bytes);
    for (const [sector, content] of contents) {
      const start = sector * SECTOR_BYTES;
      if (start < bytes) {
        file.write(content.subarray(0, Math.min(SECTOR_BYTES, bytes - start)), start);
      }
    }
  }

  #pending(file: MemoryFile): PendingFile {
    let pending = this.#files.get(file);
    if (pending === undefined) {
      pending = {
        durableBytes: file.bytes,
        sectors: new Map(),
        abandoned: new Set(),
        isSizeAbandoned: false,
      };
      this.#files.set(file, pending);
    }
    return pending;
  }

  #mergeGroups(from: number, to: number): void {
    for (const names of this.#names.values()) {
      for (const pending of names.values()) if (pending.group === from) pending.group = to;
    }
  }

  #letGo(node: MemoryNode | undefined): void {
    if (node?.kind !== "file") return;
    node.handles--;
    this.#memory.forget(node);
  }

  #allFiles(): Set<MemoryFile> {
    const files = new Set<MemoryFile>(this.#files.keys());
    for (const names of this.#names.values()) {
      for (const { node } of names.values()) if (node?.kind === "file") files.add(node);
    }
    this.#walk((node) => {
      if (node.kind === "file") files.add(node);
    });
    return files;
  }

  #walk(visit: (node: MemoryNode) => void): void {
    const waiting: MemoryNode[] = [this.#memory.find("/")!];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      visit(node);
      if (node.kind === "directory") waiting.push(...node.entries.values());
    }
  }
}

function readSector(file: MemoryFile, sector: number): Uint8Array {
  const content = new Uint8Array(SECTOR_BYTES);
  file.read(content, sector * SECTOR_BYTES);
  return content;
}

function mixSector(
  durable: Uint8Array,
  current: Uint8Array,
  { random, outcome }: { readonly random: SeededRandom; readonly outcome: CrashOutcome },
): Uint8Array {
  const fate = outcome === "lost" ? 0 : outcome === "kept" ? 0.5 : random.next();
  if (fate < 0.4) return durable;
  if (fate < 0.8) return current;
  const torn = new Uint8Array(durable);
  for (let at = 0; at < SECTOR_BYTES; at += GRAIN_BYTES) {
    if (random.next() < 0.5) torn.set(current.subarray(at, at + GRAIN_BYTES), at);
  }
  return torn;
}

function chooseSize(
  durable: number,
  shown: number,
  { random, outcome }: { readonly random: SeededRandom; readonly outcome: CrashOutcome },
): number {
  if (outcome !== "random") return outcome === "kept" ? shown : durable;
  const fate = random.next();
  if (fate < 0.4) return durable;
  if (fate < 0.8 || shown < durable) return shown;
  const between = durable + Math.floor(random.next() * (shown - durable));
  return Math.max(durable, Math.floor(between / SECTOR_BYTES) * SECTOR_BYTES);
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
