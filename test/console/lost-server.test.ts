import { expect, onTestFinished, test } from "vitest";
import { describeInBrowser, visit } from "../support/browser.ts";
import { openBrowser } from "../support/browser-process.ts";
import "../support/console.ts";
import { startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

describeInBrowser("the console of a server that stops", () => {
  test("says so while it is away, and goes on when it is back", async () => {
    const folder = temporaryFolder();
    const server = await startUpchirp(folder);
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const { page, context } = await visit(browser, { baseURL: server.apiUrl });
    const email = /e-mail +(\S+)/.exec(server.output())?.[1];
    const password = /\n {2}password +(\S+)/.exec(server.output())?.[1];
    const login = await context.request.post("/api/login", { data: { email, password } });
    expect(login.status()).toBe(200);
    await page.goto("/console/");
    await page.getByRole("status").getByText("live", { exact: true }).waitFor();

    server.child.kill("SIGKILL");
    await server.exited;
    await page.getByRole("status").getByText("not live").waitFor();
    await page.getByRole("link", { name: "Gateways", exact: true }).click();
    await page.getByText("The server cannot be reached.").waitFor({ timeout: 60_000 });

    await startUpchirp(folder, ["--http-port", new URL(server.apiUrl).port]);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("No gateways yet").waitFor();
    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.getByRole("status").getByText("live", { exact: true }).waitFor();
  });
});
