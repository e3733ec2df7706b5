/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { waitFor } from "../support/wait_for.ts";

/** Where Debian's package puts it; install.sh installs that. */
const CHROMIUM = "/usr/bin/chromium";
/** The longest wait for something that the page shall show, ms. */
const PATIENCE_MS = 15_000;

/** How somebody looks at the page. */
export interface Looks {
  readonly theme?: "light" | "dark";
  readonly language?: "en-US" | "zh-CN" | "fr-FR";
  /** Width and height; a desk's by default. */
  readonly size?: { width: number; height: number };
  /** The part of the address behind `#`. */
  readonly place?: string;
}

/** A real browser without a window. Leaving its `await using` scope ends it. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    // Chromium's sandbox does not work for root, as whom CI runs.
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] }));
  }

  /** Opens the page of a service as a new visitor. */
  async open(
    url: string,
    { theme = "light", language = "en-US", size = { width: 1440, height: 900 }, place = "" }: Looks = {},
  ): Promise<Visit> {
    const context = await this.#browser.newContext({ viewport: size, colorScheme: theme, locale: language });
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const visit = new Visit(await context.newPage(), url);
    await visit.page.goto(`${url}/#${place}`);
    return visit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const context of this.#contexts) await context.close();
    await this.#browser.close();
  }
}

/** One visitor's page, and everything that went wrong on it. */
export class Visit {
  readonly page: Page;
  /** What the browser complained of: errors, refused content (CSP), questions to other hosts. */
  readonly faults: string[] = [];

  constructor(page: Page, url: string) {
    this.page = page;
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const about = message.location().url;
      // Without RabbitMQ the service is not ready, and says so with 503; the browser takes note.
      if (message.type() === "error" && !about.endsWith("/readyz")) this.faults.push(`${message.text()} (${about})`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(`${url}/`)) this.faults.push(`asks ${request.url()}`);
    });
  }

  /** Goes to a place behind `#`, as somebody who changes the address. */
  async go(place: string): Promise<void> {
    await this.page.evaluate((to) => void (location.hash = to), place);
  }

  /** The part of the address behind `#`. */
  get place(): string {
    return new URL(this.page.url()).hash.slice(1);
  }

  /** Waits until the element's text holds this. */
  async shows(where: string | Locator, text: string | RegExp): Promise<void> {
    const element = (typeof where === "string" ? this.page.locator(where) : where).first();
    let last = "";
    await until(async () => {
      last = await element.count() === 0 ? "(nothing there)" : (await element.innerText()).replaceAll(/\s+/g, " ");
      return typeof text === "string" ? last.includes(text) : text.test(last);
    }, () => `${where} to show ${text}; it shows ${last}`);
  }

  /** Waits until exactly so many elements are there. */
  async counts(selector: string, count: number): Promise<void> {
    let last = -1;
    const isSo = async () => (last = await this.page.locator(selector).count()) === count;
    await until(isSo, () => `${count} times ${selector}; there are ${last}`);
  }

  /** Waits until the address leads to this place. */
  async isAt(place: string): Promise<void> {
    await until(() => this.place === place, () => `the address ${place}; it is ${this.place}`);
  }

  assertQuiet(): void {
    assert.deepEqual(this.faults, []);
  }
}

/** Waits for a condition; what came instead is known only when it was in vain. */
async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  try {
    await waitFor(condition, { timeoutMs: PATIENCE_MS, what: "the page" });
  } catch (cause) {
    throw new Error(`waited in vain for ${what()}`, { cause });
  }
}
