/**
 * Opening: recovery. Read the manifest, load the registry, replay the log from its floor, begin a new log file, remove what
 * the manifest does not name.
 *
 * Nothing derived can block a start: a damaged registry file is made up for by definitions in segments and log, a damaged
 * segment is found when it is read, set aside and named. No segment is read at start.
 */
import { msToTicks, TIME_MIN } from "./base/time.ts";
import type { SegmentId } from "./base/types.ts";
import { FlushJob } from "./background/flush_job.ts";
import { Flusher } from "./background/flusher.ts";
import { Maintenance } from "./background/maintenance.ts";
import { RetentionJob } from "./retention/retention_job.ts";
import { Scheduler } from "./background/scheduler.ts";
import { Compaction } from "./compaction/compaction.ts";
import { CompactionRunner } from "./compaction/compaction_runner.ts";
import { windowTicks } from "./compaction/picker.ts";
import { compactionExecutor } from "./compaction/start_worker.ts";
import { chooseVersion } from "./copied_directory.ts";
import { type Components, defaultComponents } from "./components.ts";
import type { Database } from "./database.ts";
import { Engine } from "./engine.ts";
import { type EngineParts, type EngineServices, usedBytes } from "./engine_parts.ts";
import { EngineError } from "./errors.ts";
import { makeDurableDirectory } from "./fs/durable_directory.ts";
import type { FileSystem } from "./fs/file_system.ts";
import { MemoryFileSystem } from "./fs/memory_file_system.ts";
import { copyMs, ObsoleteFiles } from "./fs/obsolete_files.ts";
import { absolutePath, type DatabasePaths, databasePaths } from "./fs/paths.ts";
import { Head } from "./head/head.ts";
import { Kernels } from "./kernels/kernels.ts";
import { makeDataDirectories, removeUnnamedFiles } from "./manifest/data_files.ts";
import { openLog } from "./log_recovery.ts";
import { Manifest } from "./manifest/manifest.ts";
import type { Version } from "./manifest/version.ts";
import { VersionSet } from "./manifest/version_set.ts";
import { recoverDefinitions } from "./registry_recovery.ts";
import { RetentionClock } from "./retention/retention_clock.ts";
import { BlockCache } from "./segment/block_cache.ts";
import { segmentFileName } from "./segment/format.ts";
import { OpenFiles } from "./segment/open_files.ts";
import { SegmentReaders } from "./segment/segment_readers.ts";
import { Registry } from "./series/registry.ts";
import { openRegistryFiles } from "./series/registry_file.ts";
import { completeSettings, type Settings } from "./settings.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { KeptLogFile } from "./wal/log.ts";
import { removeLog } from "./wal/log_chain.ts";
import { Admission } from "./write/admission.ts";
import { cacheBytesOf, MemoryBudget } from "./write/memory_budget.ts";
import { WritePressure } from "./write/pressure.ts";

export interface OpenOptions {
  /** Directory of the database, created when it is missing. Absent: everything stays in memory, and nothing outlives it. */
  readonly path?: string;
  readonly settings?: Partial<Settings>;
  readonly components?: Partial<Components>;
}

/** Directory of a database that is in memory altogether. */
const MEMORY_PATH = "/memory";

/**
 * Opens a database. Throws "locked" when another process has it, "invalid" for settings that contradict it, "corrupt" when
 * its manifest or, in strict mode, its log is damaged, "unsupported" for a newer format, "io".
 */
export async function openDatabase(options: OpenOptions = {}): Promise<Database> {
  const inMemory = options.path === undefined;
  const settings = completeSettings({
    ...options.settings,
    ...(inMemory ? { logEnabled: false } : {}),
  });
  const components = defaultComponents({
    ...options.components,
    ...(inMemory ? { fileSystem: new MemoryFileSystem() } : {}),
  });
  const directory = inMemory ? MEMORY_PATH : absolutePath(options.path!);
  if (!components.fileSystem.exists(databasePaths(directory).manifest)) {
    makeDurableDirectory(components.fileSystem, directory);
  }
  const lock = components.fileSystem.lock(directory);
  const onFailure = [() => lock[Symbol.dispose]()];
  try {
    return await recover({ settings, components, directory, lock, onFailure });
  } catch (error) {
    for (const undo of onFailure.reverse()) undo();
    throw error;
  }
}

