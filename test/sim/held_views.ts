/** Views that stay open while the database changes: what they have selected must read the same as long as they are. */
import type { Database } from "../../engine/database.ts";
import type { View } from "../../engine/query/view.ts";
import type { SeriesGroup } from "../../engine/series/registry.ts";
import { difference, NO_CUTOFFS, type State } from "./model.ts";
import { ALL_TIME, EVERYTHING, readAll, readDatabase } from "./reading.ts";

const VIEWS_MAX = 3;

interface Selected {
  readonly groups: readonly SeriesGroup[];
  readonly state: State;
}

interface HeldView {
  readonly view: View;
  /** Absent until something is selected. */
  selected: Selected | undefined;
}

export class HeldViews {
  #views: HeldView[] = [];

  /** Opens a view and selects at once, or later, when the database is in another state. */
  hold(
    database: Database,
    options: { readonly selects: boolean; readonly cutoff: () => bigint },
  ): void {
    if (this.#views.length >= VIEWS_MAX) this.#views.shift()!.view[Symbol.dispose]();
    const held: HeldView = { view: database.view(ALL_TIME), selected: undefined };
    this.#views.push(held);
    if (options.selects) this.#select(database, held, options.cutoff());
  }

  /** Reads all views. Throws where one shows something else than it did. */
  look(database: Database, cutoff: bigint): void {
    for (const held of [...this.#views]) {
      const { view, selected } = held;
      if (selected === undefined) this.#select(database, held, cutoff);
      else {
        const found = readAll(view, selected.groups);
        const wrong = difference(selected.state, found, NO_CUTOFFS) ??
          difference(found, selected.state, NO_CUTOFFS);
        if (wrong !== undefined) throw new Error(`In an open view: ${wrong}`);
      }
    }
  }

  close(): void {
    for (const { view } of this.#views.splice(0)) view[Symbol.dispose]();
  }

  /** They went with the machine. */
  forget(): void {
    this.#views = [];
  }

  /** What is selected is what the database shows at this moment, but that the view keeps the cutoff of its opening. */
  #select(database: Database, held: HeldView, highest: bigint): void {
    try {
      const groups = held.view.select(EVERYTHING);
      const state = readAll(held.view, groups);
      held.selected = { groups, state };
    } catch (error) {
      // It has selected a moment that the failing disk did not let it read.
      this.#views = this.#views.filter((each) => each !== held);
      held.view[Symbol.dispose]();
      throw error;
    }
    const cutoffs = { current: undefined, highest };
    const wrong = difference(readDatabase(database), held.selected.state, cutoffs);
    if (wrong !== undefined) throw new Error(`In a selection: ${wrong}`);
  }
}
