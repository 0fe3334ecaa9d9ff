/** What a statement needs to know of its request and of the databases, whoever keeps them. */

/** Limits of one SELECT; an error names the limit and both values. 0 limits nothing. */
export interface SelectLimits {
  /** Series that a statement may read. */
  readonly seriesMax: number;
  /** Points that a statement may read. */
  readonly pointsMax: number;
  /** Buckets of GROUP BY time in the whole answer. */
  readonly bucketsMax: number;
  readonly timeoutMs: number;
}

/** What a SELECT's run needs from the request it came in. */
export interface SelectContext {
  /**
   * The engine's `db` label of a database and retention policy as a source names them, "" where it names none (then the
   * request's own ones are meant). Throws StatementError for what does not exist. "" stands for series without the label.
   */
  readonly label: (database: string, policy: string) => string;
  /** Points of what has this label that are older are hidden: its policy's duration is over for them. */
  readonly expiredBeforeNs: (label: string) => bigint | undefined;
  /** The time of the request. */
  readonly nowNs: bigint;
  readonly limits: SelectLimits;
  /** Aborted when the client has gone, the query was killed or its time is over: the reason is what to throw. */
  readonly signal: AbortSignal;
}

export interface StatementContext extends SelectContext {
  /** To be asked in the step that writes a label; a promise while what it held is being deleted: ask again then. */
  readonly touch: (label: string) => Promise<void> | undefined;
  /** The request's database, empty where it names none. */
  readonly database: string;
}

/** How long a database keeps data, and how. Durations in nanoseconds, 0 for ever. */
export interface Policy {
  readonly name: string;
  readonly durationNs: bigint;
  readonly shardNs: bigint;
  readonly replication: number;
}

/** A database as it is kept: replaced whole when something of it changes. */
export interface DatabaseEntry {
  readonly name: string;
  readonly policies: readonly Policy[];
  /** Empty where the policy that was it is gone. */
  readonly defaultPolicy: string;
  /** Continuous queries: name and text. */
  readonly queries: readonly (readonly [name: string, text: string])[];
}

/** Someone who may be given rights. */
export interface UserEntry {
  readonly name: string;
  readonly admin: boolean;
  /** What the password is checked against. */
  readonly hash: string;
  /** Rights by database; "none" is left where all was taken. */
  readonly grants: readonly (readonly [
    database: string,
    privilege: "none" | "read" | "write" | "all",
  ])[];
}

/** Where databases and users are kept. Changes are saved when the call returns; it throws "io" where that fails. */
export interface Catalog {
  /** Names, sorted. */
  databases(): readonly string[];
  database(name: string): DatabaseEntry | undefined;
  /** Adds a database or replaces it. */
  put(database: DatabaseEntry): void;
  remove(database: string): void;
  /** Deletes what dropped labels hold, while those who would write them wait. */
  empty(labels: readonly string[], remove: (label: string) => Promise<void>): Promise<void>;
  /** To be asked in the step that writes a label; a promise while what it held is being deleted: ask again then. */
  touch(label: string): Promise<void> | undefined;
  /** The `db` label of what a policy holds, the default one where the name is empty. */
  labelOf(database: string, policy: string): string;
  users(): readonly UserEntry[];
  putUser(user: UserEntry): void;
  removeUser(name: string): void;
}

/** A query that is running. */
export interface RunningQuery {
  readonly id: number;
  readonly query: string;
  readonly database: string;
  readonly runningMs: number;
  readonly isKilled: boolean;
}
