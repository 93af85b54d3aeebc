import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { openEmbeddedDatabase } from "../support/embedded-database.ts";

const viewer = { email: "vera@example.org", password: "looks at everything" };
const gatewayId = "0016c001ff10a235";

describeInBrowser("the console's alerts", () => {
  const console = consoleUnderTest();
  let sql: Client;
  let tenantId: string;
  beforeAll(async () => {
    const client = createClient({ url: console.server().apiUrl, token: console.server().token() });
    tenantId = dataOf(await client.GET("/api/tenants")).items[0]?.id ?? "";
    dataOf(await client.POST("/api/gateways", { body: { gatewayId, tenantId, name: "roof" } }));
    const { id: userId } = dataOf(await client.POST("/api/users", { body: viewer }));
    const params = { path: { tenantId, userId } };
    const member = await client.PUT("/api/tenants/{tenantId}/users/{userId}", { params, body: { role: "viewer" } });
    expect(member.error).toBeUndefined();
    sql = await openEmbeddedDatabase(console.server().dataFolder);
  });
  afterAll(async () => {
    await sql?.end();
  });

  test("are listed with what to do, counted, and acknowledged once by those who may", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/alerts");
    await page.getByText("All is well").waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await sql.query(
      `insert into alerts (tenant_id, kind, severity, state, subject_type, subject, subject_name, value, threshold,
        raised_at, partition)
      values ($1, 'gateway-silent', 'critical', 'raised', 'gateway', $2, 'roof', 200, 180, now(), 0)`,
      [tenantId, gatewayId],
    );
    // It comes into sight by itself.
    const row = page.getByRole("table", { name: "Alerts" }).getByRole("row", { name: /A gateway is silent/ });
    await row.getByText("raised", { exact: true }).waitFor();
    await row.getByText("Was 200, raised at 180: seconds since it was last heard").waitFor();
    await row.getByText(/Check its power and its network/).waitFor();
    await expect
      .poll(() => row.getByRole("link", { name: "roof" }).getAttribute("href"))
      .toBe(`/console/gateways/${gatewayId}`);

    const asViewer = await console.openLoggedIn({}, viewer);
    await asViewer.page.goto("/console/alerts");
    await asViewer.page.getByText("A gateway is silent").waitFor();
    expect(await asViewer.page.getByRole("button", { name: "Acknowledge" }).count()).toBe(0);

    await page.goto("/console/");
    const panel = page.getByRole("region", { name: "Alerts" });
    await panel.getByRole("link", { name: "roof" }).waitFor();
    await page.getByRole("link", { name: /^Alerts\s*1 raised$/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await panel.getByRole("link", { name: "All alerts" }).click();

    await row.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: "Note" }).fill("Somebody is on the way");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("dialog").getByRole("button", { name: "Look after it" }).click();
    await row.getByText(`${console.administrator.email} looks after it since`).waitFor();
    await row.getByText(/Somebody is on the way/).waitFor();
    await expect.poll(() => row.getByRole("button", { name: "Acknowledge" }).count()).toBe(0);
    await page.getByRole("link", { name: "Alerts", exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("combobox", { name: "State" }).click();
    await page.getByRole("option", { name: "Cleared" }).click();
    await page.getByText("No such alerts").waitFor();
    expect(new URL(page.url()).search).toBe("?state=cleared");
    await page.goto("/console/alerts?state=acknowledged&kind=noise");
    await page.getByText("No such alerts").waitFor();
    await page.goto("/console/alerts?state=acknowledged&kind=gateway-silent");
    await row.waitFor();
    expect(complaints).toEqual([]);
  });

  test("have rules that are changed, refused with a reason, reset, and only read by a viewer", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/tenants/${tenantId}?tab=alerts`);
    const rule = page.getByRole("button", { name: /A battery is low/ });
    await rule.click();
    const raise = page.getByRole("textbox", { name: "Raised at" });
    await expect.poll(() => raise.inputValue()).toBe("20");
    await expect.poll(() => page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    expect(await seriousFaults(page)).toEqual([]);
    await raise.fill("40");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("That was not saved").waitFor();
    await expect
      .poll(() => page.getByRole("textbox", { name: "Cleared at" }).getAttribute("aria-invalid"))
      .toBe("true");
    await raise.fill("15");
    await page.getByRole("switch", { name: "Watched" }).uncheck({ force: true });
    await page.getByRole("button", { name: "Save" }).click();
    await rule.getByText("changed").waitFor();
    await rule.getByText("off").waitFor();

    const asViewer = await console.openLoggedIn({}, viewer);
    await asViewer.page.goto(`/console/tenants/${tenantId}?tab=alerts`);
    await asViewer.page.getByRole("button", { name: /A battery is low/ }).click();
    const read = asViewer.page.getByRole("textbox", { name: "Raised at" });
    await expect.poll(() => read.inputValue()).toBe("15");
    await expect.poll(() => read.isDisabled()).toBe(true);
    expect(await asViewer.page.getByRole("button", { name: /^(Save|Reset)/ }).count()).toBe(0);

    await page.getByRole("button", { name: "Reset to default" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
    await rule.getByText("changed").waitFor({ state: "detached" });
    await expect.poll(() => raise.inputValue()).toBe("20");
    expect(complaints).toEqual([]);
  });
});
