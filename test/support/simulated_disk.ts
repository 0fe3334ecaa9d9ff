/**
 * A disk that forgets what was not synced, fails at a chosen operation, fills up and lets a test decide when syncs end.
 * See simulated_media.ts for what a power cut leaves behind.
 *
 * Every operation that a real disk would see has a number, counted from 1, reads included: a test runs a scenario once,
 * then again with a fault at operation 1, 2, 3 and so on until no fault is met.
 */
import type {
  DirectoryEntry,
  FileHandle,
  FileSystem,
  OpenMode,
} from "../../engine/fs/file_system.ts";
import type { MemoryDirectory, MemoryFile } from "../../engine/fs/memory_file.ts";
import { MemoryFileSystem, systemError } from "../../engine/fs/memory_file_system.ts";
import { fileNameOf, parentOf } from "../../engine/fs/paths.ts";
import { SeededRandom } from "./seeded_random.ts";
import { type CrashOutcome, SimulatedMedia, type SyncSnapshot } from "./simulated_media.ts";

/** Operations whose description is kept for messages. */
const HISTORY_MAX = 40;

/** What goes wrong at one operation. */
export interface Fault {
  /** Number of the operation. */
  readonly at: number;
  /** `crash`: nothing works any more until `crash()` is called. */
  readonly kind: "error" | "crash";
  /** `during`: half of a write has taken effect; of anything else nothing. */
  readonly when: "before" | "during" | "after";
  /** System code of an error, EIO if absent. */
  readonly code?: string;
}

/** What happens to reads of a file: one bit is another, or the second half is not there. */
export type ReadDamage = "flip" | "short";

interface HeldSync {
  readonly snapshot: SyncSnapshot;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface SimulatedDiskOptions {
  readonly seed?: number;
  readonly capacityBytes?: number;
}

export class SimulatedDisk implements FileSystem {
  readonly memory: MemoryFileSystem;
  readonly #media: SimulatedMedia;
  readonly #random: SeededRandom;
  readonly #faults: Fault[] = [];
  readonly #open = new Set<SimulatedFile>();
  readonly #history: string[] = [];
  #capacityBytes: number;
  #operations = 0;
  #faultsMet = 0;
  #isOff = false;
  #holdsSyncs = false;
  #held: HeldSync[] = [];
  #readDamage: { path: string; kind: ReadDamage; left: number } | undefined;

  constructor(options: SimulatedDiskOptions = {}) {
    this.memory = new MemoryFileSystem();
    this.#capacityBytes = options.capacityBytes ?? Infinity;
    this.#media = new SimulatedMedia(this.memory);
    this.#random = new SeededRandom(options.seed ?? 1);
  }

  /** Operations so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Faults that took place. */
  get faultsMet(): number {
    return this.#faultsMet;
  }

  /** The last operations, for messages. */
  get history(): readonly string[] {
    return this.#history;
  }

  /** Whether a crash took place and `crash()` is due. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /** Paths of files that are open. */
  get openPaths(): string[] {
    return [...this.#open].map((file) => file.path);
  }

  /** Leaves so-and-so much room for more. */
  limitRoom(bytes: number): void {
    this.#capacityBytes = this.memory.usedBytes + bytes;
  }

  /** Room for files; may be changed at any time. */
  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#capacityBytes = bytes;
  }

  inject(fault: Fault): void {
    this.#faults.push(fault);
  }

  clearFaults(): void {
    this.#faults.length = 0;
  }

  /** Nothing works any more until `crash()`. */
  turnOff(): void {
    this.#isOff = true;
  }

