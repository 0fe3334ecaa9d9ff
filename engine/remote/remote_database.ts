/**
 * A database that another thread has open, for reading: selections, deletions and rows of the head come from there
 * (view_host.ts), segment files are read here, with kernels, cache and open files of its own.
 *
 * Invariants
 * - A source's definition never changes, so what is known of one stays known.
 * - Sets of sources are made on both sides by the same code from the same groups: a set's place in their order names it.
 */
import { assert } from "../base/assert.ts";
import type { Labels, SourceId, TimeRange } from "../base/types.ts";
import type { Readable } from "../database.ts";
import { EngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { Kernels } from "../kernels/kernels.ts";
import { Deletions } from "../query/deletions.ts";
import { ReadView, type ViewPin, type ViewVersions } from "../query/read_view.ts";
import { SeriesReader } from "../query/series_reader.ts";
import type { View } from "../query/view.ts";
import { BlockCache } from "../segment/block_cache.ts";
import { SpareChunkLists } from "../segment/chunk_list.ts";
import { OpenFiles } from "../segment/open_files.ts";
import { SegmentReaders } from "../segment/segment_readers.ts";
import type { Matcher } from "../series/matcher.ts";
import { Registry, type SeriesGroup } from "../series/registry.ts";
import {
  contentOf,
  type RemoteDescription,
  type RemoteQuestion,
  type RemoteState,
  SEGMENTS_CHANGED,
  selectionOf,
  textOf,
} from "./messages.ts";
import { HeadChunks, RemoteHead } from "./remote_head.ts";

/** Definitions of so many sources are fetched at once. */
const DEFINITIONS_PER_QUESTION = 1_024;

/** Asks the other thread and waits for the answer. */
export type Ask = (question: RemoteQuestion) => Uint8Array<ArrayBuffer>;

export class RemoteDatabase implements Readable, Disposable {
  readonly kernels: Kernels = new Kernels();
  readonly settings: Pick<RemoteDescription, "timeUnit">;
  readonly #description: RemoteDescription;
  readonly #ask: Ask;
  readonly #sources: RemoteSources;
  readonly #cache: BlockCache;
  readonly #files: OpenFiles;
  readonly #readers: SegmentReaders;
  readonly #reader: SeriesReader;
  readonly #lists = new SpareChunkLists();
  #views = 0;
  #openViews = 0;
  #haveChanged = false;

  constructor(description: RemoteDescription, fileSystem: FileSystem, ask: Ask) {
    this.settings = description;
    this.#description = description;
    this.#ask = ask;
    this.#sources = new RemoteSources(this.kernels, ask);
    this.#cache = new BlockCache(this.kernels, description.cacheBytes);
    this.#files = new OpenFiles(fileSystem, description.openFilesMax);
    this.#reader = new SeriesReader({
      kernels: this.kernels,
      head: new HeadChunks(this.kernels),
      cache: this.#cache,
      scratchBytesMax: description.scratchBytesMax,
    });
    this.#readers = new SegmentReaders({
      store: { cache: this.#cache, files: this.#files },
      fileSystem,
      directory: description.segmentsDirectory,
      onUnremoved: () => {},
      onDamaged: ({ id }, { message }) =>
        void textOf(ask({ kind: "damaged", segment: id, message })),
    });
  }

  /** Opens a view over a range, here and there. */
  view(range: TimeRange): View {
    const number = this.#views++;
    const ask = this.#ask;
    const first = BigInt(textOf(ask({ kind: "open", view: number, ...range })));
    this.#openViews++;
    const selections = new RemoteSelections(number, ask, this.#sources);
    const counters = { selections: 0, seriesRead: 0, pointsRead: 0 };
    const onClose = () => {
      const { seriesRead, pointsRead } = counters;
      this.#close(textOf(ask({ kind: "close", view: number, seriesRead, pointsRead })));
    };
    return new ReadView(
      {
        kernels: this.kernels,
        head: new RemoteHead({ view: number, kernels: this.kernels, ask, onClose }),
        registry: selections,
        versions: selections,
        readers: this.#readers,
        timeUnit: this.#description.timeUnit,
        deletions: () => selections.deletions,
        reader: this.#reader,
        lists: this.#lists,
        counters,
      },
      range,
      first,
    );
  }

  [Symbol.dispose](): void {
    this.#readers[Symbol.dispose]();
    this.#files[Symbol.dispose]();
    this.#cache[Symbol.dispose]();
  }

  /** Files that no version names are let go when nothing is read. */
  #close(answer: string): void {
    this.#openViews--;
    this.#haveChanged ||= answer === SEGMENTS_CHANGED;
    if (this.#openViews > 0 || !this.#haveChanged) return;
    this.#haveChanged = false;
    this.#readers[Symbol.dispose]();
  }
}

