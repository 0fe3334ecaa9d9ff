/** Runs statements: each by the file that knows how, one after the other, with errors in their results. */
import { type Database, isEngineError } from "../../engine/mod.ts";
import { Slices } from "../slices.ts";
import type { SelectStatement, Statement } from "./language/ast.ts";
import type { Catalog, StatementContext } from "./context.ts";
import { createContinuousQuery, dropContinuousQuery } from "./continuous/continuous_query.ts";
import { writeFrames } from "./select/into.ts";
import { alterPolicy, createDatabase, createPolicy } from "./catalog/policies.ts";
import { dropDatabase, dropMeasurement, dropPolicyData, removeSeries } from "./catalog/removal.ts";
import {
  type Frame,
  type Message,
  StatementError,
  type StatementResult,
  SyntaxFailure,
} from "./values/result.ts";
import type { RunningQueries } from "./running_queries.ts";
import { showSchema } from "./schema/schema.ts";
import type { SelectEngine } from "./select/select.ts";
import {
  type Diagnostics,
  showContinuousQueries,
  showDatabases,
  showDiagnostics,
  showPolicies,
  showQueries,
  showStats,
} from "./catalog/server_listings.ts";
import { showShardGroups, showShards } from "./schema/shards.ts";
import { readOnlyWarning } from "./language/statement_text.ts";
import {
  changeGrant,
  createUser,
  dropUser,
  setPassword,
  showGrants,
  showUsers,
} from "./catalog/users.ts";

export interface StatementParts {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly select: Pick<SelectEngine, "select" | "explain">;
  readonly queries: RunningQueries;
  /** Takes in databases that series tell of and nobody has named yet. */
  readonly discover: () => void;
  readonly diagnostics: () => Diagnostics;
  /** Called when a continuous query was created. */
  readonly onContinuous: () => void;
  /** Hears of errors that are our own trouble. */
  readonly onError: (error: unknown) => void;
}

/** A part of the answer to several statements. */
export type AnswerPart =
  | {
    readonly kind: "begin";
    /** Place of the statement in the query. */
    readonly id: number;
    readonly statement: Statement;
  }
  | { readonly kind: "frame"; readonly frame: Frame }
  | {
    readonly kind: "end";
    readonly messages: readonly Message[];
    readonly error: string | undefined;
  };

type Showing = Statement & { readonly kind: "show" | "show_policies" | "show_grants" };
type Reading = "select" | "explain" | "show_schema" | "show" | "show_policies" | "show_grants";
type Changing = Exclude<Statement, { readonly kind: Reading }>;
type ChangingUser = Extract<
  Changing,
  { readonly kind: "create_user" | "set_password" | "drop_user" | "grant" | "revoke" }
>;

/** What the statements behind a failed one say. */
const NOT_EXECUTED = "not executed";
const NO_FRAMES: readonly Frame[] = [];

export class Statements {
  readonly #parts: StatementParts;

  constructor(parts: StatementParts) {
    this.#parts = parts;
  }

  /** Runs a list of statements as its parts are taken. With `isReadOnly`, those that change something are warned of. */
  async *runAll(
    statements: readonly Statement[],
    context: StatementContext,
    { isReadOnly }: { readonly isReadOnly: boolean },
  ): AsyncGenerator<AnswerPart> {
    let hasFailed = false;
    const slices = new Slices(1);
    for (const [id, statement] of statements.entries()) {
      yield { kind: "begin", id, statement };
      if (slices.isDue) await slices.pause();
      if (hasFailed) {
        yield { kind: "end", messages: [], error: NOT_EXECUTED };
        continue;
      }
      const warning = isReadOnly ? readOnlyWarning(statement) : undefined;
      const messages: Message[] = warning === undefined ? [] : [warning];
      let error: string | undefined;
      try {
        context.signal.throwIfAborted();
        const result = await this.run(statement, context);
        for await (const frame of result.frames) {
          yield { kind: "frame", frame };
          if (slices.isDue) await slices.pause();
          // What is computed already is not sent to its end either.
          context.signal.throwIfAborted();
        }
        messages.push(...result.messages);
      } catch (thrown) {
        error = this.#errorText(thrown, context.signal);
        hasFailed = true;
      }
      yield { kind: "end", messages, error };
    }
  }

