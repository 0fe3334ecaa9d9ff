/**
 * The part of `bun:test` that the tests use, for Deno: deno.json maps "bun:test" to this file.
 *
 * `test` registers with Deno.test under the names of its enclosing `describe` blocks; hooks of a block run around each
 * of its tests, outermost first. `expect` lies in expect.ts.
 */
import { expect } from "./expect.ts";

export { expect };

type Body = (...given: never[]) => unknown;
type Hook = () => unknown;

interface Suite {
  readonly name: string;
  readonly parent: Suite | undefined;
  readonly before: Hook[];
  readonly after: Hook[];
  readonly beforeAll: Hook[];
  readonly afterAll: Hook[];
  skip: boolean;
  begun: boolean;
  /** Tests registered in this suite and below that have not finished. */
  open: number;
}

interface DenoTest {
  readonly name: string;
  readonly ignore: boolean;
  readonly sanitizeOps: boolean;
  readonly sanitizeResources: boolean;
  readonly fn: () => Promise<void>;
}

const deno = (globalThis as unknown as { Deno: { test(definition: DenoTest): void } }).Deno;
let current: Suite = newSuite("", undefined);

function newSuite(name: string, parent: Suite | undefined): Suite {
  return {
    name,
    parent,
    before: [],
    after: [],
    beforeAll: [],
    afterAll: [],
    skip: parent?.skip ?? false,
    begun: false,
    open: 0,
  };
}

/** The suite and all that enclose it, outermost first. */
function chain(suite: Suite): Suite[] {
  const found: Suite[] = [];
  for (let each: Suite | undefined = suite; each !== undefined; each = each.parent) {
    found.unshift(each);
  }
  return found;
}

function register(name: string, body: Body | undefined, ignore: boolean, given: unknown[]): void {
  const suites = chain(current);
  const skipped = ignore || body === undefined || current.skip;
  if (!skipped) { for (const suite of suites) suite.open++; }
  deno.test({
    name: [...suites.map((suite) => suite.name), name].filter((part) => part !== "").join(" > "),
    ignore: skipped,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => run(suites, body as Body, given),
  });
}

const ALIVE_MS = 1_000;

async function run(suites: readonly Suite[], body: Body, given: unknown[]): Promise<void> {
  for (const suite of suites) {
    if (suite.begun) continue;
    suite.begun = true;
    for (const hook of suite.beforeAll) await hook();
  }
  // The engine's timers do not keep a process alive; a test that awaits one is not over, so something must.
  const alive = setInterval(() => {}, ALIVE_MS);
  try {
    for (const suite of suites) for (const hook of suite.before) await hook();
    await (body as (...values: unknown[]) => unknown)(...given);
  } finally {
    clearInterval(alive);
    for (const suite of suites.toReversed()) for (const hook of suite.after) await hook();
    for (const suite of suites.toReversed()) {
      suite.open--;
      if (suite.open === 0) { for (const hook of suite.afterAll) await hook(); }
    }
  }
}

/** Fills `$name`, `$a.b` and the first of `%s %p %d %i %j %o` placeholders of a table's title. */
function title(template: string, row: unknown, index: number): string {
  const values = Array.isArray(row) ? [...row] : [row];
  return template
    .replace(/\$([A-Za-z_][\w.]*)/g, (whole, path: string) => {
      let value: unknown = row;
      for (const key of path.split(".")) {
        if (typeof value !== "object" || value === null || !(key in value)) return whole;
        value = (value as Record<string, unknown>)[key];
      }
      return show(value);
    })
    .replace(/%[spdijo#]/g, (code) => code === "%#" ? String(index) : show(values.shift()));
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  const text = typeof value === "object"
    ? JSON.stringify(value, (_key, each) => typeof each === "bigint" ? `${each}n` : each)
    : String(value);
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}

interface Registrar {
  (name: string, body?: Body, options?: unknown): void;
  each(rows: readonly unknown[]): (name: string, body: Body, options?: unknown) => void;
  skip: Registrar;
  todo: Registrar;
  if(condition: boolean): Registrar;
  skipIf(condition: boolean): Registrar;
}

function registrar(
  enter: (name: string, body: Body | undefined, ignore: boolean, given: unknown[]) => void,
  ignore = false,
): Registrar {
  const call = (name: string, body?: Body) => enter(name, body, ignore, []);
  const result = Object.assign(call, {
    each: (rows: readonly unknown[]) => (name: string, body: Body) => {
      rows.forEach((row, index) =>
        enter(title(name, row, index), body, ignore, Array.isArray(row) ? [...row] : [row])
      );
    },
    if: (condition: boolean) => registrar(enter, ignore || !condition),
    skipIf: (condition: boolean) => registrar(enter, ignore || condition),
  });
  Object.defineProperty(result, "skip", { get: () => registrar(enter, true) });
  Object.defineProperty(result, "todo", { get: () => registrar(enter, true) });
  return result as unknown as Registrar;
}

function enterSuite(name: string, body: Body | undefined, ignore: boolean, given: unknown[]): void {
  const outer = current;
  current = newSuite(name, outer);
  if (ignore) current.skip = true;
  try {
    (body as ((...values: unknown[]) => unknown) | undefined)?.(...given);
  } finally {
    current = outer;
  }
}

export const test: Registrar = registrar(register);
export const it: Registrar = test;
export const describe: Registrar = registrar(enterSuite);

export function beforeEach(hook: Hook): void {
  current.before.push(hook);
}
export function afterEach(hook: Hook): void {
  current.after.unshift(hook);
}
export function beforeAll(hook: Hook): void {
  current.beforeAll.push(hook);
}
export function afterAll(hook: Hook): void {
  current.afterAll.push(hook);
}

/** Bun's per-file time-out has no counterpart in Deno's runner. */
export function setDefaultTimeout(_ms: number): void {}
