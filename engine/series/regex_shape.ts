/**
 * What a regular expression says without an automaton: a few texts, or texts with gaps between them.
 *
 * Most expressions in queries are lists of names, or a prefix and `.*`. Those are recognised here and answered by comparing
 * strings or by looking values up in an index. The parser knows a safe part of RE2's syntax and gives up on the rest,
 * which is then matched by RE2 itself: giving up costs time, never correctness.
 *
 * Invariants
 * - An expression that is recognised completely is valid RE2 and accepts exactly the shape's texts, anchored, dot matching newline.
 * - One of `prefixes` begins every text that the expression accepts, recognised completely or not.
 */

/** Texts or gapped texts that one expression may stand for; more are left to RE2. */
export const REGEX_LITERALS_MAX = 16_384;
/** Gapped texts that are tried one after the other. */
export const REGEX_GLOBS_MAX = 64;
/** Beginnings that are told apart. */
const PREFIXES_MAX = 16;
/** The highest `m` of `{n,m}` that is written out. */
const REPEAT_MAX = 8;
/** Characters of one class that are written out. */
const CLASS_MAX = 64;
const DEPTH_MAX = 50;
/** Concatenations of two pieces, and characters of one text, before the parser gives up. */
const STEPS_MAX = 500_000;
const TEXT_MAX = 65_536;

/** Literal parts with gaps between them: `parts[0] gap[0] parts[1] ...`; a gap is the least number of characters in it. */
export interface Glob {
  readonly parts: readonly string[];
  readonly gaps: readonly number[];
}

export interface RegexShape {
  /** All texts the expression accepts (lower-case when `ignoreCase`), when it is recognised and they are few. */
  readonly literals: readonly string[] | undefined;
  /** Else what it accepts, when it is recognised as this. */
  readonly globs: readonly Glob[] | undefined;
  /**
   * Every accepted text begins with exactly one of these; none when nothing is known or case is ignored. None of them
   * begins with another.
   */
  readonly prefixes: readonly string[];
  readonly ignoreCase: boolean;
}

/** Text, a gap of at least so many characters (0 and above), or one of the marks below. */
type Item = string | number;
const START = -1;
const END = -2;
/** Exactly one character, whichever. */
const ANY = -3;
/** Something that is not recognised. */
const OTHER = -4;
type Sequence = readonly Item[];
type Alternatives = readonly Sequence[];

const NOTHING: RegexShape = {
  literals: undefined,
  globs: undefined,
  prefixes: [],
  ignoreCase: false,
};

/** Thrown inside the parser when it gives up. */
class Unrecognised extends Error {}

/** The shape of an expression; a shape without literals and globs when it is not recognised. */
export function shapeOf(pattern: string): RegexShape {
  const parser = new ShapeParser(pattern);
  let alternatives: Alternatives;
  try {
    alternatives = parser.parse().map(withoutAnchors);
  } catch (error) {
    if (error instanceof Unrecognised) return NOTHING;
    throw error;
  }
  const ignoreCase = parser.ignoreCase;
  const prefixes = ignoreCase ? [] : prefixesOf(alternatives);
  if (alternatives.some((each) => each.includes(OTHER))) return { ...NOTHING, prefixes };
  if (alternatives.every((each) => each.every((item) => typeof item === "string"))) {
    const literals = [...new Set(alternatives.map((each) => each.join("")))];
    return { literals, globs: undefined, prefixes, ignoreCase };
  }
  if (alternatives.length > REGEX_GLOBS_MAX) return { ...NOTHING, prefixes };
  return { literals: undefined, globs: alternatives.map(toGlob), prefixes, ignoreCase };
}

/** Whether the whole text is the glob's parts with what its gaps allow in between. */
export function matchesGlob(glob: Glob, text: string): boolean {
  const { parts, gaps } = glob;
  const first = parts[0]!;
  if (!text.startsWith(first)) return false;
  const last = parts[parts.length - 1]!;
  if (parts.length === 1) return text.length === first.length;
  const end = text.length - last.length;
  let at = first.length;
  for (let i = 1; i < parts.length - 1; i++) {
    at = afterGap(text, at, gaps[i - 1]!);
    const found = at < 0 ? -1 : text.indexOf(parts[i]!, at);
    if (found < 0) return false;
    at = found + parts[i]!.length;
  }
  at = afterGap(text, at, gaps[gaps.length - 1]!);
  return at >= 0 && at <= end && text.endsWith(last);
}

