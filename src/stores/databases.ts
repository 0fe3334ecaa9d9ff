/**
 * Which databases, retention policies, continuous queries and users there are.
 *
 * A database exists once it was created or written. Its data is what carries the label `db`: the database's name for the
 * policy `autogen`, `name/policy` for any other. Names that only labels tell of (data of an older program, a lost file)
 * are taken in by `discover`.
 *
 * Every change is saved before the call returns, in one file that is replaced whole: a power cut leaves the old or the new
 * one. What cannot be saved is not changed either. A damaged file is set aside and reported, never in the way of a start.
 */
import { dirname } from "node:path";
import type { FileSystem, Logger } from "../../engine/mod.ts";
import { compareText, EngineError } from "../../engine/mod.ts";
import {
  parseContent,
  printContent,
  type StoredDatabase,
  type StoredPolicy,
  type StoredUser,
} from "./databases_content.ts";

/** The policy that a database has from the start. */
export const FIRST_POLICY = "autogen";
/** What a policy without a duration has for the span of one shard. */
const WEEK_NS = 604_800_000_000_000n;

/** Where the store lies, and who hears about a damaged file. */
export interface DatabasesFile {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly logger: Logger;
}

const FILE_BYTES_MAX = 64 << 20;
/** Each change rewrites the file: so many names take some milliseconds. */
const DATABASES_MAX = 10_000;
/** Policies of a database, and continuous queries of one. */
const PARTS_MAX = 1_000;
const USERS_MAX = 10_000;
/** Labels whose durations are kept at hand. */
const DURATIONS_KEPT_MAX = 100_000;

export class DatabaseStore {
  readonly #file: DatabasesFile | undefined;
  readonly #databases = new Map<string, StoredDatabase>();
  readonly #users = new Map<string, StoredUser>();
  /** Labels of what was dropped: the registry of series still knows them. */
  readonly #dropped = new Set<string>();
  /** Those of them that are known to hold no data any more. */
  readonly #emptied = new Set<string>();
  /** Labels whose data is being deleted, until when. */
  readonly #emptying = new Map<string, Promise<void>>();
  /** Labels that are known to belong to a database and policy that exist. */
  readonly #labels = new Set<string>();
  /** What `durationOf` has found. */
  readonly #durations = new Map<string, bigint>();
  #generation = 0;
  /** A database that a write made is not in the file yet. */
  #isUnsaved = false;

  private constructor(file: DatabasesFile | undefined) {
    this.#file = file;
  }

  /** Opens the store; with a file, with what it holds. */
  static open(file?: DatabasesFile): DatabaseStore {
    const store = new DatabaseStore(file);
    if (file !== undefined && file.fileSystem.exists(file.path)) store.#load(file);
    return store;
  }

  /** Changes whenever databases do: what was resolved before is to be resolved anew. */
  get generation(): number {
    return this.#generation;
  }

  databases(): readonly string[] {
    return [...this.#databases.keys()].sort(compareText);
  }

  database(name: string): StoredDatabase | undefined {
    return this.#databases.get(name);
  }

  /** Adds a database or replaces it. Throws "limit", "io". */
  put(database: StoredDatabase): void {
    const known = this.#databases.get(database.name);
    if (known === undefined) refuseBeyond("databases", this.#databases.size + 1, DATABASES_MAX);
    const { policies, queries } = database;
    // What there is already, by writes or in the file, may always become less.
    if (policies.length > (known?.policies.length ?? 0)) {
      refuseBeyond("retention policies", policies.length, PARTS_MAX);
    }
    if (queries.length > (known?.queries.length ?? 0)) {
      refuseBeyond("continuous queries", queries.length, PARTS_MAX);
    }
    this.#change(() => this.#set(database));
  }

  /** Removes a database, with all rights to it. */
  remove(name: string): void {
    const known = this.#databases.get(name);
    if (known === undefined) return;
    this.#change(() => {
      for (const { name: policy } of known.policies) this.#drop(databaseLabel(name, policy));
      this.#databases.delete(name);
      for (const user of this.#users.values()) {
        const grants = user.grants.filter(([database]) => database !== name);
        if (grants.length < user.grants.length) this.#users.set(user.name, { ...user, grants });
      }
      this.#forgetLabels();
    });
  }

  /** Labels of what was dropped and not written again, but for those that were emptied: data that has them is of no use. */
  get dropped(): readonly string[] {
    return [...this.#dropped.difference(this.#emptied)];
  }

  /** Notes that no data has these labels, which were dropped. */
  noteEmptied(labels: readonly string[]): void {
    const known = labels.filter((label) => this.#dropped.has(label) && !this.#emptied.has(label));
    if (known.length === 0) return;
    this.#change(() => {
      for (const label of known) this.#emptied.add(label);
    });
  }

