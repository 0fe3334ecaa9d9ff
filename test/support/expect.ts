/**
 * `expect` as the tests use it, for runtimes without `bun:test`. Equality follows Jest: `toEqual` ignores properties
 * that are undefined, `toStrictEqual` and `toBe` do not; NaN equals NaN; -0 differs from 0 in all of them.
 */

type Matcher = (received: unknown, ...expected: never[]) => boolean;

const MATCHERS: Readonly<Record<string, Matcher>> = {
  toBe: (received, expected: unknown) => Object.is(received, expected),
  toEqual: (received, expected: unknown) => equals(received, expected, false),
  toStrictEqual: (received, expected: unknown) => equals(received, expected, true),
  toBeUndefined: (received) => received === undefined,
  toBeDefined: (received) => received !== undefined,
  toBeNull: (received) => received === null,
  toBeNaN: (received) => typeof received === "number" && Number.isNaN(received),
  toBeTrue: (received) => received === true,
  toBeFalse: (received) => received === false,
  toBeTruthy: (received) => Boolean(received),
  toBeFalsy: (received) => !received,
  toBeGreaterThan: (received, bound: number) => (received as number) > bound,
  toBeGreaterThanOrEqual: (received, bound: number) => (received as number) >= bound,
  toBeLessThan: (received, bound: number) => (received as number) < bound,
  toBeLessThanOrEqual: (received, bound: number) => (received as number) <= bound,
  toBeCloseTo: (received, expected: number, digits: number = 2) =>
    received === expected || Math.abs((received as number) - expected) < 0.5 * 10 ** -digits,
  toBeWithin: (received, low: number, high: number) =>
    (received as number) >= low && (received as number) < high,
  toBeInstanceOf: (received, type: new (...given: never[]) => unknown) => received instanceof type,
  toBeFunction: (received) => typeof received === "function",
  toBeString: (received) => typeof received === "string",
  toBeArray: (received) => Array.isArray(received),
  toHaveLength: (received, length: number) => (received as { length: number }).length === length,
  toBeEmpty: (received) => sizeOf(received) === 0,
  toBeOneOf: (received, options: unknown[]) =>
    options.some((option) => equals(received, option, false)),
  toStartWith: (received, start: string) => (received as string).startsWith(start),
  toEndWith: (received, end: string) => (received as string).endsWith(end),
  toMatch: (received, pattern: string | RegExp) =>
    typeof pattern === "string"
      ? (received as string).includes(pattern)
      : pattern.test(received as string),
  toContain: (received, item: unknown) =>
    typeof received === "string"
      ? received.includes(item as string)
      : [...(received as Iterable<unknown>)].includes(item),
  toContainEqual: (received, item: unknown) =>
    [...(received as Iterable<unknown>)].some((each) => equals(each, item, false)),
  toHaveProperty: (received, path: string, ...value: unknown[]) => {
    let each = received;
    for (const key of path.split(".")) {
      if (typeof each !== "object" || each === null || !(key in each)) return false;
      each = (each as Record<string, unknown>)[key];
    }
    return value.length === 0 || equals(each, value[0], false);
  },
  toMatchObject: (received, expected: unknown) => matches(received, expected),
  toSatisfy: (received, check: (value: never) => boolean) => check(received as never),
};

function sizeOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  return Object.keys(value as object).length;
}

/** Deep equality; `strict` also tells an absent property from an undefined one and compares prototypes. */
function equals(left: unknown, right: unknown, strict: boolean): boolean {
  if (right instanceof Asymmetric) return right.accepts(left);
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return false;
  }
  if (strict && Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (left instanceof Error && right instanceof Error) return left.message === right.message;
  if (ArrayBuffer.isView(left) && ArrayBuffer.isView(right)) return sameBytes(left, right);
  if (left instanceof Map && right instanceof Map) {
    return left.size === right.size &&
      [...left].every(([key, value]) => right.has(key) && equals(value, right.get(key), strict));
  }
  if (left instanceof Set && right instanceof Set) {
    return left.size === right.size &&
      [...left].every((each) =>
        right.has(each) || [...right].some((other) => equals(each, other, strict))
      );
  }
  const ours = left as Record<string, unknown>;
  const theirs = right as Record<string, unknown>;
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    if (strict && Object.hasOwn(ours, key) !== Object.hasOwn(theirs, key)) return false;
    if (!equals(ours[key], theirs[key], strict)) return false;
  }
  return true;
}

function sameBytes(left: ArrayBufferView, right: ArrayBufferView): boolean {
  if (left.constructor !== right.constructor) return false;
  if (left instanceof DataView || right instanceof DataView) return left === right;
  const ours = left as unknown as ArrayLike<unknown>;
  const theirs = right as unknown as ArrayLike<unknown>;
  if (ours.length !== theirs.length) return false;
  for (let index = 0; index < ours.length; index++) {
    if (!Object.is(ours[index], theirs[index])) return false;
  }
  return true;
}

