/**
 * Administration by HTTP: delete series, drop what is deleted, snapshot, flush, compact. Off unless enabled; who may
 * call it is decided in front of the routes. One compaction, flush or snapshot at a time.
 */
import type { Database, Logger } from "../../engine/mod.ts";
import { ALL_TIME, msToTicks } from "../../engine/mod.ts";
import { PromqlError } from "../promql/errors.ts";
import type { PrometheusAnswers } from "./prometheus_answers.ts";
import {
  matchParameters,
  orderedBoundsParameters,
  readParameters,
} from "./prometheus_parameters.ts";

export interface PrometheusAdminOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** Directory that snapshots are made in. */
  readonly snapshotsDirectory: string;
  /** Adds to a snapshot what is not the engine's. */
  readonly afterSnapshot?: (directory: string) => Promise<void>;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class PrometheusAdmin {
  readonly #options: PrometheusAdminOptions;
  readonly #answers: PrometheusAnswers;
  #running: string | undefined;

  constructor(options: PrometheusAdminOptions, answers: PrometheusAnswers) {
    this.#options = options;
    this.#answers = answers;
  }

  async deleteSeries(request: Request): Promise<Response> {
    const { database, logger } = this.#options;
    const parameters = await readParameters(request);
    const selectors = matchParameters(parameters);
    if (selectors.length === 0) {
      throw new PromqlError("bad_data", "no match[] parameter provided");
    }
    const { startMs, endMs } = orderedBoundsParameters(parameters);
    const unit = database.settings.timeUnit;
    const start = startMs === -Infinity ? ALL_TIME.start : msToTicks(startMs, unit);
    const last = endMs === Infinity ? ALL_TIME.end : msToTicks(endMs, unit);
    const range = { start, end: last < ALL_TIME.end ? last + 1n : ALL_TIME.end };
    for (const matchers of selectors) {
      const { matchedSeries, tombstones } = await database.delete({ matchers, range });
      logger.log("info", "Deleted series", { matchedSeries, tombstones });
    }
    return empty();
  }

  /** Also what `clean_tombstones` does: compaction leaves nothing of what was deleted, and gives the room back at once. */
  async compact(): Promise<Response> {
    await this.#alone("compaction", async (database) => {
      await database.compact();
      database.removeObsolete();
    });
    return empty();
  }

  async flush(): Promise<Response> {
    await this.#alone("flush", (database) => database.flush());
    return empty();
  }

  async snapshot(request: Request): Promise<Response> {
    const { nowMs, random, snapshotsDirectory } = this.#options;
    const time = new Date(nowMs()).toISOString().replace(/[-:]|\.\d+/g, "");
    const suffix = Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0");
    const name = `${time}-${suffix}`;
    const directory = `${snapshotsDirectory}/${name}`;
    await this.#alone("snapshot", async (database) => {
      await database.snapshot(directory);
      await this.#options.afterSnapshot?.(directory);
    });
    return this.#answers.data(request, { name });
  }

  async #alone(name: string, work: (database: Database) => Promise<void>): Promise<void> {
    if (this.#running !== undefined) {
      throw new PromqlError("unavailable", `a ${this.#running} is running already`);
    }
    this.#running = name;
    try {
      await work(this.#options.database);
    } finally {
      this.#running = undefined;
    }
  }
}

function empty(): Response {
  return new Response(null, { status: 204 });
}
