/**
 * The edits that a manifest keeps although one whole version would say the same: those of the last while. A copy of the
 * directory may hold the files of an earlier version than the manifest that was copied with them; with the edits, opening
 * finds that version.
 *
 * Invariant: the base with all edits applied is the current version.
 */
import type { Version, VersionEdit } from "./version.ts";
import { applyEdit } from "./edit.ts";

/** A record of an edit. */
export interface KeptEdit {
  readonly number: number;
  readonly edit: VersionEdit;
  /** The record as it stands in the file. */
  readonly record: Uint8Array;
}

export interface HistoryOptions {
  /** How long edits are kept. */
  readonly keepMs: number;
  readonly monotonicMs: () => number;
}

export class ManifestHistory {
  readonly #options: HistoryOptions;
  #base: { readonly version: Version; readonly number: number };
  #edits: (KeptEdit & { readonly atMs: number })[];

  /** Edits found in the file count as made now: when they were is not known. */
  constructor(
    options: HistoryOptions,
    found: {
      readonly version: Version;
      readonly number: number;
      readonly edits: readonly KeptEdit[];
    },
  ) {
    this.#options = options;
    this.#base = { version: found.version, number: found.number };
    const atMs = options.monotonicMs();
    this.#edits = found.edits.map((edit) => ({ ...edit, atMs }));
  }

  add(edit: KeptEdit): void {
    this.#edits.push({ ...edit, atMs: this.#options.monotonicMs() });
  }

  /** Forgets edits older than their time; what a rewritten manifest consists of then. */
  shorten(): {
    readonly version: Version;
    readonly number: number;
    readonly records: readonly Uint8Array[];
  } {
    const since = this.#options.monotonicMs() - this.#options.keepMs;
    let kept = this.#edits.findIndex(({ atMs }) => atMs > since);
    if (kept < 0) kept = this.#edits.length;
    for (const { edit, number } of this.#edits.splice(0, kept)) {
      this.#base = { version: applyEdit(this.#base.version, edit), number };
    }
    return { ...this.#base, records: this.#edits.map(({ record }) => record) };
  }
}

/** Keeps nothing. */
export const NO_HISTORY: HistoryOptions = { keepMs: 0, monotonicMs: () => 0 };