  /** Runs one statement. Rejects with a StatementError. */
  async run(statement: Statement, context: StatementContext): Promise<StatementResult> {
    switch (statement.kind) {
      case "select":
        return statement.into === undefined
          ? await this.#parts.select.select(statement, context)
          : resultOf(await this.#selectInto(statement, context));
      case "explain":
        return await this.#parts.select.explain(statement, context);
      case "show_schema":
        return resultOf(await showSchema(this.#parts, statement, context));
      case "show":
      case "show_policies":
      case "show_grants":
        return resultOf(await this.#show(statement, context));
      default:
        await this.#change(statement, context);
        return resultOf(NO_FRAMES);
    }
  }

  /** The count of points written, as a frame. */
  async #selectInto(statement: SelectStatement, context: StatementContext): Promise<Frame[]> {
    const { select, database } = this.#parts;
    const { frames } = await select.select(statement, context);
    const written = await writeFrames(database, frames, { target: statement.into!, context });
    return [{
      name: "result",
      tags: undefined,
      columns: ["time", "written"],
      count: 1,
      times: { origin: 0n, offsets: new Float64Array(1) },
      data: [{ kind: "integer", values: Float64Array.of(written) }],
      continues: false,
    }];
  }

  async #show(statement: Showing, context: StatementContext): Promise<readonly Frame[]> {
    const { catalog, queries, discover } = this.#parts;
    if (statement.kind === "show_grants") return [showGrants(catalog, statement.user)];
    if (statement.kind === "show_policies") {
      const name = statement.database || context.database;
      if (name !== "" && catalog.database(name) === undefined) discover();
      return [showPolicies(catalog, name)];
    }
    switch (statement.of) {
      case "databases":
        discover();
        return [showDatabases(catalog)];
      case "users":
        return [showUsers(catalog)];
      case "queries":
        return [showQueries(queries.list())];
      case "continuous_queries":
        return showContinuousQueries(catalog);
      case "stats":
        return showStats(this.#parts.database.stats());
      case "diagnostics":
        return showDiagnostics(this.#parts.diagnostics());
      case "shards":
        return await showShards(this.#parts, context);
      case "shard_groups":
        return [await showShardGroups(this.#parts, context)];
      case "subscriptions":
        return NO_FRAMES;
    }
  }

  async #change(statement: Changing, context: StatementContext): Promise<void> {
    const { catalog, queries } = this.#parts;
    switch (statement.kind) {
      case "create_database":
        return createDatabase(catalog, statement);
      case "drop_database":
        return await dropDatabase(this.#parts, statement.name);
      case "create_policy":
        return createPolicy(catalog, statement);
      case "alter_policy":
        return alterPolicy(catalog, statement);
      case "drop_policy":
        return await dropPolicyData(this.#parts, statement);
      case "drop_measurement":
        return await dropMeasurement(this.#parts, statement.name, context);
      case "drop_series":
      case "delete":
        return await removeSeries(this.#parts, statement, context);
      case "kill_query":
        return queries.kill(statement.id);
      case "create_continuous_query":
        createContinuousQuery(catalog, statement, context);
        return this.#parts.onContinuous();
      case "drop_continuous_query":
        return dropContinuousQuery(catalog, statement);
      case "create_subscription":
      case "drop_subscription":
        throw new StatementError("subscriptions are not supported");
      case "drop_shard":
        throw new StatementError(
          "DROP SHARD is not supported: databases share their files; use DELETE with a time range",
        );
      default:
        return await this.#changeUser(statement);
    }
  }

  async #changeUser(statement: ChangingUser): Promise<void> {
    const { catalog } = this.#parts;
    switch (statement.kind) {
      case "create_user":
        return await createUser(catalog, statement);
      case "set_password":
        return await setPassword(catalog, statement);
      case "drop_user":
        return dropUser(catalog, statement);
      case "grant":
      case "revoke":
        return changeGrant(catalog, statement);
    }
  }

  /** What a result says of what was thrown. */
  #errorText(error: unknown, signal: AbortSignal): string {
    if (error instanceof StatementError || error instanceof SyntaxFailure) return error.message;
    // Whatever the engine throws when it is stopped: the reason says why.
    if (signal.aborted && signal.reason instanceof StatementError) return signal.reason.message;
    const isExpected = isEngineError(error, "limit") || isEngineError(error, "invalid");
    if (!isExpected) this.#parts.onError(error);
    return isEngineError(error) ? error.message : "internal error";
  }
}

function resultOf(frames: readonly Frame[]): StatementResult {
  return { frames, messages: [] };
}
