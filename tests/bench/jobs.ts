import { createInterface } from "node:readline";
import process from "node:process";

/** The other side of `Child.run`: takes jobs from standard input, one JSON value a line, and writes each result. */
export async function serveJobs<Job>(run: (job: Job) => Promise<unknown>): Promise<void> {
  const encoder = new TextEncoder();
  for await (const line of createInterface({ input: process.stdin })) {
    const bytes = encoder.encode(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
    for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}
