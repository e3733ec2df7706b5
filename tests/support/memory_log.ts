import { closeLog, type Logger, openLog } from "../../src/log.ts";

/** A log that is kept in memory, for tests that read it. */
export class MemoryLog implements Disposable {
  /** The lines so far, oldest first. */
  readonly lines: string[] = [];
  readonly logger: Logger;

  constructor() {
    this.logger = openLog({
      level: "debug",
      format: "text",
      journal: false,
      write: (line) => this.lines.push(line.trimEnd()),
    });
  }

  /** The lines that match. */
  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  [Symbol.dispose](): void {
    closeLog();
  }
}
