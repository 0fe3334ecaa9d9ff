/** Output rows by their labels: where samples of one label set may come from several inputs at different steps. */
import { PromqlError } from "./errors.ts";
import type { Evaluation } from "./evaluation.ts";
import { labelsKey } from "./labels.ts";
import type { Labels } from "./queryable.ts";
import { ABSENT, type Row } from "./row.ts";

export function sameLabelsError(): PromqlError {
  return new PromqlError(
    "execution",
    "vector cannot contain metrics with the same labelset",
  );
}

export class RowTable {
  readonly #evaluation: Evaluation;
  readonly #steps: number;
  readonly #rows = new Map<string, Row>();

  constructor(evaluation: Evaluation, steps: number) {
    this.#evaluation = evaluation;
    this.#steps = steps;
  }

  /** In the order in which they were first asked for. */
  get rows(): Row[] {
    return [...this.#rows.values()];
  }

  /** The row of that label set, made if need be; `key` is that of the labels, where it is known already. */
  row(labels: Labels, dropName: boolean, key: string = labelsKey(labels)): Row {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#evaluation.newRow(this.#steps);
      row.labels = labels;
      row.dropName = dropName;
      this.#rows.set(key, row);
    }
    return row;
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  /** Adds the samples of a row that stays its owner's. Throws if two samples of one label set meet. */
  add(added: Row, key: string): void {
    const row = this.row(added.labels, added.dropName, key);
    for (let step = 0; step < this.#steps; step++) {
      if (added.kinds[step] === ABSENT) continue;
      if (row.kinds[step] !== ABSENT) throw sameLabelsError();
      row.copyFrom(added, step);
    }
  }

  /** Adds a whole row, taking it over where its labels are new. Throws if two samples of one label set meet. */
  merge(added: Row): void {
    const key = labelsKey(added.labels);
    const known = this.#rows.get(key);
    if (known === undefined) {
      this.#rows.set(key, added);
      return;
    }
    // Whether the name goes is for the first sample of both to say.
    if (known.dropName !== added.dropName && firstStep(added) < firstStep(known)) {
      known.dropName = added.dropName;
    }
    for (let step = 0; step < this.#steps; step++) {
      if (added.kinds[step] === ABSENT) continue;
      if (known.kinds[step] !== ABSENT) throw sameLabelsError();
      known.copyFrom(added, step);
    }
  }
}

/** Step of a row's first sample; Infinity where it has none. */
function firstStep({ kinds }: Row): number {
  const first = kinds.findIndex((kind) => kind !== ABSENT);
  return first === -1 ? Infinity : first;
}
