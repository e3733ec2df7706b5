import type { Agent } from "../../../src/fleet/agent.ts";
import type { Beat } from "../../../src/fleet/beat.ts";
import { startApp, type TestApp } from "../../support/app.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { DocumentedApi } from "./documented_api.ts";

/** A service that asks supervisor, which is not there: catalogs are offered by hand. */
export const SUPERVISED = "auth.mode = supervisor\nauth.emptyShare = 0.5\n";

/** A running service, its API, and clocks that stand still unless a test moves them. */
export class ApiScene implements AsyncDisposable {
  readonly test: TestApp;
  readonly api: DocumentedApi;
  readonly clock: FakeClock;

  private constructor(test: TestApp, api: DocumentedApi, clock: FakeClock) {
    this.test = test;
    this.api = api;
    this.clock = clock;
  }

  /**
   * @param config text of conf.properties beside what tests have anyway
   * @param dataDir a folder that the test looks into
   */
  static async start(config = "", dataDir?: string): Promise<ApiScene> {
    const clock = new FakeClock();
    const guard = config.includes("guard.share") ? "" : "guard.share = 1\n";
    const folder = dataDir === undefined ? {} : { dataDir };
    const test = await startApp(`agent.grace = 0\n${guard}${config}`, { clock, ...folder });
    try {
      return new ApiScene(test, await DocumentedApi.of(test), clock);
    } catch (cause) {
      await test.stop();
      throw cause;
    }
  }

  /** An agent beats. */
  beat(parts: Partial<Beat> & { ip: string }): void {
    this.test.app.fleet.beat({ asset: "", version: "1.0", apps: "{}", ...parts }, this.clock.now);
  }

  /** Time passes. */
  pass(ms: number): void {
    this.clock.advance(ms);
    this.test.app.fleet.advance(this.clock.now);
  }

  /** One agent, as the fleet has it. */
  agent(ip: string): Agent | undefined {
    return this.test.app.fleet.get(ip, this.clock.now);
  }

  /** Supervisor gives a catalog: app, version, agents. */
  async offer(...entries: readonly (readonly [app: string, version: string, agents: readonly string[]])[]) {
    return await this.test.app.catalog.offer({
      result: entries.map(([app, version, agentList]) => ({ app, version, agentList })),
    });
  }

  /** The addresses of an answer's rows. */
  async addresses(path: string): Promise<string[]> {
    const { agents } = await this.api.get(path);
    return agents.map(({ ip }: { ip: string }) => ip);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.test.stop();
  }
}
