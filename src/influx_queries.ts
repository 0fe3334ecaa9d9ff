/** Puts the InfluxQL side together: statements over the database and its catalog, their limits, and the routes. */
import { arch, platform } from "node:os";
import process from "node:process";
import type { Components, Database, Logger } from "../engine/mod.ts";
import type { Configuration } from "./config.ts";
import type { Mount } from "./http/app.ts";
import { influxqlRoutes } from "./http/influxql/influxql_routes.ts";
import type { QuerySlots } from "./http/query_slots.ts";
import type { Replies } from "./http/replies.ts";
import {
  ContinuousQueries,
  type ContinuousQueriesParts,
} from "./influxql/continuous/continuous.ts";
import { PolicyExpiry } from "./influxql/catalog/policy_expiry.ts";
import { statementContext } from "./influxql/request.ts";
import { RunningQueries } from "./influxql/running_queries.ts";
import { SelectEngine } from "./influxql/select/select.ts";
import type { Diagnostics } from "./influxql/catalog/server_listings.ts";
import { Statements } from "./influxql/statements.ts";
import type { Metrics } from "./metrics.ts";
import type { QueryMemory } from "./query_memory.ts";
import { messageOf } from "./start_error.ts";
import type { DatabaseStore } from "./stores/databases.ts";
import { BUILD } from "./version.ts";

export interface InfluxQueryParts {
  readonly database: Database;
  readonly databases: DatabaseStore;
  readonly components: Components;
  readonly configuration: Configuration;
  readonly metrics: Metrics;
  /** Shared with the other query language. */
  readonly slots: QuerySlots;
  readonly memory: QueryMemory;
  readonly replies: Replies;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly hostname: string;
  readonly onError: (error: unknown) => void;
}

const SLOW_QUERY_MS = 5_000;
const ANSWER_BYTES_MAX = 1 << 30;

/** The InfluxQL side: its routes, and what it does in the background. */
export interface InfluxSide extends Mount {
  /** To be awaited before anything is written. */
  begin(): Promise<void>;
  stop(): Promise<void>;
}

export function openInfluxQueries(parts: InfluxQueryParts): InfluxSide {
  const { database, databases, components, configuration, memory } = parts;
  const { values } = configuration;
  const { clock, random, logger } = components;
  const queries = new RunningQueries(() => clock.monotonicMs());
  const discover = () => databases.discover(database.registry.labelValues("db", []));
  const select = new SelectEngine({ database, memory, random: () => random.next() });
  const limits = {
    seriesMax: values["query-series-max"],
    pointsMax: values["query-points-max"],
    bucketsMax: values["query-buckets-max"],
    timeoutMs: values["query-timeout"],
  };
  const background = new Background(parts, {
    select,
    queries,
    context: (run) =>
      statementContext(
        { catalog: databases, discover, hasLoose: () => false },
        { ...run, policy: "", limits },
      ),
  });
  const statements = new Statements({
    database,
    catalog: databases,
    select,
    queries,
    onContinuous: () => background.continuous.refresh(),
    discover,
    diagnostics: () => diagnosticsOf(parts),
    onError: parts.onError,
  });
  const routes = influxqlRoutes({
    database,
    catalog: databases,
    statements,
    queries,
    slots: parts.slots,
    replies: parts.replies,
    logger,
    nowNs: () => clock.nowNs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, callback) => clock.after(ms, callback),
    discover,
    onError: parts.onError,
    options: {
      limits,
      rowsMax: values["query-rows-max"],
      slowQueryMs: SLOW_QUERY_MS,
      answerBytesMax: ANSWER_BYTES_MAX,
    },
  });
  return { ...routes, begin: () => background.begin(), stop: () => background.stop() };
}

/** What goes on without being asked for: policies' durations and continuous queries. */
class Background {
  readonly continuous: ContinuousQueries;
  readonly #expiry: PolicyExpiry;
  readonly #logger: Logger;

  constructor(
    { database, databases, components, metrics }: InfluxQueryParts,
    running: Pick<ContinuousQueriesParts, "select" | "queries" | "context">,
  ) {
    const { clock, logger } = components;
    const shared = { database, catalog: databases, clock, logger };
    this.#logger = logger;
    this.#expiry = new PolicyExpiry({ ...shared, dropped: databases });
    const continuous = this.continuous = new ContinuousQueries({ ...shared, ...running });
    metrics.gauge(
      "tsinkd_continuous_query_runs_total",
      "Runs of continuous queries.",
      () => continuous.runs,
      "counter",
    );
    metrics.gauge(
      "tsinkd_continuous_query_errors_total",
      "Runs of continuous queries that failed, and queries that cannot run.",
      () => continuous.errors,
      "counter",
    );
  }

  async begin(): Promise<void> {
    try {
      await this.#expiry.removeDropped();
    } catch (error) {
      // Without room on the disk, or with a log that is full: the next start tries again.
      this.#logger.log("warn", "Cannot delete what dropped databases left", {
        reason: messageOf(error),
      });
    }
    this.#expiry.start();
    this.continuous.refresh();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#expiry.stop(), this.continuous.stop()]);
  }
}

function diagnosticsOf(
  { components, configuration, startedMs, hostname }: InfluxQueryParts,
): Diagnostics {
  const nowMs = Number(components.clock.nowNs() / 1_000_000n);
  return [
    ["build", [
      ["Branch", ""],
      ["Build Time", BUILD.date],
      ["Commit", BUILD.commit],
      ["Version", configuration.values["influx-version"]],
    ]],
    ["network", [["hostname", hostname]]],
    ["runtime", [["arch", arch()], ["os", platform()], ["version", BUILD.version]]],
    ["system", [
      ["PID", process.pid],
      ["currentTime", new Date(nowMs).toISOString()],
      ["started", new Date(startedMs).toISOString()],
      ["uptime", `${Math.floor((nowMs - startedMs) / 1_000)}s`],
    ]],
  ];
}
