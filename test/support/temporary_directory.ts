/** An empty directory of the machine that is removed at the end of the scope. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

export class TemporaryDirectory implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(`${tmpdir()}/tsinkd-test-`);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
