/** Parameters of a query string or form, as `URLSearchParams` has them, for less where there are a few short ones. */

/** What is asked of parameters. */
export type QueryParameters = Pick<URLSearchParams, "get" | "getAll">;

export class ParsedParameters implements QueryParameters {
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  /** Those of several texts, in this order. */
  constructor(...texts: readonly string[]) {
    for (const text of texts) this.#add(text);
  }

  /** The first value of that name, null if there is none. */
  get(name: string): string | null {
    const at = this.#names.indexOf(name);
    return at < 0 ? null : this.#values[at]!;
  }

  getAll(name: string): string[] {
    return this.#values.filter((_, at) => this.#names[at] === name);
  }

  #add(text: string): void {
    for (let start = text.startsWith("?") ? 1 : 0; start < text.length;) {
      const found = text.indexOf("&", start);
      const end = found < 0 ? text.length : found;
      if (end > start) {
        const pair = text.slice(start, end);
        const mark = pair.indexOf("=");
        this.#names.push(decode(mark < 0 ? pair : pair.slice(0, mark)));
        this.#values.push(mark < 0 ? "" : decode(pair.slice(mark + 1)));
      }
      start = end + 1;
    }
  }
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Percent signs that stand for themselves, and bytes that are no UTF-8.
    return new URLSearchParams(`=${text}`).get("")!;
  }
}
