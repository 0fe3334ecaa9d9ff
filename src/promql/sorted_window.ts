/** A window kept sorted while it slides, for quantiles: samples enter and leave one by one. */

export class SortedWindow {
  /** Ascending, without NaN; the first `#count` entries are valid. */
  #values = new Float64Array(64);
  #count = 0;
  #nans = 0;

  add(value: number): void {
    if (value !== value) {
      this.#nans++;
      return;
    }
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    const at = this.#find(value);
    this.#values.copyWithin(at + 1, at, this.#count);
    this.#values[at] = value;
    this.#count++;
  }

  /** Removes a value that was added. */
  remove(value: number): void {
    if (value !== value) {
      this.#nans--;
      return;
    }
    const at = this.#find(value);
    this.#values.copyWithin(at, at + 1, this.#count);
    this.#count--;
  }

  /** Index of the first entry that is not below the value. */
  #find(value: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#values[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The quantile as quantile.ts defines it, NaN counting as smallest. */
  quantile(q: number): number {
    const count = this.#count + this.#nans;
    if (count === 0 || q !== q) return NaN;
    if (q < 0) return -Infinity;
    if (q > 1) return Infinity;
    const rank = q * (count - 1);
    const lower = Math.floor(rank);
    const upper = Math.min(lower + 1, count - 1);
    const weight = rank - lower;
    return this.#at(lower) * (1 - weight) + this.#at(upper) * weight;
  }

  #at(rank: number): number {
    return rank < this.#nans ? NaN : this.#values[rank - this.#nans]!;
  }
}
