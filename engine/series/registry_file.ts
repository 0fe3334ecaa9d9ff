/**
 * Checkpoint of the registry: files under registry/ that together hold every definition, so that log files may go.
 * A checkpoint is incremental: a new file holds what changed since the last one; many small files become one.
 *
 * Invariants
 * - A file has its name only when it is whole, and never changes; a newer one adds to and repeats what older ones say.
 * - A file is on the device, and its name too, before `checkpoint` gives its name.
 * - After a failure, or with damage, the next checkpoint writes everything anew.
 */
import { EngineError, isEngineError } from "../errors.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import { isMissing } from "../fs/io_error.ts";
import { ObsoleteFiles } from "../fs/obsolete_files.ts";
import { joinPath } from "../fs/paths.ts";
import type { Registry } from "./registry.ts";
import {
  BLOCK_HEADER_BYTES,
  encodeBlock,
  encodeEnd,
  encodeHeader,
  HEADER_BYTES,
  readBlocks,
} from "./registry_format.ts";

/** Files of a checkpoint; with more, all but the first become one. */
export const REGISTRY_FILES_MAX = 32;
/** Ends the name of a file that is being written. */
const UNFINISHED = ".new";
/** Changes are gathered in further files until they have the bytes of the first, at least this many. */
const CHANGES_BYTES_MIN = 65_536;

export interface RegistryFiles {
  /** Bytes of the files of the checkpoint. */
  readonly bytes: number;
  /** Whether the files do not hold everything, so that the next checkpoint writes it anew. */
  readonly isIncomplete: boolean;
  /** Loads all files the manifest names into the registry. Damage: the file is skipped and named; segments heal it. */
  load(names: readonly string[]): { readonly damaged: readonly string[] };
  /** Writes and syncs what is new; returns the names that a manifest edit must carry from now on. No file when nothing is new. */
  checkpoint(): Promise<readonly string[]>;
  /** Files that neither `names`, the manifest's, nor the next edit need are obsolete. */
  removeUnnamed(names: readonly string[]): void;
}

export interface RegistryFilesOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly registry: Registry;
  /** Where files go that are not needed any more; if absent, they are removed at once. */
  readonly obsolete?: ObsoleteFiles;
}

export type OpenRegistryFiles = (options: RegistryFilesOptions) => RegistryFiles;

/** The registry's files in a directory, which exists. */
export const openRegistryFiles: OpenRegistryFiles = (options) => new CheckpointFiles(options);

/** A file that belongs to the checkpoint. */
interface NamedFile {
  readonly name: string;
  readonly bytes: number;
}

