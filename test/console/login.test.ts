import { expect, test } from "vitest";
import { describeInBrowser } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";

describeInBrowser("the console's login", () => {
  const console = consoleUnderTest();

  test("leads from the server's address to the page that was asked for", async () => {
    const { page, complaints } = await console.open();
    await page.goto("/");
    await page.waitForURL(/\/console\/login/);
    await page.goto("/console/gateways");
    await page.getByLabel("Email").fill(console.administrator.email);
    await page.getByRole("textbox", { name: "Password" }).fill("not the password");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect.poll(() => page.getByRole("alert").textContent()).toContain("Email or password is wrong.");
    await page.getByRole("textbox", { name: "Password" }).fill(console.administrator.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Gateways" }).waitFor();
    await page.getByText("No gateways yet").waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/gateways");

    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "Log out" }).click();
    await page.getByRole("button", { name: "Log in" }).waitFor();
    await page.goto("/console/gateways");
    await page.waitForURL(/\/console\/login/);
    expect(complaints).toEqual([]);
  });

  test("does not lead to somebody else's page", async () => {
    const { page } = await console.open();
    await page.goto("/console/login?next=//elsewhere.example/");
    await page.getByLabel("Email").fill(console.administrator.email);
    await page.getByRole("textbox", { name: "Password" }).fill(console.administrator.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/");
  });

  test("comes back when the login has ended meanwhile, and leads on", async () => {
    const { page, context, complaints } = await console.openLoggedIn();
    await page.goto("/console/gateways");
    await page.getByText("No gateways yet").waitFor();
    await context.request.post("/api/logout", { headers: { "X-Requested-With": "test" } });
    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.waitForURL(/\/console\/login\?next=%2F$/);
    expect(complaints).toEqual([]);
  });

  test("is a page that runs nothing from elsewhere, inline or in a frame", async () => {
    const answer = await fetch(`${console.server().apiUrl}/console/login`);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    const [, nonce] = /'nonce-([^']+)'/.exec(policy) ?? [];
    expect(await answer.text()).toContain(`nonce="${nonce}"`);
    const again = await fetch(`${console.server().apiUrl}/console/login`);
    expect(again.headers.get("content-security-policy")).not.toContain(nonce);
  });
});
