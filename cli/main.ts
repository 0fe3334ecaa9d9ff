/** The command line: picks the command and turns its outcome into an exit code: 0 clean, 1 failure, 2 usage. */
import { BUILD } from "../src/version.ts";

const HELP = `tsinkd ${BUILD.version}: a time-series database in one executable

Usage
  tsinkd serve [settings]   run the daemon
  tsinkd version            print version, commit and build date
  tsinkd help               print this text
`;

function main(words: readonly string[]): number {
  const command = words[0] ?? "help";
  switch (command) {
    case "version":
    case "--version":
      console.log(`tsinkd ${BUILD.version} (commit ${BUILD.commit}, built ${BUILD.date})`);
      return 0;
    case "help":
    case "--help":
    case "-h":
      console.log(HELP);
      return 0;
    default:
      console.error(`tsinkd: unknown command "${command}"; "tsinkd help" lists the commands`);
      return 2;
  }
}

process.exitCode = main(process.argv.slice(2));