/** Place after `characters` characters from `at`, or -1 beyond the end. */
function afterGap(text: string, at: number, characters: number): number {
  for (let i = 0; i < characters; i++) {
    if (at >= text.length) return -1;
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

/** Drops anchors where they hold anyway; elsewhere they are something unrecognised. */
function withoutAnchors(sequence: Sequence): Sequence {
  let from = 0;
  let to = sequence.length;
  while (from < to && sequence[from] === START) from++;
  while (to > from && sequence[to - 1] === END) to--;
  const middle = sequence.slice(from, to);
  return middle.map((item) => item === START || item === END || item === ANY ? OTHER : item);
}

function prefixesOf(alternatives: Alternatives): string[] {
  const all = new Set<string>();
  for (const [first] of alternatives) {
    // Half a surrogate pair is no text.
    const text = typeof first === "string" ? first.replace(/[\ud800-\udbff]$/, "") : "";
    if (text === "") return [];
    all.add(text);
    if (all.size > PREFIXES_MAX) return commonPrefix(alternatives);
  }
  const prefixes: string[] = [];
  for (const text of [...all].sort()) {
    const last = prefixes[prefixes.length - 1];
    if (last === undefined || !text.startsWith(last)) prefixes.push(text);
  }
  return prefixes;
}

/** What all alternatives begin with, where it is more than nothing. */
function commonPrefix(alternatives: Alternatives): string[] {
  let prefix: string | undefined;
  for (const [first] of alternatives) {
    const text = typeof first === "string" ? first : "";
    prefix ??= text;
    let shared = 0;
    while (shared < prefix.length && prefix[shared] === text[shared]) shared++;
    prefix = prefix.slice(0, shared);
  }
  const whole = (prefix ?? "").replace(/[\ud800-\udbff]$/, "");
  return whole === "" ? [] : [whole];
}

function toGlob(sequence: Sequence): Glob {
  const parts = [""];
  const gaps: number[] = [];
  for (const item of sequence) {
    if (typeof item === "string") parts[parts.length - 1] += item;
    else {
      gaps.push(item);
      parts.push("");
    }
  }
  return { parts, gaps };
}

/** One sequence after the other; texts and gaps that meet become one. */
function join(left: Sequence, right: Sequence): Sequence {
  if (left.length === 0) return right;
  if (right.length === 0) return left;
  const last = left[left.length - 1]!;
  const first = right[0]!;
  const texts = typeof last === "string" && typeof first === "string";
  const gaps = typeof last === "number" && typeof first === "number" && last >= 0 && first >= 0;
  if (!texts && !gaps) return [...left, ...right];
  const met = texts ? last + first : (last as number) + (first as number);
  if (typeof met === "string" && met.length > TEXT_MAX) throw new Unrecognised();
  return [...left.slice(0, -1), met, ...right.slice(1)];
}

const ESCAPED_CONTROLS: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  f: "\f",
  v: "\v",
  a: "\x07",
};

class ShapeParser {
  readonly #pattern: string;
  #at = 0;
  #steps = 0;
  #ignoreCase = false;
  #foldedLetters = false;
  #exactLetters = false;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Whether the letters in what was parsed stand for both cases. */
  get ignoreCase(): boolean {
    return this.#foldedLetters;
  }

  parse(): Alternatives {
    const alternatives = this.#alternation(0);
    if (this.#at < this.#pattern.length) throw new Unrecognised();
    if (this.#foldedLetters && this.#exactLetters) throw new Unrecognised();
    return alternatives;
  }

  #alternation(depth: number): Alternatives {
    if (depth > DEPTH_MAX) throw new Unrecognised();
    // Flags that are set inside a group end with it.
    const ignoreCase = this.#ignoreCase;
    const alternatives: Sequence[] = [];
    do {
      for (const each of this.#concatenation(depth)) alternatives.push(each);
      if (alternatives.length > REGEX_LITERALS_MAX) throw new Unrecognised();
    } while (this.#take("|"));
    this.#ignoreCase = ignoreCase;
    return alternatives;
  }

  #concatenation(depth: number): Alternatives {
    let result: Alternatives = [[]];
    while (this.#at < this.#pattern.length && !"|)".includes(this.#pattern[this.#at]!)) {
      const atom = this.#atom(depth);
      result = this.#concatenate(result, atom === undefined ? [[]] : this.#repeated(atom));
    }
    return result;
  }

  #concatenate(left: Alternatives, right: Alternatives): Alternatives {
    const count = left.length * right.length;
    this.#steps += count;
    if (count > REGEX_LITERALS_MAX || this.#steps > STEPS_MAX) throw new Unrecognised();
    return left.flatMap((a) => right.map((b) => join(a, b)));
  }

  /** One character, class or group; undefined for a setting of flags. */
  #atom(depth: number): Alternatives | undefined {
    const code = this.#pattern.codePointAt(this.#at)!;
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    switch (character) {
      case "(":
        return this.#group(depth);
      case "[":
        return this.#class();
      case "\\":
        return [[this.#escape()]];
      case ".":
        return [[ANY]];
      case "^":
        return [[START]];
      case "$":
        return [[END]];
      case "*":
      case "+":
      case "?":
        throw new Unrecognised();
      default:
        return [[this.#literal(character)]];
    }
  }

  #group(depth: number): Alternatives | undefined {
    if (this.#take("?")) {
      const flags = /[is]*/y;
      flags.lastIndex = this.#at;
      const set = flags.exec(this.#pattern)![0];
      this.#at += set.length;
      const outer = this.#ignoreCase;
      if (set.includes("i")) this.#ignoreCase = true;
      if (set !== "" && this.#take(")")) return undefined;
      if (!this.#take(":")) throw new Unrecognised();
      const alternatives = this.#alternation(depth + 1);
      this.#ignoreCase = outer;
      if (!this.#take(")")) throw new Unrecognised();
      return alternatives;
    }
    const alternatives = this.#alternation(depth + 1);
    if (!this.#take(")")) throw new Unrecognised();
    return alternatives;
  }

  /** What stands after a backslash. */
  #escape(): Item {
    const character = this.#pattern[this.#at++] ?? "";
    if (/[!-/:-@[-`{-~]/.test(character)) return this.#literal(character);
    if (character in ESCAPED_CONTROLS) return ESCAPED_CONTROLS[character]!;
    if (character === "A") return START;
    if (character === "z") return END;
    if (/[dDwWsSbB]/.test(character)) return OTHER;
    throw new Unrecognised();
  }

  /** A class of a few characters written out; any other is something unrecognised. */
  #class(): Alternatives {
    const close = /(?:\\[!-/:-@[-`{-~dDwWsS]|[^\]\\[])+\]/y;
    close.lastIndex = this.#at;
    const found = close.exec(this.#pattern);
    if (found === null) throw new Unrecognised();
    this.#at += found[0].length;
    const content = found[0].slice(0, -1);
    if (content === "^") throw new Unrecognised();
    if (content.startsWith("^") || /\\[dDwWsS]/.test(content)) {
      // Whether it is valid in all its details is for RE2 to say.
      return [[OTHER]];
    }
    const characters: string[] = [];
    const item = /(\\.|[^\\])(?:-(\\.|[^\\]))?/suy;
    for (let match = item.exec(content); match !== null; match = item.exec(content)) {
      const first = match[1]!.replace(/^\\(?=.)/s, "").codePointAt(0)!;
      const last = match[2]?.replace(/^\\(?=.)/s, "").codePointAt(0) ?? first;
      // A hyphen in a doubtful place, a range upside down or a large one.
      if (match[0].startsWith("-") || match[2] === "-") throw new Unrecognised();
      if (last < first) throw new Unrecognised();
      if (characters.length + last - first >= CLASS_MAX) return [[OTHER]];
      for (let code = first; code <= last; code++) characters.push(String.fromCodePoint(code));
    }
    if (characters.includes("-") && !/\\-/.test(content)) throw new Unrecognised();
    return characters.map((character) => [this.#literal(character)]);
  }

  /** A character that stands for itself, in lower case when case is ignored. */
  #literal(character: string): string {
    if (!this.#ignoreCase) {
      if (character.toLowerCase() !== character.toUpperCase()) this.#exactLetters = true;
      return character;
    }
    // Beyond ASCII one letter may fold to several others: RE2 knows.
    if (character > "\x7f") throw new Unrecognised();
    if (/[a-z]/i.test(character)) this.#foldedLetters = true;
    return character.toLowerCase();
  }

  #repeated(atom: Alternatives): Alternatives {
    const repeat = /(?:[*+?]|\{(\d{1,4})(?:(,)(\d{0,4}))?\})\??/y;
    repeat.lastIndex = this.#at;
    const found = repeat.exec(this.#pattern);
    if (found === null) return atom;
    this.#at += found[0].length;
    if (/[*+?]/.test(this.#pattern[this.#at] ?? "")) throw new Unrecognised();
    if (this.#pattern[this.#at] === "{") throw new Unrecognised();
    const [low, high] = boundsOf(found);
    if (high < low || low > 1_000) throw new Unrecognised();
    if (atom.length === 1 && atom[0]!.length === 1 && atom[0]![0] === ANY) {
      return [[high === Infinity ? low : low === 1 && high === 1 ? ANY : OTHER]];
    }
    if (high > REPEAT_MAX) return [[OTHER]];
    let result: Alternatives = low === 0 ? [[]] : [];
    let power: Alternatives = [[]];
    for (let count = 1; count <= high; count++) {
      power = this.#concatenate(power, atom);
      if (count >= low) result = [...result, ...power];
      if (result.length > REGEX_LITERALS_MAX) throw new Unrecognised();
    }
    return high === 0 ? [[]] : result;
  }

  #take(character: string): boolean {
    if (this.#pattern[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}

/** Least and most repetitions. */
function boundsOf(found: RegExpExecArray): [low: number, high: number] {
  switch (found[0][0]) {
    case "*":
      return [0, Infinity];
    case "+":
      return [1, Infinity];
    case "?":
      return [0, 1];
  }
  const low = Number(found[1]);
  if (found[2] === undefined) return [low, low];
  return [low, found[3] === "" ? Infinity : Number(found[3])];
}