/** Whether every property of `expected` is in `received`. */
function matches(received: unknown, expected: unknown): boolean {
  if (expected instanceof Asymmetric) return expected.accepts(received);
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) {
    return Array.isArray(expected) && Array.isArray(received)
      ? expected.length === received.length &&
        expected.every((each, index) => matches(received[index], each))
      : equals(received, expected, false);
  }
  if (typeof received !== "object" || received === null) return false;
  return Object.entries(expected).every(([key, value]) =>
    matches((received as Record<string, unknown>)[key], value)
  );
}

/** A value that accepts others: expect.any, expect.stringContaining and their kin. */
class Asymmetric {
  readonly accepts: (value: unknown) => boolean;

  constructor(accepts: (value: unknown) => boolean) {
    this.accepts = accepts;
  }
}

function describeValue(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function" || typeof value === "symbol") return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const text = JSON.stringify(
    value,
    (_key, each) => typeof each === "bigint" ? `${each}n` : Number.isNaN(each) ? "NaN" : each,
  );
  return text === undefined
    ? String(value)
    : text.length > 2000
    ? `${text.slice(0, 2000)}...`
    : text;
}

function fail(name: string, negated: boolean, received: unknown, expected: unknown[]): never {
  const list = expected.map(describeValue).join(", ");
  throw new Error(
    `expect(received)${negated ? ".not" : ""}.${name}(${list})\nreceived: ${
      describeValue(received)
    }`,
  );
}

function thrownFits(error: unknown, expected: unknown): boolean {
  if (expected === undefined) return true;
  const message = error instanceof Error ? error.message : String(error);
  if (typeof expected === "string") return message.includes(expected);
  if (expected instanceof RegExp) return expected.test(message);
  if (typeof expected === "function") {
    return error instanceof (expected as new (...given: never[]) => unknown);
  }
  return equals(error, expected, false) || message === (expected as Error).message;
}

function checkThrow(
  name: string,
  negated: boolean,
  call: () => unknown,
  expected: unknown[],
): void {
  let thrown: unknown;
  let threw = false;
  try {
    call();
  } catch (error) {
    threw = true;
    thrown = error;
  }
  if ((threw && thrownFits(thrown, expected[0])) === negated) {
    fail(name, negated, threw ? thrown : "nothing thrown", expected);
  }
}

function assertions(received: unknown, negated: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, matcher] of Object.entries(MATCHERS)) {
    result[name] = (...expected: unknown[]) => {
      if (matcher(received, ...(expected as never[])) === negated) {
        fail(name, negated, received, expected);
      }
    };
  }
  for (const name of ["toThrow", "toThrowError"]) {
    result[name] = (...expected: unknown[]) =>
      checkThrow(name, negated, received as () => unknown, expected);
  }
  return result;
}

/** Assertions on what a promise becomes: each returns a promise. */
function awaited(promise: unknown, rejected: boolean): Record<string, unknown> {
  const build = (negated: boolean) =>
    new Proxy({}, {
      get: (_target, name) => {
        if (name === "not") return build(!negated);
        return async (...expected: unknown[]) => {
          let value: unknown;
          let failed = false;
          try {
            value = await (typeof promise === "function" ? promise() : promise);
          } catch (error) {
            failed = true;
            value = error;
          }
          if (failed !== rejected) fail(rejected ? "rejects" : "resolves", false, value, []);
          const throwing = name === "toThrow" || name === "toThrowError";
          const subject = throwing && rejected
            ? () => {
              throw value;
            }
            : value;
          const methods = assertions(subject, negated);
          (methods[name as string] as (...given: unknown[]) => void)(...expected);
        };
      },
    });
  return build(false);
}

function expectValue(received: unknown): unknown {
  const result = assertions(received, false);
  result["not"] = assertions(received, true);
  Object.defineProperty(result, "resolves", { get: () => awaited(received, false) });
  Object.defineProperty(result, "rejects", { get: () => awaited(received, true) });
  return result;
}

const TYPE_NAMES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Number, "number"],
  [String, "string"],
  [Boolean, "boolean"],
  [BigInt, "bigint"],
]);

export const expect: unknown = Object.assign(expectValue, {
  any: (type: new (...given: never[]) => unknown) =>
    new Asymmetric((value) => typeof value === TYPE_NAMES.get(type) || value instanceof type),
  anything: () => new Asymmetric((value) => value !== undefined && value !== null),
  stringContaining: (part: string) =>
    new Asymmetric((value) => typeof value === "string" && value.includes(part)),
  stringMatching: (pattern: string | RegExp) =>
    new Asymmetric((value) => typeof value === "string" && new RegExp(pattern).test(value)),
  objectContaining: (part: object) => new Asymmetric((value) => matches(value, part)),
  arrayContaining: (items: unknown[]) =>
    new Asymmetric((value) =>
      Array.isArray(value) &&
      items.every((item) => value.some((each) => equals(each, item, false)))
    ),
  fail: (message?: string) => {
    throw new Error(message ?? "expect.fail");
  },
  unreachable: (message?: string) => {
    throw new Error(message ?? "reached what must not be reached");
  },
});