interface Opening {
  readonly settings: Settings;
  readonly components: Components;
  readonly directory: string;
  readonly lock: Disposable;
  /** What gives up what has been opened; the last one runs first. */
  readonly onFailure: (() => void)[];
}

async function recover(opening: Opening): Promise<Engine> {
  const { settings, components, directory, lock, onFailure } = opening;
  const { fileSystem, clock, logger } = components;
  const paths = databasePaths(directory);
  makeDataDirectories(fileSystem, paths);
  const { timeUnit, partitionMs, metadataShards } = settings;
  const identity = { timeUnit, partitionMs, metadataShards };
  const monotonicMs = () => clock.monotonicMs();
  const { obsoleteKeepMs: keepMs, obsoleteBytesMax: bytesMax, copyBytesPerSecond } = settings;
  const manifest = Manifest.open({
    fileSystem,
    directory,
    identity,
    history: { keepMs, monotonicMs },
    choose: (content) => chooseVersion({ fileSystem, paths, logger }, content),
  });
  onFailure.push(() => manifest.close());
  const { tornBytes } = manifest;
  if (tornBytes > 0) logger.log("warn", "MANIFEST ended in half a change, cut off", { tornBytes });
  let used = () => 0;
  const obsolete = new ObsoleteFiles({
    keepMs: () => Math.min(keepMs, copyMs(used(), copyBytesPerSecond)),
    bytesMax,
    monotonicMs,
  });
  if (!settings.logEnabled) dropLog(fileSystem, paths, manifest);
  const { version } = manifest;
  const kernels = new Kernels();
  const files = new OpenFiles(fileSystem, settings.openFilesMax);
  onFailure.push(() => files[Symbol.dispose]());
  const cache = new BlockCache(kernels, cacheBytesOf(settings));
  let setAside: (id: SegmentId) => void = () => {};
  const readers = new SegmentReaders({
    store: { cache, files },
    fileSystem,
    directory: paths.segments,
    obsolete,
    onUnremoved: (path, error) =>
      logger.log("warn", `Cannot remove "${path}": ${String(error)}; it is tried again`),
    onDamaged: (record, error) => {
      logger.log("error", `Segment ${record.id} is set aside: ${error.message}`);
      setAside(record.id);
    },
  });
  const versions = new VersionSet({
    manifest,
    onUnneeded: (ids) => readers.remove(ids),
    onDiskFull: () => obsolete.release(),
  });
  const registry = new Registry(kernels, { metadataShards });
  const registryFiles = openRegistryFiles({
    fileSystem,
    directory: paths.registry,
    registry,
    obsolete,
  });
  const { damaged } = registryFiles.load(version.registryFiles);
  let earlierFiles: readonly KeptLogFile[] = [];
  if (damaged.length > 0) {
    const names = damaged.join(", ");
    logger.log("warn", `Registry files are damaged: ${names}; segments and log make up for them`);
    earlierFiles = recoverDefinitions({
      fileSystem,
      paths,
      registry,
      version,
      openSegment: (record) => readers.open(record),
      onDamaged: (message) => logger.log("error", message),
    });
  }
  const head = new Head(kernels, msToTicks(partitionMs, timeUnit));
  const tombstoneStamps = new Map<number, number>();
  const log = settings.logEnabled
    ? openLog({
      settings,
      components,
      paths,
      kernels,
      registry,
      version,
      head,
      tombstoneStamps,
      obsolete,
      damagedRegistry: damaged,
      earlierFiles,
      onReplayed: () => manifest.settle(),
    })
    : undefined;
  manifest.settle();
  // Not before: what a damaged log or manifest does not name may be all that is left of something.
  removeUnnamedFiles({ fileSystem, paths, version, segmentFileName, obsolete });
  const { retentionMs, futureSkewMs } = settings;
  const { maxTime } = version;
  const recency = new RetentionClock({ clock, unit: timeUnit, retentionMs, futureSkewMs, maxTime });
  const parts: EngineParts = {
    settings,
    components,
    paths,
    kernels,
    registry,
    registryFiles,
    manifest,
    versions,
    log,
    head,
    readers,
    cache,
    files,
    obsolete,
    budget: new MemoryBudget(kernels, settings),
    lock,
    recency,
    tombstoneStamps,
  };
  used = () => usedBytes(parts);
  const engine = new Engine(parts, (engine) => makeServices(engine, parts));
  setAside = (id) => engine.services.maintenance.setAside(id);
  engine.services.maintenance.afterOpen();
  return engine;
}

