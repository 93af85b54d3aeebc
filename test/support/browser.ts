import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { describe, onTestFinished } from "vitest";
import { chromiumPath } from "./browser-process.ts";

const isRequired = process.env.CI === "true";

/** A suite in a real browser; skipped with a word where there is none, and a failure in CI. */
export const describeInBrowser: (name: string, suite: () => void) => void = (name, suite) => {
  if (chromiumPath !== undefined || isRequired) describe(name, suite);
  else describe.skip(`${name} (Chromium is not installed)`, suite);
};

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of: errors of scripts, and what the security policy forbade. */
  readonly complaints: readonly string[];
}

export interface VisitOptions {
  readonly baseURL: string;
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
}

/** A window of its own, without the cookies of others. Gone after the test. */
export async function visit(
  browser: Browser,
  { width = 1280, height = 800, ...options }: VisitOptions,
): Promise<Visit> {
  const context = await browser.newContext({ ...options, viewport: { width, height } });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", error => complaints.push(error.message));
  page.on("console", message => {
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  return { page, context, complaints };
}

/** What axe finds that would keep somebody from using the page, or what is within one element of it; the rule's name with the element. */
export async function seriousFaults(
  page: Page,
  { within = "html", of }: { readonly within?: string; readonly of?: "colours" } = {},
): Promise<readonly string[]> {
  // What is still coming into sight has not its own colours yet.
  await page.evaluate(settle);
  // Evaluated by the debugger, since the page's own policy lets nobody add a script.
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe.source);
  const options: axe.RunOptions = {
    resultTypes: ["violations"],
    ...(of === "colours" && { runOnly: ["color-contrast", "link-in-text-block"] }),
  };
  const run = `axe.run(${JSON.stringify(within)}, ${JSON.stringify(options)})`;
  const { violations } = await page.evaluate<axe.AxeResults>(run);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary = "" }) => `${id}: ${html} ${failureSummary}`));
}

/** Waits for what moves once; what has just opened begins to move a frame or two later. */
const settle = `(async () => {
  for (let still = 0; still < 5; still += 1) {
    await new Promise(requestAnimationFrame);
    const moving = document.getAnimations().filter(
      ({ effect, playState }) => playState === "running" && effect?.getComputedTiming().iterations !== Infinity,
    );
    if (moving.length === 0) continue;
    await Promise.allSettled(moving.map(({ finished }) => finished));
    still = 0;
  }
})()`;
