import { expect, test } from "bun:test";
import { completeSettings, DEFAULT_SETTINGS, type Settings } from "../../engine/settings.ts";

test("defaults pass their own rules", () => expect(completeSettings()).toEqual(DEFAULT_SETTINGS));

test.each<{ given: Record<string, unknown>; message: string }>([
  {
    given: { seriesMax: 0 },
    message: 'Cannot use setting "seriesMax": "0" is not a whole number from 1',
  },
  { given: { partitionMs: 1500.5 }, message: '"1500.5" is not a whole number' },
  { given: { headMemoryShare: 0.9 }, message: '"0.9" is not a number from 0.05 to 0.8' },
  { given: { timeUnit: "h" }, message: '"h" is none of ns, us, ms, s' },
  { given: { logEnabled: 1 }, message: "it takes true or false" },
  { given: { colour: "red" }, message: 'setting "colour": there is no such setting' },
])("$message", ({ given, message }) => {
  expect(() => completeSettings(given as Partial<Settings>)).toThrow(message);
});
