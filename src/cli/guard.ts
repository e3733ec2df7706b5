import { SUMMARY } from "./answers.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { confirmed } from "./confirm.ts";
import { counted } from "./format.ts";
import { Service } from "./service.ts";

/** `guard release`. */
export async function release(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const { guard } = await service.askFor(SUMMARY, "/api/v1/summary");
  if (!guard.on) {
    terminal.note("the guard is not on\n");
    return 1;
  }
  const question = `${counted(guard.held, "agent")} held back go offline then. Release the guard?`;
  if (!await confirmed(invocation, terminal, question)) return 1;
  await service.ask("/api/v1/guard/release", { method: "POST" });
  terminal.write("the guard is released\n");
  return 0;
}
