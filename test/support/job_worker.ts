/** A worker for tests of the executor: jobs are words that say what to do. */
import { serveJobs } from "../../engine/background/worker_side.ts";
import { EngineError } from "../../engine/errors.ts";

serveJobs(async (job, context) => {
  const [word, argument] = String(job).split(" ");
  switch (word) {
    case "echo":
      return argument;
    case "ask": {
      const answer = context.ask(Number(argument));
      return [answer.length, answer.reduce((sum, byte) => sum + byte, 0)];
    }
    case "refuse":
      throw new EngineError("corrupt", "Cannot read it");
    case "wait":
      while (!context.isAborted) context.sleep(1_000);
      throw new EngineError("closed", "Aborted");
    case "die":
      setTimeout(() => {
        throw new Error("out of luck");
      });
      return await new Promise(() => {});
    default:
      throw new Error(`no such job: ${word}`);
  }
});
