import type { Stage } from "./stage.ts";

/** What somebody sees who operates the service: its command line, the API behind it, and the page. */
export async function operatorScene({ out, service, fleet }: Stage): Promise<void> {
  out.scene("An operator looks at it");
  out.say("elves-heartbeat status");
  const status = await service.command("status");
  for (const line of status.trimEnd().split("\n")) out.say(`  ${line}`);
  const { total } = JSON.parse(await service.command("agents", "list", "--json"));
  out.check(
    `agents list --json has all ${fleet.agents.length} agents`,
    total === fleet.agents.length ? undefined : `it has ${total}`,
  );
  const page = await fetch(`http://127.0.0.1:${service.httpPort}/`);
  const text = await page.text();
  out.check("the page is served", page.ok && text.includes("<!DOCTYPE html>") ? undefined : `status ${page.status}`);
}
