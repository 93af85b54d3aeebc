import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";

const viewer = { email: "vera@example.org", password: "looks at everything" };

describeInBrowser("the console's administration", () => {
  const console = consoleUnderTest();

  test("adds a user and gives it a role in a tenant, who then sees no button that writes", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/users");
    await page.getByRole("button", { name: "Add user" }).click();
    const form = page.getByRole("dialog");
    await form.getByRole("textbox", { name: "Email" }).fill(viewer.email);
    await form
      .getByLabel(/^Password/)
      .first()
      .fill("short");
    await form.getByRole("button", { name: "Add" }).click();
    await form.getByText("10 characters at least.").last().waitFor();
    await form
      .getByLabel(/^Password/)
      .first()
      .fill(viewer.password);
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("button", { name: "Add" }).click();
    await page.getByRole("button", { name: viewer.email }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("link", { name: "Tenants" }).click();
    await page.getByRole("link", { name: "Default" }).click();
    await page.getByText("Nobody has a role here yet").waitFor();
    await page.getByRole("button", { name: "Give a user a role" }).click();
    await page.getByRole("combobox", { name: "User" }).click();
    await page.getByRole("option", { name: viewer.email }).click();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("table", { name: "Users" }).getByText("viewer").waitFor();
    await page.getByRole("tab", { name: "History" }).click();
    await page.getByText("Events are kept for").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("tab", { name: "Limits" }).click();
    await page.getByRole("textbox", { name: "Devices" }).fill("2500");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("of 2,500").waitFor();

    const asViewer = await console.openLoggedIn({}, viewer);
    const writes = /^(Add|Delete|Save|Give|Remove|Make|Try it|Adopt)\b|^Import$/;
    for (const path of [
      "",
      "gateways",
      "transfer",
      "integrations",
      "tenants",
      "applications",
      "devices",
      "device-profiles",
    ]) {
      await asViewer.page.goto(`/console/${path}`);
      await asViewer.page.getByRole("heading", { level: 1 }).waitFor();
      await asViewer.page.waitForLoadState("networkidle").catch(() => undefined);
      expect(await asViewer.page.getByRole("button", { name: writes }).count(), path).toBe(0);
      expect(await asViewer.page.getByRole("link", { name: writes }).count(), path).toBe(0);
    }
    expect(await asViewer.page.getByRole("link", { name: "Audit log" }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("makes an API key that is shown once and works until it is deleted", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/api-keys");
    await page.getByRole("button", { name: "Add API key" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("dashboard");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Make key" }).click();
    const token = (await page.getByLabel("API key", { exact: true }).last().textContent()) ?? "";
    // The button that was pressed is gone.
    await expect.poll(() => page.locator("[role=dialog]:focus-within, [role=dialog]:focus").count()).toBe(1);
    const status = async () => {
      const headers = { authorization: `Bearer ${token.trim()}` };
      return (await fetch(`${console.server().apiUrl}/api/me`, { headers })).status;
    };
    await expect.poll(status).toBe(200);
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "I have it" }).click();
    const row = page.getByRole("row", { name: /dashboard/ });
    await row.waitFor();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await page.content()).not.toContain(token);
    await row.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(status).toBe(401);
    expect(complaints).toEqual([]);
  });

  test("shows the logins of a user, and turns a second factor on and off", async () => {
    const login = await console.openLoggedIn({}, viewer);
    const { page, complaints } = login;
    await page.goto("/console/account");
    await page.getByRole("table", { name: "Logins" }).getByText("this one").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    const begin = async (): Promise<string> => {
      await page.getByRole("button", { name: "Turn on" }).click();
      await page.getByRole("dialog").getByLabel("Current password").first().fill(viewer.password);
      await page.getByRole("button", { name: "Go on" }).click();
      const uri = await page.getByRole("link", { name: "this link" }).getAttribute("href");
      return new URL(uri ?? "").searchParams.get("secret") ?? "";
    };
    const enter = async (code: string): Promise<void> => {
      await page.getByRole("textbox", { name: "Code that it shows" }).fill(code);
      await page.getByRole("dialog").getByRole("button", { name: "Turn on" }).click();
    };
    const secret = await begin();
    expect(await seriousFaults(page)).toEqual([]);
    await enter("000000");
    await page.getByText(/The code is wrong/).waitFor();
    await enter(codeOf(secret, Date.now()));
    const codes = (await page.getByRole("region", { name: "Recovery codes" }).textContent())?.trim().split("\n") ?? [];
    expect(codes).toHaveLength(10);
    await page.getByRole("button", { name: "I have them" }).click();
    await page.getByText("10 recovery codes left.").waitFor();

    await page.getByRole("button", { name: "Turn off" }).click();
    await page.getByRole("dialog").getByLabel("Current password").first().fill(viewer.password);
    await page.getByRole("textbox", { name: "Code, or a recovery code" }).fill(codes[0] ?? "");
    await page.getByRole("dialog").getByRole("button", { name: "Turn off" }).click();
    await page.getByText(/^Off\./).waitFor();
    await page.getByRole("dialog").waitFor({ state: "hidden" });

    // Who has lost it asks an administrator.
    await enter(codeOf(await begin(), Date.now()));
    await page.getByRole("button", { name: "I have them" }).click();
    const administrator = await console.openLoggedIn();
    await administrator.page.goto("/console/users");
    await administrator.page.getByRole("button", { name: viewer.email }).click();
    await administrator.page.getByRole("button", { name: "Remove second factor" }).click();
    const sure = administrator.page.getByRole("dialog", { name: "Remove the second factor?" });
    await sure.getByRole("button", { name: "Remove" }).click();
    await administrator.page.getByText("The password alone lets them in.").waitFor();
    await page.reload();
    await page.getByText(/^Off\./).waitFor();
    expect(complaints).toEqual([]);
  });

  test("tries a file before it is imported, says what is wrong with it, and gives it back", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/transfer");
    await page.getByRole("combobox", { name: "What", exact: true }).first().click();
    await page.getByRole("option", { name: "Gateways" }).click();
    const file = (text: string) => ({ name: "gateways.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
    const choose = async (text: string): Promise<void> => {
      const chooser = page.waitForEvent("filechooser");
      await page.getByText("Choose a file").or(page.getByText("gateways.csv")).first().click();
      await (await chooser).setFiles(file(text));
    };
    await choose("gatewayId,name\n0016c001f1000001,Roof\nnonsense,Cellar\n");
    await page.getByRole("button", { name: "Try it" }).click();
    await page.getByText(/1 would be added, 0 would be changed, 0 left as they are, 1 not taken/).waitFor();
    await page.getByRole("button", { name: "1 faults" }).click();
    await page.getByRole("table", { name: "Faults" }).getByText("3", { exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await choose("gatewayId,name\n0016c001f1000001,Roof\n");
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText(/1 added, 0 changed/).waitFor();
    await page.getByRole("table", { name: "Imports" }).getByText("1 created").first().waitFor();

    await page.getByRole("combobox", { name: "What", exact: true }).last().click();
    await page.getByRole("option", { name: "Gateways" }).last().click();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    const stream = await (await download).createReadStream();
    expect(Buffer.concat(await stream.toArray()).toString()).toContain("0016c001f1000001");
    expect(complaints).toEqual([]);
  });

  test("shows who changed what, and that nothing was taken out of it", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/audit-log");
    const log = page.getByRole("table", { name: "Audit log" });
    await log.getByText("POST /api/users").first().waitFor();
    await page.getByRole("textbox", { name: "What" }).fill("POST /api/api-keys");
    await expect.poll(() => log.getByText("POST /api/users").count()).toBe(0);
    await page
      .getByRole("button", { name: /^Details of entry/ })
      .first()
      .click();
    await page.getByRole("dialog").getByText('"dashboard"').waitFor();
    await page.keyboard.press("Escape");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("The log is whole").waitFor();
    expect(complaints).toEqual([]);
  });

  test("shows how the server is and with what it runs, without a secret", async () => {
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "dark" });
    await page.goto("/console/server");
    await page.getByText("database: well").waitFor();
    await page.getByRole("table", { name: "Configuration" }).getByText("http.bind", { exact: true }).waitFor();
    await page.getByRole("textbox", { name: "Search in configuration" }).fill("password");
    await page.getByText("appServer.login.ldap.bindPassword").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

/** RFC 6238 with SHA-1, 30 s and six digits, as authenticator programs have it. */
function codeOf(secret: string, nowMs: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map(letter => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  return ((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).toString().padStart(6, "0");
}
