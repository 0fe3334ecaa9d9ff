/**
 * Checkpoint of the registry: files under registry/ that together hold every definition, so that log files may go.
 * A checkpoint is incremental: a new file holds what changed since the last one; many small files become one.
 */
import type { FileSystem } from "../fs/file_system.ts";
import type { SeriesRegistry } from "./registry.ts";

export interface RegistryFiles {
  /** Loads all files the manifest names into the registry. Damage: the file is skipped and named; segments heal it. */
  load(names: readonly string[]): { readonly damaged: readonly string[] };
  /** Writes and syncs what is new; returns the names that a manifest edit must carry from now on. No file when nothing is new. */
  checkpoint(): Promise<readonly string[]>;
}

export type OpenRegistryFiles = (
  options: {
    readonly fileSystem: FileSystem;
    readonly directory: string;
    readonly registry: SeriesRegistry;
  },
) => RegistryFiles;