  /** The `db` label of a database and policy; an empty policy is the default one. */
  labelOf(database: string, policy: string): string {
    if (policy !== "") return databaseLabel(database, policy);
    const known = this.#databases.get(database);
    return databaseLabel(database, known?.defaultPolicy ?? "");
  }

  /** How long the policy of a label keeps its points; 0: for ever. */
  durationOf(label: string): bigint {
    let durationNs = this.#durations.get(label);
    if (durationNs === undefined) {
      const { database, policy } = splitLabel(label);
      const { policies = [] } = this.#databases.get(database) ?? {};
      durationNs = policies.find((each) => each.name === policy)?.durationNs ?? 0n;
      if (this.#durations.size < DURATIONS_KEPT_MAX) this.#durations.set(label, durationNs);
    }
    return durationNs;
  }

  /**
   * To be asked in the step that writes a label: its database and policy exist from now on. Returns a promise while what was
   * dropped with that label is being deleted: ask again then. Throws "io" where a crash would delete what is written.
   */
  touch(label: string): Promise<void> | undefined {
    const emptying = this.#emptying.get(label);
    if (emptying !== undefined) return emptying;
    if (this.#labels.has(label) && !this.#isUnsaved) return undefined;
    // The next start deletes what the file says is dropped and not emptied.
    const mustSave = this.#dropped.has(label) && !this.#emptied.has(label);
    if (mustSave) this.#change(() => this.#touch(label));
    else {
      this.#touch(label);
      if (this.#isUnsaved) this.#saveIfPossible();
    }
    return undefined;
  }

  #touch(label: string): void {
    this.#labels.add(label);
    const isNew = this.#create(label);
    const wasDropped = this.#dropped.delete(label);
    this.#isUnsaved ||= isNew || wasDropped;
  }

  /** Deletes what dropped labels hold, while those who would write them wait. Rejects with what `remove` does. */
  async empty(
    labels: readonly string[],
    remove: (label: string) => Promise<void>,
  ): Promise<void> {
    // Dropped, made anew and dropped again while the data goes.
    while (labels.some((label) => this.#emptying.has(label))) {
      await Promise.all(labels.map((label) => this.#emptying.get(label)));
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const label of labels) this.#emptying.set(label, promise);
    try {
      for (const label of labels) await remove(label);
      this.noteEmptied(labels);
    } finally {
      for (const label of labels) this.#emptying.delete(label);
      resolve();
    }
  }

  /** Takes in the databases of labels that series carry, but for what was dropped. */
  discover(labels: Iterable<string>): void {
    let changed = false;
    for (const label of labels) {
      if (this.#dropped.has(label) || this.#labels.has(label)) continue;
      this.#labels.add(label);
      changed = this.#create(label) || changed;
    }
    if (!changed) return;
    this.#isUnsaved = true;
    this.#saveIfPossible();
  }

  users(): readonly StoredUser[] {
    return [...this.#users.values()].sort((left, right) => compareText(left.name, right.name));
  }

  putUser(user: StoredUser): void {
    if (!this.#users.has(user.name)) refuseBeyond("users", this.#users.size + 1, USERS_MAX);
    this.#change(() => void this.#users.set(user.name, user));
  }

  removeUser(name: string): void {
    if (this.#users.has(name)) this.#change(() => void this.#users.delete(name));
  }

  /** Makes a change and saves it, or (thrown) neither. */
  #change(make: () => void): void {
    const databases = new Map(this.#databases);
    const users = new Map(this.#users);
    const dropped = new Set(this.#dropped);
    const emptied = new Set(this.#emptied);
    make();
    try {
      this.#save();
    } catch (error) {
      restore(this.#databases, databases);
      restore(this.#users, users);
      restoreSet(this.#dropped, dropped);
      restoreSet(this.#emptied, emptied);
      this.#forgetLabels();
      throw error;
    }
  }

  #set(database: StoredDatabase): void {
    const known = this.#databases.get(database.name);
    for (const { name } of known?.policies ?? []) {
      const isKept = database.policies.some((each) => each.name === name);
      if (!isKept) this.#drop(databaseLabel(database.name, name));
    }
    for (const { name } of database.policies) {
      this.#revive(databaseLabel(database.name, name));
    }
    this.#databases.set(database.name, database);
    this.#forgetLabels();
  }

  #drop(label: string): void {
    this.#dropped.add(label);
    this.#emptied.delete(label);
  }

  #revive(label: string): void {
    this.#dropped.delete(label);
    this.#emptied.delete(label);
  }

  #forgetLabels(): void {
    this.#labels.clear();
    this.#durations.clear();
    this.#generation++;
  }

  /** Makes the database and policy of a label; false where they are there already. */
  #create(label: string): boolean {
    const { database, policy } = splitLabel(label);
    if (database === "") return false;
    const known = this.#databases.get(database);
    if (known?.policies.some((each) => each.name === policy) === true) return false;
    // Writes go on; what they write is in no list, as the names come from outside.
    if (known === undefined && this.#databases.size >= DATABASES_MAX) return false;
    if ((known?.policies.length ?? 0) >= PARTS_MAX) return false;
    const added: StoredPolicy = { name: policy, durationNs: 0n, shardNs: WEEK_NS, replication: 1 };
    const base = known ?? { ...newDatabase(database), policies: [] };
    const policies = [...base.policies, added];
    const first = newDatabase(database).policies[0]!;
    if (known === undefined && policy !== FIRST_POLICY) policies.unshift(first);
    this.#databases.set(database, { ...base, policies });
    this.#generation++;
    return true;
  }

  #save(): void {
    if (this.#file === undefined) return;
    const { fileSystem, path } = this.#file;
    const text = printContent({
      databases: [...this.#databases.values()],
      users: [...this.#users.values()],
      dropped: [...this.#dropped],
      emptied: [...this.#emptied],
    });
    const temporary = `${path}.new`;
    if (fileSystem.exists(temporary)) fileSystem.remove(temporary);
    const handle = fileSystem.open(temporary, "create");
    try {
      handle.write(new TextEncoder().encode(text), 0);
      handle.syncNow();
    } finally {
      handle.close();
    }
    fileSystem.rename(temporary, path);
    fileSystem.syncDirectory(dirname(path));
    this.#isUnsaved = false;
  }

  /** Work goes on without room on the disk: data tells the names of its databases again. */
  #saveIfPossible(): void {
    try {
      this.#save();
    } catch (error) {
      this.#warn("Cannot save the list of databases", error);
    }
  }

  #load({ fileSystem, path }: DatabasesFile): void {
    try {
      const bytes = new Uint8Array(Math.min(fileSystem.fileBytes(path), FILE_BYTES_MAX));
      const handle = fileSystem.open(path, "read");
      try {
        handle.read(bytes, 0);
      } finally {
        handle.close();
      }
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      const { databases, users, dropped, emptied } = parseContent(text);
      for (const database of databases) this.#databases.set(database.name, database);
      for (const user of users) this.#users.set(user.name, user);
      for (const label of dropped) this.#dropped.add(label);
      for (const label of emptied) this.#emptied.add(label);
    } catch (error) {
      this.#warn("Cannot read the list of databases, beginning anew from the data", error);
      this.#setAside(fileSystem, path);
    }
  }

  /** Policies and users are not found again from the data: whoever can mend the file still has it. */
  #setAside(fileSystem: FileSystem, path: string): void {
    try {
      const aside = `${path}.damaged`;
      if (fileSystem.exists(aside)) fileSystem.remove(aside);
      fileSystem.rename(path, aside);
    } catch (error) {
      this.#warn("Cannot set the damaged list of databases aside", error);
    }
  }

  #warn(message: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#file?.logger.log("warn", message, { path: this.#file.path, reason });
  }
}

function refuseBeyond(what: string, count: number, max: number): void {
  if (count <= max) return;
  throw new EngineError("limit", `Cannot keep ${count} ${what}: allowed are ${max}`);
}

function restore<Value>(target: Map<string, Value>, content: ReadonlyMap<string, Value>): void {
  target.clear();
  for (const [name, value] of content) target.set(name, value);
}

function restoreSet(target: Set<string>, content: ReadonlySet<string>): void {
  target.clear();
  for (const each of content) target.add(each);
}

/** The `db` label of a database and retention policy: `db`, or `db/policy` for a policy that is not the first. */
export function databaseLabel(database: string, policy: string): string {
  return policy === "" || policy === FIRST_POLICY ? database : `${database}/${policy}`;
}

/** What a label says. */
export function splitLabel(label: string): { database: string; policy: string } {
  const slash = label.indexOf("/");
  if (slash < 0) return { database: label, policy: FIRST_POLICY };
  return { database: label.slice(0, slash), policy: label.slice(slash + 1) };
}

/** A database as it is when nothing more is said of it. */
export function newDatabase(name: string): StoredDatabase {
  const policy = { name: FIRST_POLICY, durationNs: 0n, shardNs: WEEK_NS, replication: 1 };
  return { name, policies: [policy], defaultPolicy: FIRST_POLICY, queries: [] };
}
