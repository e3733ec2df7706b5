import type { Agent } from "./agent.ts";
import { type InstalledApps, parseInstalledApps } from "./beat.ts";
import { Shared } from "./shared.ts";

/** An app map as it came, and what was read in it. */
interface AppMap {
  readonly text: string;
  readonly installed: InstalledApps;
}

/** What there is of an app map that is left out. */
const NO_ROOM: AppMap = {
  text: "",
  installed: { json: "{}", fault: "the app maps of all agents together are too large, this one is left out" },
};

/** Gives agents their app maps as long as there is room for them: with 32 KiB each, forged agents would take all memory. */
export class AppMaps {
  /** Characters of the app maps of all agents. */
  #length = 0;
  readonly #known = new Shared<AppMap>((text) => ({ text, installed: parseInstalledApps(text) }));

  /** Counts the map of an agent that comes with one. */
  add(agent: Agent): void {
    this.#length += agent.appsLength;
  }

  /** Gives an agent another map, or none when all together would have more characters than this. */
  install(agent: Agent, apps: string, maxLength = Infinity): void {
    this.drop(agent);
    const isRoom = this.#length + 2 * apps.length <= maxLength;
    const { text, installed } = isRoom ? this.#known.of(apps) : NO_ROOM;
    agent.install(text, installed);
    this.add(agent);
  }

  /** Counts the map of an agent no more. */
  drop(agent: Agent): void {
    this.#length -= agent.appsLength;
  }
}