/** A log of an earlier run must not come back when logging is switched on again. */
function dropLog(fileSystem: FileSystem, paths: DatabasePaths, manifest: Manifest): void {
  const floor = manifest.version.logFloor;
  const file = removeLog(fileSystem, { directory: paths.log, floor });
  if (file !== floor.file) manifest.commitNow({ logFloor: { file, offset: 0 } });
}

function makeServices(engine: Engine, parts: EngineParts): EngineServices {
  const { settings, components, paths, kernels, registry, registryFiles, versions } = parts;
  const { log, head, recency } = parts;
  const { fileSystem, clock, random, logger } = components;
  const picker = {
    partitionTicks: msToTicks(settings.partitionMs, settings.timeUnit),
    retentionTicks: msToTicks(settings.retentionMs, settings.timeUnit),
    segmentBytesMax: settings.segmentBytesMax,
  };
  const onPublish = (version: Version) => engine.noteVersion(version);
  const flusher = new Flusher({
    kernels,
    head,
    registry,
    registryFiles,
    fileSystem,
    paths,
    versions,
    log,
    clock,
    windowTicks: (level) => windowTicks(level, picker),
    settled: () => engine.settled(),
    hidden: () => engine.deletions?.forFlush(),
    maxTime: () => recency.maxTime,
    onPublish,
    onForgotten: (sequence) => engine.forgetStamps(sequence),
  });
  const runner = new CompactionRunner({
    versions,
    fileSystem,
    kernels,
    sources: registry,
    paths,
    clock,
    logger,
    bytesPerSecond: settings.compactionBytesPerSecond,
    onDiskFull: () => parts.obsolete.release(),
    cutoff: () => recency.cutoff(),
    executor: compactionExecutor(fileSystem, clock),
  });
  const compaction: Compaction = new Compaction({
    versions,
    runner,
    picker,
    partitionMs: settings.partitionMs,
    time: () => ({ now: recency.reference(), cutoff: recency.cutoff() ?? TIME_MIN }),
    leaving: () => retention.leaving,
    mayHideHead: (sequence) => parts.tombstoneStamps.has(sequence),
    onPublish: (version) => {
      onPublish(version);
      maintenance.afterCompaction();
    },
  });
  const retention: RetentionJob = new RetentionJob({
    settings,
    versions,
    recency,
    clock,
    busy: () => compaction.busy,
    usedBytes: () => usedBytes(parts),
    onDiskFull: () => parts.obsolete.release(),
    onWritable: () => admission.wake(),
    onPublish,
  });
  const pressure = new WritePressure({ settings, head, log, budget: parts.budget });
  const admission: Admission = new Admission({
    clock,
    pressure,
    timeoutMs: settings.writeTimeoutMs,
  });
  const maintenance: Maintenance = new Maintenance({
    settings,
    scheduler: new Scheduler({ clock, random, logger }),
    flushJob: new FlushJob({
      settings,
      budget: parts.budget,
      kernels,
      head,
      flusher,
      recency,
      clock,
      onDiskFull: () => parts.obsolete.release(),
      onFlushed: () => maintenance.afterFlush(),
    }),
    compaction,
    runner,
    retention,
    obsolete: parts.obsolete,
    versions,
    admission,
    headPoints: () => head.points,
    onPublish,
    copy: (directory) => copyVersion(parts, directory),
  });
  pressure.isReadOnly = () => maintenance.isReadOnly;
  pressure.onRelieve = () => maintenance.requestFlush();
  return { flusher, admission, maintenance };
}

async function copyVersion(parts: EngineParts, directory: string): Promise<void> {
  const { versions, components, paths } = parts;
  if (paths.directory === MEMORY_PATH && components.fileSystem instanceof MemoryFileSystem) {
    throw new EngineError(
      "invalid",
      "Cannot write a snapshot: the database is in memory; open it on a directory to have copies",
    );
  }
  using pin = versions.pin();
  await writeSnapshot(
    components.fileSystem,
    { paths, version: pin.version },
    absolutePath(directory),
  );
}
