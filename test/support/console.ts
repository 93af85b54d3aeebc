import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { type Visit, type VisitOptions, visit } from "./browser.ts";
import { openBrowser } from "./browser-process.ts";
import { startUpchirp, type UpchirpProcess } from "./upchirp-process.ts";

export interface ConsoleUnderTest {
  server(): UpchirpProcess;
  readonly administrator: { readonly email: string; readonly password: string };
  /** A window in which nobody is logged in. */
  open(options?: Partial<VisitOptions>): Promise<Visit>;
  /** One in which the administrator is, or somebody else. */
  openLoggedIn(options?: Partial<VisitOptions>, login?: { email: string; password: string }): Promise<Visit>;
}

/** Of the command line; functions where something has to be there before it is known. */
type Args = readonly string[] | (() => readonly string[]);
const argsOf = (args: Args): readonly string[] => (typeof args === "function" ? args() : args);

/** The console as a user has it: built, served by a real server, in a real browser. One of each for the whole suite. */
export function consoleUnderTest(args: Args = [], browserArgs: Args = []): ConsoleUnderTest {
  const ends: (() => Promise<void>)[] = [];
  let server: UpchirpProcess | undefined;
  let browser: Browser | undefined;
  const administrator = { email: "", password: "" };
  beforeAll(async () => {
    requireBuild();
    const folder = mkdtempSync(join(tmpdir(), "upchirp-console-"));
    ends.push(async () => rmSync(folder, { recursive: true, force: true }));
    server = await startUpchirp(folder, argsOf(args), undefined, end => ends.push(end));
    administrator.email = /e-mail +(\S+)/.exec(server.output())?.[1] ?? "";
    administrator.password = /\n {2}password +(\S+)/.exec(server.output())?.[1] ?? "";
    browser = await openBrowser(argsOf(browserArgs));
    ends.push(async () => browser?.close());
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });
  const running = (): UpchirpProcess => {
    if (server === undefined) throw new Error("the server has not started");
    return server;
  };
  const open: ConsoleUnderTest["open"] = async (options = {}) => {
    if (browser === undefined) throw new Error("the browser has not started");
    return visit(browser, { baseURL: running().apiUrl, ...options });
  };
  return {
    server: running,
    administrator,
    open,
    async openLoggedIn(options, login = administrator) {
      const opened = await open(options);
      const answer = await opened.context.request.post("/api/login", { data: { ...login } });
      expect(answer.status()).toBe(200);
      return opened;
    },
  };
}

const sources = fileURLToPath(new URL("../../app-server/console/", import.meta.url));
const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map(name => statSync(join(folder, name)).mtimeMs),
  );

/** `npm install` builds the console; after that somebody may have worked on it. */
function requireBuild(): void {
  const built = `${sources}dist/index.html`;
  if (existsSync(built) && statSync(built).mtimeMs >= newest(`${sources}src`)) return;
  throw new Error("the console is older than its sources: npm run build:console");
}
