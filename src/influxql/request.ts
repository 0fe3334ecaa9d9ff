/** The request that statements come in: its database and policy, and what of them exists. */
import type { Catalog, SelectLimits, StatementContext } from "./context.ts";
import { notFound } from "./catalog/policies.ts";
import { expiredBeforeNs } from "./catalog/policy_expiry.ts";
import { StatementError } from "./values/result.ts";

export interface InfluxqlRequest {
  /** Empty: none. */
  readonly database: string;
  /** Retention policy of sources that name none; empty: each database's default one. */
  readonly policy: string;
  readonly nowNs: bigint;
  readonly limits: SelectLimits;
  readonly signal: AbortSignal;
}

export interface RequestParts {
  readonly catalog: Catalog;
  /** Takes in databases that series tell of and nobody has named yet. */
  readonly discover: () => void;
  /** Whether there are series that belong to no database. */
  readonly hasLoose: () => boolean;
}

/** What the statements of a request run in. */
export function statementContext(
  { catalog, discover, hasLoose }: RequestParts,
  request: InfluxqlRequest,
): StatementContext {
  const { nowNs } = request;
  const expiries = new Map<string, bigint>();
  const label = (database: string, policy: string): string => {
    const name = database || request.database;
    if (name === "") {
      // What was written without a database is read without one.
      if (hasLoose()) return "";
      throw new StatementError("database name required");
    }
    if (catalog.database(name) === undefined) discover();
    const known = catalog.database(name);
    if (known === undefined) throw notFound(name);
    const wanted = policy || request.policy || known.defaultPolicy;
    const found = known.policies.find((each) => each.name === wanted);
    if (found === undefined) throw new StatementError(`retention policy not found: ${wanted}`);
    const label = catalog.labelOf(name, wanted);
    const beforeNs = expiredBeforeNs(found, nowNs);
    if (beforeNs !== undefined) expiries.set(label, beforeNs);
    return label;
  };
  return {
    label,
    expiredBeforeNs: (label) => expiries.get(label),
    touch: (label) => catalog.touch(label),
    nowNs,
    limits: request.limits,
    signal: request.signal,
    database: request.database,
  };
}
