/** The text of expressions and statements as InfluxDB prints them: keywords in upper case, names quoted where they must be. */
import type {
  Dimension,
  Expr,
  Field,
  Fill,
  Limits,
  MeasurementSource,
  SelectStatement,
  Source,
  Statement,
  Target,
} from "./ast.ts";
import { formatDuration } from "./durations.ts";
import { isKeyword } from "./lexer.ts";

/** Digits behind the point that a number is printed with, at most. */
const DIGITS_MAX = 100;
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function printExpression(expr: Expr): string {
  switch (expr.kind) {
    case "reference":
      return quoteName(expr.name) + (expr.cast === undefined ? "" : `::${expr.cast}`);
    case "wildcard":
      return expr.of === "all" ? "*" : `*::${expr.of}`;
    case "regex":
      return `/${expr.pattern.replaceAll("/", "\\/")}/`;
    case "number":
      return printNumber(expr.value);
    case "integer":
    case "boolean":
      return String(expr.value);
    case "string":
      return quoteString(expr.value);
    case "duration":
      return formatDuration(expr.ns);
    case "call":
      return `${printFunction(expr.name)}(${expr.args.map(printExpression).join(", ")})`;
    case "binary":
      return `${printExpression(expr.left)} ${expr.op.toUpperCase()} ${
        printExpression(expr.right)
      }`;
    case "parentheses":
      return `(${printExpression(expr.inner)})`;
  }
}

/** With three digits behind the point, and more where the number would be another one without. */
function printNumber(value: number): string {
  // Numbers have no exponents.
  if (Math.abs(value) >= 1e21) {
    return Number.isFinite(value) ? `${BigInt(value)}.000` : String(value);
  }
  let text = value.toFixed(3);
  for (let digits = 4; Number(text) !== value && digits <= DIGITS_MAX; digits++) {
    text = value.toFixed(digits);
  }
  return text;
}

export function printSelect(statement: SelectStatement): string {
  const { fields, into, sources, where, dimensions, fill, rows, series, zone } = statement;
  let text = `SELECT ${fields.map(printField).join(", ")}`;
  if (into !== undefined) text += ` INTO ${printTarget(into)}`;
  if (sources.length > 0) text += ` FROM ${sources.map(printSource).join(", ")}`;
  if (where !== undefined) text += ` WHERE ${printExpression(where)}`;
  if (dimensions.length > 0) text += ` GROUP BY ${dimensions.map(printDimension).join(", ")}`;
  text += printFill(fill);
  if (statement.descending) text += " ORDER BY time DESC";
  text += printLimits(rows, "") + printLimits(series, "S");
  return zone === undefined ? text : `${text} TZ('${zone}')`;
}

/** As SHOW CONTINUOUS QUERIES shows it. */
export function printContinuousQuery(
  query: Statement & { kind: "create_continuous_query" },
): string {
  const { name, database, everyNs, forNs } = query;
  let text = `CREATE CONTINUOUS QUERY ${quoteName(name)} ON ${quoteName(database)}`;
  if (everyNs > 0n || forNs > 0n) text += " RESAMPLE";
  if (everyNs > 0n) text += ` EVERY ${formatDuration(everyNs)}`;
  if (forNs > 0n) text += ` FOR ${formatDuration(forNs)}`;
  return `${text} BEGIN ${printSelect(query.statement)} END`;
}

/** Names of functions that do not exist may need quotes; `distinct` is a keyword and a function. */
function printFunction(name: string): string {
  return name === "distinct" ? name : quoteName(name);
}

export function quoteName(name: string): string {
  if (PLAIN_NAME.test(name) && !isKeyword(name)) return name;
  return `"${name.replace(/[\\"\n]/g, escape)}"`;
}

export function quoteString(text: string): string {
  return `'${text.replace(/[\\'\n]/g, escape)}'`;
}

function escape(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

function printField({ expr, alias }: Field): string {
  return alias === "" ? printExpression(expr) : `${printExpression(expr)} AS ${quoteName(alias)}`;
}

function printTarget({ database, policy, name }: Target): string {
  const prefix = printPrefix(database, policy);
  return prefix + (name === undefined ? ":MEASUREMENT" : quoteName(name));
}

function printSource(source: Source): string {
  return source.kind === "subquery"
    ? `(${printSelect(source.statement)})`
    : printMeasurement(source);
}

export function printMeasurement({ database, policy, name }: MeasurementSource): string {
  const prefix = printPrefix(database, policy);
  return prefix + (typeof name === "string" ? quoteName(name) : printExpression(name));
}

function printPrefix(database: string, policy: string): string {
  if (database === "" && policy === "") return "";
  const first = database === "" ? "" : `${quoteName(database)}.`;
  return `${first}${policy === "" ? "" : quoteName(policy)}.`;
}

function printDimension(dimension: Dimension): string {
  switch (dimension.kind) {
    case "time": {
      const { every, offset } = dimension;
      const second = offset === "now" ? "now()" : offset === 0n ? "" : formatDuration(offset);
      return `time(${formatDuration(every)}${second === "" ? "" : `, ${second}`})`;
    }
    case "tag":
      return quoteName(dimension.name);
    case "invalid":
      return "";
    default:
      return printExpression(dimension);
  }
}

function printFill(fill: Fill | undefined): string {
  if (fill === undefined || fill.kind === "null") return "";
  return ` fill(${fill.kind === "number" ? fill.value : fill.kind})`;
}

function printLimits({ limit, offset }: Limits, prefix: string): string {
  const first = limit > 0 ? ` ${prefix}LIMIT ${limit}` : "";
  return offset > 0 ? `${first} ${prefix}OFFSET ${offset}` : first;
}
