/** The command line: picks the command and turns its outcome into an exit code: 0 clean, 1 failure, 2 usage. */
import process from "node:process";
import { settingsHelp } from "../src/config.ts";
import { BUILD } from "../src/version.ts";
import { isOfflineCommand, offlineHelp, runOffline } from "./admin.ts";
import { serve } from "./serve.ts";

function helpText(): string {
  return `tsinkd ${BUILD.version}: a time-series database in one executable

Usage
  tsinkd serve [settings]   run the daemon
  tsinkd version            print version, commit and build date
  tsinkd help               print this text

Over the directory of a database that no daemon has open
${offlineHelp()}

Settings, with their defaults; --NAME VALUE, or TSINKD_NAME in the environment, or NAME = VALUE in the file
${settingsHelp()}

Main paths
  POST /write, /api/v2/write, /api/v3/write_lp       line protocol
  POST /api/v1/write, /api/v1/import/prometheus      Prometheus remote write, text
  GET, POST /api/v1/query, /api/v1/query_range       PromQL
  GET /health, /ping, /ready, /metrics               how it is`;
}

async function main(words: readonly string[]): Promise<number> {
  const command = words[0] ?? "help";
  switch (command) {
    case "serve":
      return await serve(words.slice(1));
    case "version":
    case "--version":
      console.log(`tsinkd ${BUILD.version} (commit ${BUILD.commit}, built ${BUILD.date})`);
      return 0;
    case "help":
    case "--help":
    case "-h":
      console.log(helpText());
      return 0;
    default:
      if (isOfflineCommand(command)) {
        return await runOffline(command, words.slice(1), {
          print: (text) => console.log(text),
          complain: (text) => console.error(text),
        });
      }
      console.error(`tsinkd: unknown command "${command}"; "tsinkd help" lists the commands`);
      return 2;
  }
}

process.exit(await main(process.argv.slice(2)));