  /** Power cut and restart: handles are dead, locks free, syncs under way fail, and only what was synced is sure to be there. */
  crash(outcome: CrashOutcome = "random"): void {
    this.#isOff = true;
    this.#readDamage = undefined;
    for (const { reject } of this.#held.splice(0)) reject(systemError("EIO", "sync", "a file"));
    for (const file of this.#open) file.die();
    this.#open.clear();
    this.#media.crash(this.#random, outcome);
    this.#isOff = false;
  }

  /** From now on asynchronous syncs end only when `releaseSyncs` is called. */
  holdSyncs(): void {
    this.#holdsSyncs = true;
  }

  /** Ends the syncs that are under way, in order, and those that follow at once. */
  releaseSyncs(): void {
    this.#holdsSyncs = false;
    this.finishSyncs();
  }

  /** Ends the syncs that are under way; those that follow are held again. */
  finishSyncs(): void {
    for (const { snapshot, resolve } of this.#held.splice(0)) {
      this.#media.complete(snapshot);
      resolve();
    }
  }

  /** Makes the syncs under way fail. */
  failSyncs(code = "EIO"): void {
    for (const { snapshot, reject } of this.#held.splice(0)) {
      this.#media.abandon(snapshot);
      reject(systemError(code, "sync", "a file"));
    }
  }

  get heldSyncs(): number {
    return this.#held.length;
  }

  /** Damages a stored file. */
  flipBit(path: string, place: { readonly offset: number; readonly bit?: number }): void {
    const file = this.#file(path);
    const byte = new Uint8Array(1);
    if (file.read(byte, place.offset) !== 1) throw new Error(`${path} has no byte ${place.offset}`);
    byte[0]! ^= 1 << (place.bit ?? 0);
    file.write(byte, place.offset);
  }

  /** Cuts a stored file. */
  cut(path: string, bytes: number): void {
    this.memory.resize(this.#file(path), bytes);
  }

  /** The next so-and-so many reads of a file are damaged; its bytes stay as they are. */
  damageReads(path: string, how: { readonly kind: ReadDamage; readonly reads: number }): void {
    this.#readDamage = { path, kind: how.kind, left: how.reads };
  }

  /** Damages what was read where that is due; returns the bytes that count as read. */
  damageRead(path: string, read: Uint8Array): number {
    const due = this.#readDamage;
    if (due?.path !== path || due.left === 0 || read.length === 0) return read.length;
    due.left--;
    if (due.kind === "short") return read.length >> 1;
    read[this.#random.below(read.length)]! ^= 1 << this.#random.below(8);
    return read.length;
  }

  open(path: string, mode: OpenMode): FileHandle {
    let file: SimulatedFile | undefined;
    try {
      return this.run(`open ${path} to ${mode}`, path, () => {
        if (mode === "create" && !this.memory.exists(path)) this.#naming(path);
        const handle = this.memory.open(path, mode);
        file = new SimulatedFile(this, this.#media, { handle, file: this.#file(path) });
        this.#open.add(file);
        return file;
      });
    } catch (error) {
      // Nobody got the handle of an open that failed after it took effect.
      file?.close();
      throw error;
    }
  }

  list(path: string): DirectoryEntry[] {
    return this.run(`list ${path}`, path, () => this.memory.list(path));
  }

  exists(path: string): boolean {
    this.checkOn("look at", path);
    return this.memory.exists(path);
  }

  fileBytes(path: string): number {
    this.checkOn("look at", path);
    return this.memory.fileBytes(path);
  }

  makeDirectory(path: string): void {
    this.run(`make directory ${path}`, path, () => {
      let parent = "";
      for (const name of path.split("/").filter((part) => part !== "")) {
        const at = `${parent}/${name}`;
        if (!this.memory.exists(at)) {
          this.#naming(at);
          this.memory.makeDirectory(at);
        }
        parent = at;
      }
    });
  }

  rename(from: string, to: string): void {
    this.run(`rename ${from} to ${to}`, from, () => {
      if (this.memory.exists(from)) this.#naming(from, to);
      this.memory.rename(from, to);
    });
  }

  remove(path: string): void {
    this.run(`remove ${path}`, path, () => {
      if (this.memory.exists(path)) this.#naming(path);
      this.memory.remove(path);
    });
  }

  removeTree(path: string): void {
    this.run(`remove tree ${path}`, path, () => {
      if (!this.memory.exists(path)) return;
      const names = [path];
      for (const name of names) {
        const node = this.memory.find(name);
        if (node?.kind !== "directory") continue;
        for (const entry of node.entries.keys()) names.push(`${name}/${entry}`);
      }
      for (const name of names) this.#naming(name);
      this.memory.removeTree(path);
    });
  }

  link(from: string, to: string): void {
    this.run(`link ${from} to ${to}`, from, () => {
      if (this.memory.exists(from) && !this.memory.exists(to)) this.#naming(to);
      this.memory.link(from, to);
    });
  }

  syncDirectory(path: string): void {
    this.run(`sync directory ${path}`, path, () => {
      this.memory.syncDirectory(path);
      this.#media.completeDirectory(this.memory.find(path) as MemoryDirectory);
    });
  }

  freeBytes(path: string): number | undefined {
    this.updateCapacity();
    return this.memory.freeBytes(path);
  }

  lock(directory: string): Disposable {
    this.checkOn("lock", directory);
    return this.memory.lock(directory);
  }

  /** Counts an operation, and makes it fail where a fault is due. */
  run<T>(what: string, path: string, effect: () => T, half: () => void = () => {}): T {
    this.checkOn(what, path);
    const number = ++this.#operations;
    this.#history.push(`${number}: ${what}`);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    const fault = this.#faults.find(({ at }) => at === number);
    if (fault === undefined) return effect();
    this.#faultsMet++;
    if (fault.when === "after") effect();
    if (fault.when === "during") half();
    if (fault.kind === "crash") {
      this.#isOff = true;
      this.checkOn(what, path);
    }
    throw systemError(fault.code ?? "EIO", what, path);
  }

  /** Call before a file may grow. */
  updateCapacity(): void {
    let bytes = this.#capacityBytes;
    if (bytes < Infinity) { for (const file of this.#media.removedFiles()) bytes += file.bytes; }
    this.memory.capacityBytes = bytes;
  }

  checkOn(what: string, path: string): void {
    if (this.#isOff) throw systemError("EIO", `${what} (the machine is off)`, path);
  }

  /** Ends a sync now, or when the test says so. */
  finishSync(snapshot: SyncSnapshot): Promise<void> {
    if (!this.#holdsSyncs) {
      this.#media.complete(snapshot);
      return Promise.resolve();
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Nobody waits where a fault after the sync has been told instead.
    promise.catch(() => {});
    this.#held.push({ snapshot, resolve, reject });
    return promise;
  }

  forgetHandle(file: SimulatedFile): void {
    this.#open.delete(file);
  }

  #naming(...paths: string[]): void {
    const places = paths.flatMap((path) => {
      const directory = this.memory.find(parentOf(path));
      return directory?.kind === "directory" ? [{ directory, name: fileNameOf(path) }] : [];
    });
    this.#media.beforeNaming(places);
  }

  #file(path: string): MemoryFile {
    const node = this.memory.find(path);
    if (node?.kind !== "file") throw systemError("ENOENT", "find", path);
    return node;
  }
}

class SimulatedFile implements FileHandle {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #media: SimulatedMedia;
  readonly #handle: FileHandle;
  readonly #file: MemoryFile;
  #isDead = false;

  constructor(
    disk: SimulatedDisk,
    media: SimulatedMedia,
    given: { readonly handle: FileHandle; readonly file: MemoryFile },
  ) {
    this.#disk = disk;
    this.#media = media;
    this.#handle = given.handle;
    this.#file = given.file;
    this.path = given.handle.path;
  }

  read(target: Uint8Array, position: number): number {
    return this.#run(`read ${target.length} bytes at ${position} of ${this.path}`, () => {
      const count = this.#handle.read(target, position);
      return this.#disk.damageRead(this.path, target.subarray(0, count));
    });
  }

  write(source: Uint8Array, position: number): void {
    const put = (bytes: number) => {
      this.#disk.updateCapacity();
      this.#media.beforeWrite(this.#file, { from: position, to: position + bytes });
      this.#handle.write(source.subarray(0, bytes), position);
    };
    this.#run(
      `write ${source.length} bytes at ${position} of ${this.path}`,
      () => put(source.length),
      () => put(source.length >> 1),
    );
  }

  size(): number {
    this.#check();
    return this.#handle.size();
  }

  identity(): number {
    this.#check();
    return this.#handle.identity();
  }

  truncate(bytes: number): void {
    this.#run(`truncate ${this.path} to ${bytes}`, () => {
      this.#disk.updateCapacity();
      this.#media.beforeResize(this.#file, bytes);
      this.#handle.truncate(bytes);
    });
  }

  sync(): Promise<void> {
    const snapshot = this.#media.snapshot(this.#file);
    try {
      return this.#run(`sync ${this.path}`, () => this.#disk.finishSync(snapshot));
    } catch (error) {
      if (!this.#disk.isOff) this.#media.abandon(snapshot);
      return Promise.reject(error);
    }
  }

  syncNow(): void {
    const snapshot = this.#media.snapshot(this.#file);
    try {
      this.#run(`sync ${this.path}`, () => this.#media.complete(snapshot));
    } catch (error) {
      if (!this.#disk.isOff) this.#media.abandon(snapshot);
      throw error;
    }
  }

  close(): void {
    if (this.#isDead) return;
    this.#handle.close();
    this.#disk.forgetHandle(this);
  }

  die(): void {
    this.#isDead = true;
  }

  #run<T>(what: string, effect: () => T, half?: () => void): T {
    this.#check();
    // A closed handle is the caller's mistake, not the disk's.
    this.#handle.size();
    return this.#disk.run(what, this.path, effect, half);
  }

  #check(): void {
    if (this.#isDead) throw systemError("EIO", "use (the machine was restarted)", this.path);
  }
}
