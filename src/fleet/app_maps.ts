import type { Agent } from "./agent.ts";
import { parseInstalledApps } from "./beat.ts";

/** What is shown of an app map that is left out. */
const NO_ROOM = { json: "{}", fault: "the app maps of all agents together are too large, this one is left out" };

/** Gives agents their app maps as long as there is room for them: with 32 KiB each, forged agents would take all memory. */
export class AppMaps {
  /** Characters of the app maps of all agents. */
  #length = 0;

  /** Counts the map of an agent that comes with one. */
  add(agent: Agent): void {
    this.#length += agent.appsLength;
  }

  /** Gives an agent another map, or none when all together would have more characters than this. */
  install(agent: Agent, apps: string, maxLength = Infinity): void {
    this.drop(agent);
    const isRoom = this.#length + 2 * apps.length <= maxLength;
    agent.install(isRoom ? apps : "", isRoom ? parseInstalledApps(apps) : NO_ROOM);
    this.add(agent);
  }

  /** Counts the map of an agent no more. */
  drop(agent: Agent): void {
    this.#length -= agent.appsLength;
  }
}
