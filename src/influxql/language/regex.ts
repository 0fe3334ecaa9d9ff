/**
 * InfluxQL's regular expressions over the engine's: they search in a text where the engine's match all of it, and their dot
 * matches no line feed.
 */
import { compileRegex, type Regex } from "../../../engine/mod.ts";
import { SyntaxFailure } from "../values/result.ts";

/** Flags at the start that do not change what `^` and `$` mean. */
const LEADING_FLAGS = /^\(\?i\)/;

/** What a search for the pattern accepts: `matches` tells whether it is found. Throws a SyntaxFailure. */
export function compileSearch(pattern: string): Regex {
  try {
    compileRegex(pattern);
    return compileRegex(anchored(pattern));
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const message = cause instanceof Error ? cause.message : String(cause);
    // What the engine puts before every pattern is none of the user's.
    throw new SyntaxFailure(message.replace("`(?s)", "`"));
  }
}

/**
 * The pattern of all texts that the given one is found in. Anchors become missing gaps where that is safe, so that lists of
 * names and prefixes keep their short way in the engine.
 */
export function anchored(pattern: string): string {
  const flags = LEADING_FLAGS.exec(pattern)?.[0] ?? "";
  let body = pattern.slice(flags.length);
  const facts = scan(body);
  const isChoice = facts.alternatives;
  const begins = !isChoice && body.startsWith("^");
  const ends = !isChoice && facts.endsAnchored;
  if (begins) body = body.slice(1);
  if (ends) body = body.slice(0, -1);
  if (facts.hasDot) body = `(?-s:${body})`;
  else if (isChoice) body = `(?:${body})`;
  return `${flags}${begins ? "" : ".*"}${body}${ends ? "" : ".*"}`;
}

/** Whether there are alternatives outside of groups, dots outside of classes, and a `$` at the end. */
function scan(body: string): { alternatives: boolean; hasDot: boolean; endsAnchored: boolean } {
  let depth = 0;
  let inClass = false;
  let alternatives = false;
  let hasDot = false;
  let endsAnchored = false;
  for (let at = 0; at < body.length; at++) {
    const character = body[at]!;
    if (character === "\\") {
      // Quoted text and the like is left alone: what stands in it is not looked at one by one.
      if (body[at + 1] === "Q") return { alternatives: true, hasDot: true, endsAnchored: false };
      at++;
    } else if (inClass) {
      inClass = character !== "]";
    } else if (character === "[") {
      inClass = true;
      // A bracket that comes first is one of the class.
      if (body[at + 1] === "^") at++;
      if (body[at + 1] === "]") at++;
    } else if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "|") alternatives ||= depth === 0;
    else if (character === ".") hasDot = true;
    else if (character === "$") endsAnchored = at === body.length - 1;
  }
  return { alternatives, hasDot, endsAnchored };
}

/** A pattern that a text alone matches. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}
