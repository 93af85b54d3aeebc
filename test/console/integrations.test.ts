import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { type ConsoleFleet, startFleet } from "../support/console-fleet.ts";

describeInBrowser("the console's integrations", () => {
  const console = consoleUnderTest(["--set", 'appServer.integrations.allowedNetworks=["127.0.0.0/8"]']);
  let answer = 400;
  const receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(answer).end();
  });
  let radio: ConsoleFleet;
  beforeAll(async () => {
    await new Promise<void>(resolve => receiver.listen(0, "127.0.0.1", resolve));
    radio = startFleet(console.server(), { devices: 2, gateways: 1, intervalSeconds: 1 });
  });
  afterAll(async () => {
    await radio.end();
    receiver.close();
  });
  const url = (): string => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;

  test("are set up by the fields of their kind, tested, and what died is sent again", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/integrations");
    await page.getByText("No integrations yet").waitFor();
    await page.getByRole("link", { name: "Add integration" }).first().click();
    for (const { title } of await kinds()) await page.getByRole("button", { name: title, exact: true }).waitFor();
    await page.getByRole("button", { name: "HTTP webhook" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("Dashboard");
    await page.getByRole("textbox", { name: "URL", exact: true }).fill("ftp://example.com");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("alert").getByText("Choose whose events it sends.").waitFor();
    await expect
      .poll(() => page.getByRole("combobox", { name: "Sends events of" }).getAttribute("aria-invalid"))
      .toBe("true");
    await page.getByRole("combobox", { name: "Sends events of" }).click();
    await page.getByRole("option", { name: "every application of Default" }).click();
    await page.getByRole("textbox", { name: "Signing key" }).fill("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("That was not saved").waitFor();
    await expect
      .poll(() => page.getByRole("textbox", { name: "URL", exact: true }).getAttribute("aria-invalid"))
      .toBe("true");
    await page.getByRole("textbox", { name: "URL", exact: true }).fill(url());
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Dashboard" }).waitFor();

    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText(/The receiver did not take it: the receiver answered 400/).waitFor();
    const letters = page.getByRole("table", { name: "Dead letters" });
    await letters.getByText("rejected by the receiver").first().waitFor();
    await page.getByText("dead letters", { exact: true }).first().waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page
      .getByRole("button", { name: /^Show letter/ })
      .first()
      .click();
    await page.getByRole("dialog").getByText("deduplicationId").waitFor();
    await page.keyboard.press("Escape");

    answer = 200;
    await page.getByRole("button", { name: "Send all again" }).click();
    await page.getByText(/queued again/).waitFor();
    await page.getByText("No dead letters").waitFor();
    await page.getByText("delivering", { exact: true }).waitFor();

    await page.getByRole("tab", { name: "Settings" }).click();
    // What went in does not come out.
    await expect.poll(() => page.getByRole("textbox", { name: "Signing key" }).inputValue()).toBe("");
    await page
      .getByText(/It is set; typed anew it is replaced/)
      .first()
      .waitFor();
    await page.getByRole("combobox", { name: "Mode" }).click();
    await page.getByRole("option", { name: "off" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.getByText("off", { exact: true }).first().waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("button", { name: "Delete integration" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("No integrations yet").waitFor();
    expect(complaints).toEqual([]);
  });

  test("what died is sent again one by one or dropped, and so is what waits", async () => {
    const client = createClient({ url: console.server().apiUrl, token: console.server().token() });
    const [tenant] = dataOf(await client.GET("/api/tenants")).items;
    answer = 400;
    const body = { tenantId: tenant?.id ?? "", kind: "http", name: "Stubborn", settings: { url: url() } };
    const { id: integrationId } = dataOf(await client.POST("/api/integrations", { body }));
    const params = { path: { integrationId } };
    const state = async () => dataOf(await client.GET("/api/integrations/{integrationId}/state", { params }));
    await expect.poll(async () => (await state()).deadLetters, { timeout: 20_000 }).toBeGreaterThan(2);
    answer = 200;
    const { delivered } = await state();
    // From then on nothing dies.
    await expect.poll(async () => (await state()).delivered, { timeout: 20_000 }).toBeGreaterThan(delivered);
    dataOf(await client.PATCH("/api/integrations/{integrationId}", { params, body: { mode: "paused" } }));
    await expect.poll(async () => (await state()).queue.messages, { timeout: 20_000 }).toBeGreaterThan(0);
    dataOf(await client.PATCH("/api/integrations/{integrationId}", { params, body: { mode: "off" } }));

    const { page, complaints } = await console.openLoggedIn();
    const dialog = page.getByRole("dialog");
    await page.goto(`/console/integrations/${integrationId}`);
    const letters = page.getByRole("button", { name: /^Show letter/ });
    await letters.first().waitFor();
    const count = await letters.count();
    const first = (await letters.first().getAttribute("aria-label")) ?? "";
    await page.getByRole("button", { name: "Send again" }).first().click();
    await page.getByText("1 queued again").waitFor();
    await page.getByRole("button", { name: first, exact: true }).waitFor({ state: "hidden" });
    await expect.poll(() => letters.count()).toBe(count - 1);
    await page.getByRole("button", { name: "Drop all" }).click();
    await dialog.getByText("All of them, also those that are not listed yet.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Drop" }).click();
    await page.getByText("No dead letters").waitFor();
    await dialog.waitFor({ state: "hidden" });
    const dropped = await state();
    expect(dropped.deadLetters).toBe(0);
    expect(dropped.queue.messages).toBeGreaterThan(0);

    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Drop what waits" }).click();
    await dialog.getByRole("button", { name: "Drop" }).click();
    await page.getByRole("button", { name: "Drop what waits", disabled: true }).waitFor();
    expect((await state()).queue.messages).toBe(0);
    expect(complaints).toEqual([]);
  });

  const kinds = async (): Promise<readonly { readonly title: string }[]> => {
    const client = createClient({ url: console.server().apiUrl, token: console.server().token() });
    return dataOf(await client.GET("/api/integrations/kinds")).items;
  };
});
