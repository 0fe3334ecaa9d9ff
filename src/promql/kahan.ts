/** Sums that lose less: Kahan's compensation in Neumaier's form. The result is `sum + compensation`. */

/** A sum in the making. Hot loops over columns spell the same rule out in place. */
export class CompensatedSum {
  sum = 0;
  compensation = 0;

  add(value: number): void {
    const next = this.sum + value;
    if (next === Infinity || next === -Infinity) this.compensation = 0;
    else if (Math.abs(this.sum) >= Math.abs(value)) this.compensation += this.sum - next + value;
    else this.compensation += value - next + this.sum;
    this.sum = next;
  }

  get value(): number {
    return this.sum + this.compensation;
  }
}