class CheckpointFiles implements RegistryFiles {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #registry: Registry;
  readonly #obsolete: ObsoleteFiles;
  #files: readonly NamedFile[] = [];
  /** Whether the next checkpoint must hold everything. */
  #anew = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor({ fileSystem, directory, registry, obsolete }: RegistryFilesOptions) {
    this.#obsolete = obsolete ?? ObsoleteFiles.none();
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#registry = registry;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  get isIncomplete(): boolean {
    return this.#anew;
  }

  load(names: readonly string[]): { readonly damaged: readonly string[] } {
    const wasEmpty = this.#registry.sourceCount === 0;
    const damaged: string[] = [];
    const files: NamedFile[] = [];
    for (const name of names) {
      const bytes = this.#loadOne(name);
      if (bytes === undefined) damaged.push(name);
      else files.push({ name, bytes });
    }
    this.#files = files;
    if (damaged.length === 0 && wasEmpty) this.#registry.definitions.trustCheckpoint();
    else this.#anew = true;
    return { damaged };
  }

  /** Applies a file; its bytes, or undefined when it is damaged or missing. What stands before the damage is applied. */
  #loadOne(name: string): number | undefined {
    try {
      using file = this.#open(name);
      for (const { definitions } of readBlocks(file.handle)) this.#registry.apply(definitions);
      return file.handle.size();
    } catch (error) {
      if (isEngineError(error, "corrupt") || isMissing(error)) return undefined;
      throw error;
    }
  }

  checkpoint(): Promise<readonly string[]> {
    const next = this.#running.then(() => this.#checkpoint());
    this.#running = next.catch(() => undefined);
    return next;
  }

  async #checkpoint(): Promise<readonly string[]> {
    const { definitions } = this.#registry;
    const [first, ...changes] = this.#files;
    const changed = changes.reduce((sum, file) => sum + file.bytes, 0);
    const anew = this.#anew || changed > Math.max(first?.bytes ?? 0, CHANGES_BYTES_MIN);
    if (anew) definitions.forgetCheckpoint();
    // Until the file is there, a failure must not leave changes behind that count as written.
    this.#anew = true;
    const written = await this.#writeFile(encoded(definitions.changes()));
    this.#anew = false;
    if (anew) this.#files = written === undefined ? [] : [written];
    else if (written !== undefined) this.#files = [...this.#files, written];
    if (this.#files.length > REGISTRY_FILES_MAX) await this.#joinChanges();
    return this.#files.map((file) => file.name);
  }

  /** Makes one file of all but the first, block by block; damage in one of them leads to a checkpoint from memory. */
  async #joinChanges(): Promise<void> {
    const [first, ...changes] = this.#files;
    const names = changes.map((file) => file.name);
    try {
      const joined = await this.#writeFile(this.#storedBlocks(names));
      this.#files = joined === undefined ? [first!] : [first!, joined];
    } catch (error) {
      if (!isEngineError(error, "corrupt") && !isMissing(error)) throw error;
      this.#anew = true;
    }
  }

  async *#storedBlocks(names: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const name of names) {
      using file = this.#open(name);
      for (const { bytes } of readBlocks(file.handle)) yield bytes;
    }
  }

  /** Writes blocks into a new file and syncs it; undefined, and no file, when there are none. */
  async #writeFile(blocks: AsyncIterable<Uint8Array>): Promise<NamedFile | undefined> {
    let name: string | undefined;
    let handle: FileHandle | undefined;
    try {
      let at = HEADER_BYTES;
      for await (const block of blocks) {
        if (handle === undefined) {
          name = this.#newName();
          const path = joinPath(this.#directory, name + UNFINISHED);
          if (this.#fileSystem.exists(path)) this.#fileSystem.remove(path);
          handle = this.#fileSystem.open(path, "create");
          handle.write(encodeHeader(), 0);
        }
        handle.write(block, at);
        at += block.length;
      }
      if (handle === undefined || name === undefined) return undefined;
      handle.write(encodeEnd(), at);
      await handle.sync();
      handle.close();
      const path = joinPath(this.#directory, name);
      this.#fileSystem.rename(path + UNFINISHED, path);
      this.#fileSystem.syncDirectory(this.#directory);
      return { name, bytes: at + BLOCK_HEADER_BYTES };
    } catch (error) {
      handle?.close();
      if (handle !== undefined) {
        this.#removeQuietly(name! + UNFINISHED);
        this.#removeQuietly(name!);
      }
      throw error;
    }
  }

  removeUnnamed(names: readonly string[]): void {
    const keep = new Set([...names, ...this.#files.map((file) => file.name)]);
    for (const name of this.#existing()) {
      if (!keep.has(name)) this.#retire(name);
    }
  }

  #retire(name: string): void {
    const path = joinPath(this.#directory, name);
    if (this.#obsolete.has(path)) return;
    this.#obsolete.add({
      path,
      bytes: this.#fileSystem.fileBytes(path),
      remove: () => this.#removeQuietly(name),
    });
  }

  /** Names of all registry files in the directory. */
  #existing(): string[] {
    return this.#fileSystem.list(this.#directory)
      .filter(({ name, kind }) => kind === "file" && /^\d{10}\.reg$/.test(name))
      .map(({ name }) => name);
  }

  #newName(): string {
    const numbers = [...this.#existing(), ...this.#files.map((file) => file.name)]
      .map((name) => parseInt(name, 10))
      .filter((number) => Number.isFinite(number));
    const number = Math.max(0, ...numbers) + 1;
    if (number > 9_999_999_999) {
      throw new EngineError(
        "limit",
        "Cannot write a registry file: its number has too many digits",
      );
    }
    return `${String(number).padStart(10, "0")}.reg`;
  }

  /** A file that is left over does no harm: the next opening or removal takes it. False when the disk refuses. */
  #removeQuietly(name: string): boolean {
    try {
      this.#fileSystem.remove(joinPath(this.#directory, name));
      return true;
    } catch (error) {
      if (!isEngineError(error, "io")) throw error;
      return isMissing(error);
    }
  }

  #open(name: string): Disposable & { readonly handle: FileHandle } {
    const handle = this.#fileSystem.open(joinPath(this.#directory, name), "read");
    return { handle, [Symbol.dispose]: () => handle.close() };
  }
}

async function* encoded(blocks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const block of blocks) yield await encodeBlock(block);
}
