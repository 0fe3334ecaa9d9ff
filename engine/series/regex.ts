/**
 * Regular expressions with RE2's syntax and linear time: anchored at both ends, dot matches newline, as in Prometheus.
 * (The engine this one follows excludes newlines; PromQL's rule is the one that people rely on.)
 *
 * Compiling is cached. Lists of names, prefixes and the like (regex_shape.ts) are matched without RE2.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { EngineError } from "../errors.ts";
import { type Glob, matchesGlob, type RegexShape, shapeOf } from "./regex_shape.ts";

/** Characters of a pattern. */
export const REGEX_CHARACTERS_MAX = 262_144;
/** Characters of a pattern that is more than a list of texts with gaps: compiling and matching cost time with its length. */
export const REGEX_PROGRAM_CHARACTERS_MAX = 8_192;
/** Compiled expressions that are kept. */
export const REGEX_CACHE_MAX = 256;
/** Characters of all patterns that are kept. */
const REGEX_CACHE_CHARACTERS_MAX = 1_048_576;

/** A compiled expression. */
export class Regex {
  readonly pattern: string;
  /** All texts it accepts, when they are few and case matters. */
  readonly literals: readonly string[] | undefined;
  /** What it accepts as one text with gaps, when it is so simple and case matters. */
  readonly glob: Glob | undefined;
  /** Every accepted text begins with exactly one of these, of which none begins with another; none where nothing is known. */
  readonly prefixes: readonly string[];
  readonly matchesEmpty: boolean;
  readonly #shape: RegexShape;
  readonly #set: ReadonlySet<string> | undefined;
  #compiled: RE2JS | undefined;

  /** Throws "invalid". Prefer `compileRegex`, which caches. */
  constructor(pattern: string) {
    if (pattern.length > REGEX_CHARACTERS_MAX) {
      throw new EngineError(
        "invalid",
        `Cannot compile regular expression: ${pattern.length} characters are above ${REGEX_CHARACTERS_MAX}`,
      );
    }
    this.pattern = pattern;
    const shape = shapeOf(pattern);
    this.#shape = shape;
    this.#set = shape.literals === undefined ? undefined : new Set(shape.literals);
    if (shape.literals === undefined && shape.globs === undefined) {
      this.#compiled = compile(pattern);
    }
    this.literals = shape.ignoreCase ? undefined : shape.literals;
    this.glob = shape.ignoreCase || shape.globs?.length !== 1 ? undefined : shape.globs[0];
    this.prefixes = shape.prefixes;
    this.matchesEmpty = this.matches("");
  }

  /** Whether the whole text matches. */
  matches(text: string): boolean {
    const { globs, ignoreCase } = this.#shape;
    if (this.#set !== undefined || globs !== undefined) {
      if (!ignoreCase) return this.#matchesShape(text);
      if (/^[\0-\x7f]*$/.test(text)) return this.#matchesShape(text.toLowerCase());
    }
    return this.#beginsWell(text) && this.#re2().testExact(text);
  }

  /**
   * The template with `$1`, `${1}`, `$name` and `${name}` replaced by what the groups matched (`$$` is a dollar sign), as
   * PromQL's label_replace has it; undefined when the text does not match. Throws "limit" when the groups together are
   * longer than `lengthMax`.
   */
  replace(text: string, template: string, lengthMax: number = Infinity): string | undefined {
    if (!this.matches(text)) return undefined;
    if (!template.includes("$")) return template;
    const re2 = this.#re2();
    const matcher = re2.matcher(text);
    if (!matcher.matches()) return undefined;
    const names = re2.namedGroups();
    let length = 0;
    return expand(template, (name) => {
      const number = groupNumber(name) ?? (Object.hasOwn(names, name) ? names[name]! : -1);
      const group = number < 0 || number > re2.groupCount() ? "" : matcher.group(number) ?? "";
      length += group.length;
      if (length > lengthMax) {
        throw new EngineError(
          "limit",
          `Cannot replace text: the result is longer than ${lengthMax} characters`,
        );
      }
      return group;
    });
  }

  #beginsWell(text: string): boolean {
    return this.prefixes.length === 0 || this.prefixes.some((prefix) => text.startsWith(prefix));
  }

  #matchesShape(text: string): boolean {
    if (this.#set !== undefined) return this.#set.has(text);
    return this.#shape.globs!.some((glob) => matchesGlob(glob, text));
  }

  #re2(): RE2JS {
    return this.#compiled ??= compile(this.pattern);
  }
}

const cache = new Map<string, Regex>();
let cachedCharacters = 0;

/** The expression, compiled now or before. Throws "invalid" naming the pattern, the place and the reason. */
export function compileRegex(pattern: string): Regex {
  const known = cache.get(pattern);
  if (known !== undefined) {
    cache.delete(pattern);
    cache.set(pattern, known);
    return known;
  }
  const regex = new Regex(pattern);
  cache.set(pattern, regex);
  cachedCharacters += pattern.length;
  for (const oldest of cache.keys()) {
    if (cache.size <= REGEX_CACHE_MAX && cachedCharacters <= REGEX_CACHE_CHARACTERS_MAX) break;
    cache.delete(oldest);
    cachedCharacters -= oldest.length;
  }
  return regex;
}

function compile(pattern: string): RE2JS {
  if (pattern.length > REGEX_PROGRAM_CHARACTERS_MAX) {
    throw new EngineError(
      "invalid",
      `Cannot compile regular expression: ${pattern.length} characters are above ${REGEX_PROGRAM_CHARACTERS_MAX}, the most for anything but a list of texts`,
    );
  }
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    const reason = error instanceof RE2JSSyntaxException
      ? reasonOf(error, pattern)
      : String(error instanceof Error ? error.message : error);
    throw new EngineError(
      "invalid",
      `Cannot compile regular expression "${abridged(pattern)}": ${reason}`,
      { cause: error },
    );
  }
}

/** What is wrong, and where the offending part stands. */
function reasonOf(error: RE2JSSyntaxException, pattern: string): string {
  const fragment = (error.getPattern() ?? "").replace(/^\(\?s\)/, "");
  const offset = fragment === "" ? -1 : pattern.indexOf(fragment);
  if (offset < 0 || fragment === pattern) return error.getDescription();
  return `${error.getDescription()} "${abridged(fragment)}" at character ${offset + 1}`;
}

function abridged(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}

/** Replaces the references of a template; a dollar sign that begins none stays. */
function expand(template: string, valueOf: (name: string) => string): string {
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced: string | undefined, bare: string | undefined) =>
      whole === "$$" ? "$" : valueOf((braced ?? bare)!),
  );
}

/** Number of a group that is named by digits; leading zeros name no group. */
function groupNumber(name: string): number | undefined {
  if (!/^[0-9]+$/.test(name)) return undefined;
  return name.length > 8 || (name.length > 1 && name.startsWith("0")) ? -1 : Number(name);
}