/** The registry and the versions of one remote view: each selection brings those of its moment. */
class RemoteSelections implements ViewVersions {
  readonly #view: number;
  readonly #ask: Ask;
  readonly #sources: RemoteSources;
  /** All that were selected: definitions that are missing are fetched for many of a group at once. */
  readonly #groups: SeriesGroup[] = [];
  #last: RemoteState | undefined;
  #deletions: Deletions | undefined;

  constructor(view: number, ask: Ask, sources: RemoteSources) {
    this.#view = view;
    this.#ask = ask;
    this.#sources = sources;
  }

  get current(): RemoteState {
    assert(this.#last !== undefined, "Nothing is selected");
    return this.#last!;
  }

  /** The segments of the last selection; the other thread pins them until the view is closed. */
  pin(): ViewPin {
    return { version: this.current, [Symbol.dispose]: () => {} };
  }

  /** Deletions in force when it was made. */
  get deletions(): Deletions | undefined {
    return this.#deletions;
  }

  get sourceCount(): number {
    return this.#sources.count;
  }

  select(matchers: readonly Matcher[]): SeriesGroup[] {
    const answer = this.#ask({ kind: "select", view: this.#view, matchers });
    const { groups, state } = selectionOf(answer);
    const { tombstones, stamps } = state;
    this.#last = state;
    this.#deletions = tombstones.length === 0
      ? undefined
      : new Deletions(tombstones, new Map(stamps));
    this.#groups.push(...groups);
    return [...groups];
  }

  selectInShards(): SeriesGroup[] {
    throw new EngineError("unsupported", "Cannot select by shards from another thread");
  }

  tagsOf(source: SourceId): Labels {
    return this.#sources.tagsOf(source, this.#groups);
  }
}

/** Definitions of sources, fetched as they are asked for, many at once. */
class RemoteSources {
  readonly #registry: Registry;
  readonly #ask: Ask;
  /** By id: 1 for those that are known. */
  #known = new Uint8Array(1_024);

  constructor(kernels: Kernels, ask: Ask) {
    this.#registry = new Registry(kernels);
    this.#ask = ask;
  }

  /** Sources whose definitions are known here. */
  get count(): number {
    return this.#registry.sourceCount;
  }

  /** Tags of a source in one of the groups. */
  tagsOf(source: SourceId, groups: readonly SeriesGroup[]): Labels {
    if (this.#known[source] !== 1) this.#load(this.#unknownWith(source, groups));
    return this.#registry.tagsOf(source);
  }

  #load(ids: Uint32Array): void {
    const answer = this.#ask({ kind: "definitions", ids });
    this.#registry.apply(contentOf(answer));
    const highest = ids[ids.length - 1]!;
    if (highest >= this.#known.length) {
      const grown = new Uint8Array(Math.max(highest + 1, this.#known.length * 2));
      grown.set(this.#known);
      this.#known = grown;
    }
    for (const id of ids) this.#known[id] = 1;
  }

  /** The source and its neighbours in a group, as far as they are not known; ascending. */
  #unknownWith(source: number, groups: readonly SeriesGroup[]): Uint32Array {
    for (const { sources } of groups) {
      const at = sources.indexOf(source);
      if (at < 0) continue;
      // Whole rows of ids, so that sources asked for in another order find theirs fetched.
      const start = at - at % DEFINITIONS_PER_QUESTION;
      return sources.slice(start, start + DEFINITIONS_PER_QUESTION)
        .filter((id) => this.#known[id] !== 1);
    }
    return Uint32Array.of(source);
  }
}
