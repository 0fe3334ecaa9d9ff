/** Metrics of the process that are read when the page of /metrics is rendered. */
import process from "node:process";
import type { WriteAdmission } from "./http/admission.ts";
import type { Metrics } from "./metrics.ts";
import { BUILD } from "./version.ts";

export interface ProcessMetricsParts {
  readonly metrics: Metrics;
  readonly admission: WriteAdmission;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly ready: () => boolean;
  /** Delay of the newest timer in milliseconds. */
  readonly lagMs: () => number;
  /** Whether an answered write is on disk. */
  readonly durable: boolean;
}

export function describeProcess(parts: ProcessMetricsParts): void {
  const { metrics, admission } = parts;
  metrics.info("tsinkd_build_info", "Version and commit of this build.", {
    version: BUILD.version,
    commit: BUILD.commit,
  });
  metrics.gauge(
    "process_start_time_seconds",
    "Start of the process, by the wall clock.",
    () => parts.startedMs / 1_000,
  );
  metrics.gauge(
    "process_resident_memory_bytes",
    "Resident memory.",
    () => process.memoryUsage.rss(),
  );
  metrics.gauge(
    "process_cpu_seconds_total",
    "Processor time used.",
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    "counter",
  );
  metrics.gauge(
    "tsinkd_event_loop_lag_seconds",
    "Delay of the newest timer.",
    () => parts.lagMs() / 1_000,
  );
  metrics.gauge(
    "tsinkd_ready",
    "1 while reads and writes are served.",
    () => parts.ready() ? 1 : 0,
  );
  metrics.gauge(
    "tsinkd_acknowledgement_durable",
    "1 where an answered write is on disk, 0 where syncs come by the clock.",
    () => parts.durable ? 1 : 0,
  );
  metrics.gauge(
    "tsinkd_write_requests",
    "Write requests being answered.",
    () => admission.requests,
  );
  metrics.gauge(
    "tsinkd_write_body_bytes",
    "Bytes reserved for request bodies.",
    () => admission.bytes,
  );
  metrics.gauge(
    "tsinkd_write_throttled_total",
    "Write requests and bodies refused for lack of room.",
    () => admission.refused,
    "counter",
  );
}
