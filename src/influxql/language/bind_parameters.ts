/** Values for `$name` in a query, from the JSON object of the request's `params`. */
import { SyntaxFailure } from "../values/result.ts";
import { formatDuration } from "./durations.ts";

/** A token that stands in the place of the name. */
export interface BoundValue {
  readonly kind: "word" | "string" | "number" | "integer" | "duration" | "regex" | "keyword";
  readonly text: string;
}

export type BindParameters = ReadonlyMap<string, BoundValue>;

export const NO_PARAMETERS: BindParameters = new Map();

/** Whole numbers are kept with all digits: they are looked for in the text, before JSON makes doubles of them. */
const WHOLE_NUMBER = /^-?(?:0|[1-9][0-9]*)$/;

/** Throws a SyntaxFailure where the text is no JSON object or holds values that cannot be bound. */
export function parseBindParameters(json: string): BindParameters {
  let content: unknown;
  try {
    content = JSON.parse(json, keepNumbers);
  } catch (error) {
    throw new SyntaxFailure(`error parsing query parameters: ${messageOf(error)}`);
  }
  if (content === null || typeof content !== "object" || Array.isArray(content)) {
    throw new SyntaxFailure("error parsing query parameters: not an object");
  }
  const bound = new Map<string, BoundValue>();
  for (const [name, value] of Object.entries(content)) bound.set(name, bind(value));
  return bound;
}

class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function keepNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
}

function bind(value: unknown): BoundValue {
  if (value instanceof NumberText) return bindNumber(value.text);
  if (typeof value === "string") return { kind: "string", text: value };
  if (typeof value === "boolean") return { kind: "keyword", text: value ? "TRUE" : "FALSE" };
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (entries.length !== 1) {
      throw new SyntaxFailure("bound object parameter value must have exactly one entry");
    }
    return bindTyped(entries[0]![0], entries[0]![1]);
  }
  throw new SyntaxFailure(
    `unable to bind parameter with type ${value === null ? "null" : "array"}`,
  );
}

function bindNumber(text: string): BoundValue {
  if (WHOLE_NUMBER.test(text)) return { kind: "integer", text };
  return { kind: "number", text: String(Number(text)) };
}

/** `{"regex": "…"}` and the like. */
function bindTyped(type: string, value: unknown): BoundValue {
  const fail = () => new SyntaxFailure(`invalid ${type} parameter: bound value has the wrong type`);
  const text = typeof value === "string" ? value : undefined;
  switch (type) {
    case "ident":
    case "identifier":
      if (text !== undefined) return { kind: "word", text };
      throw fail();
    case "regex":
    case "string":
      if (text !== undefined) return { kind: type, text };
      throw fail();
    case "duration":
      if (text !== undefined) return { kind: "duration", text };
      if (value instanceof NumberText && WHOLE_NUMBER.test(value.text)) {
        return { kind: "duration", text: formatDuration(BigInt(value.text)) };
      }
      throw fail();
    case "float":
    case "number":
      if (value instanceof NumberText) return { kind: "number", text: value.text };
      throw fail();
    case "int":
    case "integer":
      if (value instanceof NumberText && WHOLE_NUMBER.test(value.text)) {
        return bindNumber(value.text);
      }
      throw fail();
    default:
      throw new SyntaxFailure(`unable to bind parameter with type ${type}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
