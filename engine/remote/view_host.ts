/**
 * The database's end of views in another thread: answers what a RemoteDatabase asks.
 *
 * For each remote view there is one here, which pins segments and rows of the head and selects; the other thread reads
 * segment files itself and gets rows of the head as bytes. An answer takes milliseconds at most.
 */
import { assert } from "../base/assert.ts";
import type { TimeRange } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { CapturedHead, Head } from "../head/head.ts";
import type { QueryCounters, ReadView } from "../query/read_view.ts";
import type { SeriesRegistry } from "../series/registry.ts";
import {
  bytesAnswer,
  errorAnswer,
  headAnswer,
  type RemoteDescription,
  type RemoteQuestion,
  type RemoteState,
  SEGMENTS_CHANGED,
  selectionAnswer,
  textAnswer,
} from "./messages.ts";

export interface ViewHostParts {
  readonly description: RemoteDescription;
  readonly head: Head;
  readonly registry: SeriesRegistry;
  readonly counters: QueryCounters;
  /** Opens a view of this thread. */
  readonly open: (range: TimeRange) => ReadView;
  /** The version and the deletions of this moment. */
  readonly state: (view: ReadView) => RemoteState;
  /** Another one after each change of the segments. */
  readonly version: () => unknown;
  /** A segment was found to be damaged. */
  readonly onDamaged: (segment: number, message: string) => void;
}

interface HostedView {
  readonly view: ReadView;
  /** That of the moment in which it was opened. */
  readonly version: unknown;
}

export class ViewHost implements Disposable {
  readonly #parts: ViewHostParts;
  readonly #views = new Map<number, HostedView>();

  constructor(parts: ViewHostParts) {
    this.#parts = parts;
  }

  /** What the other thread begins with. */
  get description(): RemoteDescription {
    return this.#parts.description;
  }

  /** Views that are open. */
  get openViews(): number {
    return this.#views.size;
  }

  /** The answer to a RemoteQuestion; errors are part of it. */
  answer(question: unknown): Uint8Array<ArrayBuffer> {
    try {
      return this.#answer(question as RemoteQuestion);
    } catch (error) {
      return errorAnswer(error);
    }
  }

  /** Closes all views: the other thread has ended. */
  [Symbol.dispose](): void {
    for (const { view } of this.#views.values()) view[Symbol.dispose]();
    this.#views.clear();
  }

  #answer(question: RemoteQuestion): Uint8Array<ArrayBuffer> {
    const { registry, head, counters, onDamaged } = this.#parts;
    switch (question.kind) {
      case "open":
        return textAnswer(String(this.#open(question.view, question)));
      case "select": {
        const view = this.#view(question.view);
        const groups = view.select(question.matchers);
        return selectionAnswer({ groups, state: this.#parts.state(view) });
      }
      case "head": {
        const view = this.#view(question.view);
        const { capture } = view.setAt(question.set);
        return headAnswer(head.pack(capture as CapturedHead, question, view.bounds));
      }
      case "definitions":
        return bytesAnswer(registry.encode(question.ids));
      case "damaged":
        onDamaged(question.segment, question.message);
        return textAnswer("");
      case "close":
        counters.seriesRead += question.seriesRead;
        counters.pointsRead += question.pointsRead;
        return textAnswer(this.#close(question.view) ? SEGMENTS_CHANGED : "");
    }
  }

  /** Returns the first tick that the view reads. */
  #open(number: number, range: TimeRange): bigint {
    assert(!this.#views.has(number), "View is open");
    const view = this.#parts.open({ start: range.start, end: range.end });
    this.#views.set(number, { view, version: this.#parts.version() });
    return view.bounds.first;
  }

  /** Whether segments have changed since the view was opened. */
  #close(number: number): boolean {
    const hosted = this.#views.get(number);
    hosted?.view[Symbol.dispose]();
    this.#views.delete(number);
    return hosted?.version !== this.#parts.version();
  }

  #view(number: number): ReadView {
    const hosted = this.#views.get(number);
    if (hosted === undefined) throw new EngineError("closed", "Cannot read: the view is closed");
    return hosted.view;
  }
}
