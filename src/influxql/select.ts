/** SELECT over the engine: from a statement's tree to frames of columns. */
import type { Database } from "../../engine/mod.ts";
import type { SelectStatement } from "./ast.ts";
import type { SelectContext } from "./context.ts";
import type { QueryMemory } from "../query_memory.ts";
import { StatementError, type StatementResult } from "./result.ts";

export interface SelectParts {
  readonly database: Database;
  /** Counts what a statement holds. */
  readonly memory: QueryMemory;
  /** Numbers in 0 <= x < 1, for `sample`. */
  readonly random: () => number;
}

export class SelectEngine {
  readonly #parts: SelectParts;

  constructor(parts: SelectParts) {
    this.#parts = parts;
  }

  /** Plans the statement (throws StatementError) and gives what reads and computes while its frames are taken. */
  select(statement: SelectStatement, context: SelectContext): Promise<StatementResult> {
    void [this.#parts, statement, context];
    return Promise.reject(new StatementError("SELECT is not supported"));
  }
}
