/**
 * The long form of the simulation: seeds one after the other for a while, or one seed again.
 *
 *   npm run prove -- --part simulation --minutes 30 [--from SEED]
 *   npm run prove -- --seed 4711
 */
import process from "node:process";
import { simulate } from "./simulation.ts";

const SECONDS = 60;

function option(name: string): number | undefined {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return undefined;
  const value = Number(process.argv[at + 1]);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`Cannot use --${name}: give a whole number`);
}

async function main(): Promise<void> {
  const only = option("seed");
  if (only !== undefined) {
    console.log(JSON.stringify(await simulate(only)));
    return;
  }
  const end = Date.now() + 1_000 * (option("seconds") ?? SECONDS);
  const first = option("from") ?? Math.floor(Math.random() * 2 ** 31);
  const sum = { lives: 0, crashes: 0, writes: 0, points: 0, operations: 0, failed: 0 };
  for (let seed = first; Date.now() < end; seed++) {
    sum.lives++;
    try {
      const result = await simulate(seed);
      sum.crashes += result.crashes;
      sum.writes += result.writes;
      sum.points += result.points;
      sum.operations += result.operations;
    } catch (error) {
      sum.failed++;
      console.error(error instanceof Error ? error.message : error);
    }
  }
  console.log(`first seed ${first}: ${JSON.stringify(sum)}`);
  if (sum.failed > 0) process.exitCode = 1;
}

await main();
