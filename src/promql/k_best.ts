/**
 * The k largest or smallest of some numbers, found with a binary heap whose root is the worst of those kept.
 *
 * Which of several equal ones stay follows from the heap's rules, which are those of Prometheus: a newcomer that is better
 * than the root takes its place; equal ones never do. NaN is worse than anything.
 */

export class KBest {
  readonly #k: number;
  readonly #largest: boolean;
  readonly #values: number[] = [];
  readonly #indices: number[] = [];

  constructor(k: number, largest: boolean) {
    this.#k = k;
    this.#largest = largest;
  }

  /** Offers the number that stands at an index of the caller's. */
  offer(value: number, index: number): void {
    const values = this.#values;
    if (values.length < this.#k) {
      values.push(value);
      this.#indices.push(index);
      this.#rise(values.length - 1);
      return;
    }
    const root = values[0];
    if (root === undefined) return;
    const better = this.#largest ? value > root : value < root;
    if (!better && !(root !== root && value === value)) return;
    values[0] = value;
    this.#indices[0] = index;
    this.#sink();
  }

  /** Indices of what is kept, in the order of the heap. */
  get indices(): readonly number[] {
    return this.#indices;
  }

  /** Indices of what is kept, best first. */
  bestFirst(): number[] {
    const order = this.#values.map((_, at) => at).sort((left, right) => {
      const a = this.#values[left]!;
      const b = this.#values[right]!;
      if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
      return a === b ? 0 : a > b === this.#largest ? -1 : 1;
    });
    return order.map((at) => this.#indices[at]!);
  }

  #isWorse(left: number, right: number): boolean {
    const a = this.#values[left]!;
    const b = this.#values[right]!;
    return a !== a || (this.#largest ? a < b : a > b);
  }

  #swap(left: number, right: number): void {
    const [values, indices] = [this.#values, this.#indices];
    [values[left], values[right]] = [values[right]!, values[left]!];
    [indices[left], indices[right]] = [indices[right]!, indices[left]!];
  }

  #rise(start: number): void {
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#isWorse(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(): void {
    const { length } = this.#values;
    for (let at = 0;;) {
      let child = at * 2 + 1;
      if (child >= length) return;
      if (child + 1 < length && this.#isWorse(child + 1, child)) child++;
      if (!this.#isWorse(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }
}
