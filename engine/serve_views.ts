/** Makes an open database answer a reader in another thread. */
import type { TimeRange } from "./base/types.ts";
import type { EngineParts } from "./engine_parts.ts";
import { EngineError } from "./errors.ts";
import { NodeFileSystem } from "./fs/node_file_system.ts";
import type { QueryCounters, ReadView } from "./query/read_view.ts";
import { ViewHost } from "./remote/view_host.ts";
import { cacheBytesOf, scratchBytesOf } from "./write/memory_budget.ts";

const ALL_TIME = { first: -(2n ** 63n), last: 2n ** 63n - 1n };

/** Undefined where the files are not the machine's, which is all that another thread sees. */
export function serveViews(
  parts: EngineParts,
  counters: QueryCounters,
  open: (range: TimeRange) => ReadView,
): ViewHost | undefined {
  const { components, head, registry, paths, readers, settings, versions } = parts;
  if (!(components.fileSystem instanceof NodeFileSystem)) return undefined;
  return new ViewHost({
    description: {
      timeUnit: settings.timeUnit,
      segmentsDirectory: paths.segments,
      scratchBytesMax: scratchBytesOf(settings),
      cacheBytes: cacheBytesOf(settings),
      openFilesMax: settings.openFilesMax,
    },
    head,
    registry,
    counters,
    open,
    version: () => versions.current,
    state: ({ bounds }) => ({
      segments: versions.current.segments.filter(({ minTime, maxTime }) =>
        minTime <= bounds.last && maxTime >= bounds.first
      ),
      tombstones: versions.current.tombstones,
      stamps: [...parts.tombstoneStamps],
    }),
    onDamaged: (id, message) => {
      const records = versions.current.segments.filter((record) => record.id === id);
      for (const { onError } of readers.openAll(records, ALL_TIME)) {
        onError(new EngineError("corrupt", message));
      }
    },
  });
}
