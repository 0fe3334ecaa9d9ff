/** `tsinkd serve`: reads the configuration, starts the daemon, stops it on a signal. */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import process from "node:process";
import { type Configuration, loadConfiguration } from "../src/config.ts";
import { SettingError } from "../src/config_values.ts";
import { Daemon } from "../src/daemon.ts";
import { StartError } from "../src/start_error.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Runs until a signal; resolves with the exit code. */
export async function serve(words: readonly string[]): Promise<number> {
  let configuration: Configuration;
  try {
    configuration = loadConfiguration({
      flags: words,
      environment: process.env,
      readFile: (path) => readFileSync(path, "utf8"),
      memoryBytes: machineMemory(),
    });
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    console.error(`tsinkd: ${error.message}`);
    return EXIT_USAGE;
  }
  let daemon: Daemon | undefined;
  let signals = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      signals++;
      // Before the database is open there is nothing to close: what is on disk is read again at the next start.
      if (daemon === undefined) process.exit(0);
      if (signals > 1) process.exit(EXIT_FAILURE);
      void daemon.stop();
    });
  }
  try {
    daemon = await Daemon.start({ configuration, environment: process.env });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`tsinkd: ${error.message}`);
    return EXIT_FAILURE;
  }
  return await daemon.ended;
}

/** Memory of the machine or, where that is less, of the control group. */
function machineMemory(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}
