/** Statements on databases and retention policies, with InfluxDB's rules of what fits together. */
import type { PolicySpecification, Statement } from "../language/ast.ts";
import type { Catalog, DatabaseEntry, Policy } from "../context.ts";
import { StatementError } from "../values/result.ts";

type Of<Kind extends Statement["kind"]> = Statement & { readonly kind: Kind };

const HOUR_NS = 3_600_000_000_000n;
const DAY_NS = 24n * HOUR_NS;
/** Shortest duration of a policy that is not for ever. */
const DURATION_NS_MIN = HOUR_NS;
const FIRST_POLICY = "autogen";
const NAME_LENGTH_MAX = 255;

const TOO_SHORT = "retention policy duration must be at least 1h0m0s";
const INCOMPATIBLE = "retention policy duration must be greater than the shard duration";
const CONFLICT = "retention policy conflicts with an existing policy";

export function createDatabase(catalog: Catalog, { name, policy }: Of<"create_database">): void {
  checkName(name);
  const known = catalog.database(name);
  if (policy === undefined) {
    if (known === undefined) catalog.put(withPolicy(name, policyOf(FIRST_POLICY, {})));
    return;
  }
  const policyName = policy.name === "" ? FIRST_POLICY : policy.name;
  checkName(policyName);
  const wanted = policyOf(policyName, policy);
  check(wanted);
  if (known === undefined || known.policies.length === 0) {
    catalog.put({ ...withPolicy(name, wanted), queries: known?.queries ?? [] });
    return;
  }
  const there = known.policies.find((each) => each.name === policyName);
  if (there === undefined || !fits(policy, there) || known.defaultPolicy !== policyName) {
    throw new StatementError(CONFLICT);
  }
}

export function createPolicy(
  catalog: Catalog,
  statement: Of<"create_policy" | "alter_policy">,
): void {
  const { name, database, policy } = statement;
  checkName(name);
  const known = catalog.database(database);
  const wanted = policyOf(name, policy);
  check(wanted);
  if (known === undefined) throw notFound(database);
  const there = known.policies.find((each) => each.name === name);
  if (there === undefined) {
    const policies = [...known.policies, wanted];
    const defaultPolicy = policy.isDefault ? name : known.defaultPolicy;
    catalog.put({ ...known, policies, defaultPolicy });
    return;
  }
  if (!isSame(there, wanted)) throw new StatementError("retention policy already exists");
  if (policy.isDefault && known.defaultPolicy !== name) throw new StatementError(CONFLICT);
}

export function alterPolicy(
  catalog: Catalog,
  statement: Of<"create_policy" | "alter_policy">,
): void {
  const { name, database, policy } = statement;
  const known = catalog.database(database);
  if (known === undefined) throw notFound(database);
  const there = known.policies.find((each) => each.name === name);
  if (there === undefined) throw new StatementError(`retention policy not found: ${name}`);
  const durationNs = policy.durationNs ?? there.durationNs;
  if (durationNs !== 0n && durationNs < DURATION_NS_MIN) throw new StatementError(TOO_SHORT);
  const givenShardNs = policy.shardNs ?? there.shardNs;
  if (durationNs !== 0n && durationNs < givenShardNs) throw new StatementError(INCOMPATIBLE);
  const changed: Policy = {
    name,
    durationNs,
    shardNs: policy.shardNs === undefined ? there.shardNs : shardOf(policy.shardNs, durationNs),
    replication: policy.replication ?? there.replication,
  };
  const policies = known.policies.map((each) => each.name === name ? changed : each);
  const defaultPolicy = policy.isDefault ? name : known.defaultPolicy;
  catalog.put({ ...known, policies, defaultPolicy });
}

/** Takes a policy out of the list; false where it is not there. */
export function dropPolicy(catalog: Catalog, { name, database }: Of<"drop_policy">): boolean {
  const known = catalog.database(database);
  if (known?.policies.some((each) => each.name === name) !== true) return false;
  const policies = known.policies.filter((each) => each.name !== name);
  const defaultPolicy = known.defaultPolicy === name ? "" : known.defaultPolicy;
  catalog.put({ ...known, policies, defaultPolicy });
  return true;
}

export function notFound(database: string): StatementError {
  return new StatementError(`database not found: ${database}`);
}

function withPolicy(name: string, policy: Policy): DatabaseEntry {
  return { name, policies: [policy], defaultPolicy: policy.name, queries: [] };
}

function policyOf(name: string, specification: Partial<PolicySpecification>): Policy {
  const { durationNs = 0n, shardNs = 0n, replication = 1 } = specification;
  return { name, durationNs, shardNs: shardOf(shardNs, durationNs), replication };
}

function check({ durationNs, shardNs }: Policy): void {
  if (durationNs === 0n) return;
  if (durationNs < DURATION_NS_MIN) throw new StatementError(TOO_SHORT);
  if (durationNs < shardNs) throw new StatementError(INCOMPATIBLE);
}

/** The span of a shard: where none is given, one that suits the duration; an hour at least. */
function shardOf(shardNs: bigint, durationNs: bigint): bigint {
  if (shardNs !== 0n) return shardNs < DURATION_NS_MIN ? HOUR_NS : shardNs;
  if (durationNs === 0n || durationNs >= 180n * DAY_NS) return 7n * DAY_NS;
  return durationNs >= 2n * DAY_NS ? DAY_NS : HOUR_NS;
}

function isSame(left: Policy, right: Policy): boolean {
  return left.durationNs === right.durationNs && left.shardNs === right.shardNs &&
    left.replication === right.replication;
}

/** Whether what is said of a policy is true of it. */
function fits({ durationNs, shardNs, replication }: PolicySpecification, policy: Policy): boolean {
  return (durationNs ?? policy.durationNs) === policy.durationNs &&
    (replication ?? policy.replication) === policy.replication &&
    (shardNs === undefined || shardOf(shardNs, policy.durationNs) === policy.shardNs);
}

function checkName(name: string): void {
  const isPrintable = !/[/\p{C}]/u.test(name);
  if (name === "" || name === "." || name === ".." || !isPrintable) {
    throw new StatementError("invalid name");
  }
  if (name.length > NAME_LENGTH_MAX) throw new StatementError("name too long");
}
