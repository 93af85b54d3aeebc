import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";
import { profileScript, writeProfileRepositories } from "../support/profile-repositories.ts";

const devEui = "0000000000000f01";
const profiles = `${JSON.stringify({ name: "Of a file", region: "EU868" })}\n`;

describeInBrowser("the console's forms", () => {
  const console = consoleUnderTest();

  test("a tenant is added, renamed, limited, keeps its history as it says, and is deleted", async () => {
    const { client } = catalogOf(console.server());
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/tenants");
    await page.getByRole("button", { name: "Add tenant" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Add" }).click();
    await dialog.getByText("Give it a name.").waitFor();
    await dialog.getByRole("textbox", { name: "Name" }).fill("Harbour");
    await dialog.getByRole("button", { name: "Add" }).click();
    await page.getByRole("heading", { name: "Harbour" }).waitFor();
    const tenantId = new URL(page.url()).pathname.split("/").at(-1) ?? "";
    const params = { path: { tenantId } };

    await page.getByRole("tab", { name: "History" }).click();
    await page.getByLabel("Events are kept for").fill("12");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    expect(dataOf(await client.GET("/api/tenants/{tenantId}/history", { params })).own).toMatchObject({
      eventDays: 12,
    });

    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("Docks");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "Docks" }).waitFor();
    await page.getByRole("button", { name: "Delete tenant" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Tenants" }).waitFor();
    expect((await client.GET("/api/tenants/{tenantId}", { params })).error?.status).toBe(404);
    expect(complaints).toEqual([]);
  });

  test("a user is changed, refused a password, and changes the own one", async () => {
    const { client } = catalogOf(console.server());
    const email = "grace@example.org";
    const [first, second] = ["correct horse battery", "staple of another kind"];
    await client.POST("/api/users", { body: { email, password: first } });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/users");
    await page.getByRole("button", { name: email }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Note" }).fill("Looks after the docks");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByText("Looks after the docks").waitFor();

    const own = await console.openLoggedIn({}, { email, password: first });
    await own.page.goto("/console/account");
    const type = async (current: string): Promise<void> => {
      await own.page.getByLabel("Current password").first().fill(current);
      await own.page.getByLabel("New password", { exact: true }).fill(second);
      await own.page.getByLabel("New password again", { exact: true }).fill(second);
      await own.page.getByRole("button", { name: "Change password" }).click();
    };
    await type("not the password");
    await own.page.getByRole("alert", { name: "It was not changed" }).waitFor();
    await type(first);
    await own.page.waitForURL(/\/console\/login/);
    await console.openLoggedIn({}, { email, password: second });
    expect(complaints).toEqual([]);
  });

  test("profiles come out of a file, and what they measure gets names", async () => {
    const { client } = catalogOf(console.server());
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/device-profiles");
    await page.getByRole("button", { name: "Import" }).first().click();
    const dialog = page.getByRole("dialog");
    const chooser = page.waitForEvent("filechooser");
    await dialog.getByText("profiles.jsonl").click();
    await (await chooser).setFiles({ name: "p.jsonl", mimeType: "application/json", buffer: Buffer.from(profiles) });
    await dialog.getByRole("button", { name: "Try" }).click();
    await dialog.getByText("1 created").waitFor();
    await dialog.getByRole("button", { name: "Import" }).click();
    await dialog.getByText("Imported").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Of a file" }).click();

    await page.getByRole("tab", { name: "Measurements" }).click();
    await page.getByRole("button", { name: "Add a name" }).click();
    await page.getByRole("textbox", { name: "In the payload, 1" }).fill("temperature");
    await page.getByRole("textbox", { name: "Name, 1" }).fill("Temperature");
    await page.getByRole("textbox", { name: "Unit, 1" }).fill("°C");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The names are saved.").waitFor();
    const deviceProfileId = new URL(page.url()).pathname.split("/").at(-1) ?? "";
    const params = { path: { deviceProfileId } };
    const { items } = dataOf(await client.GET("/api/device-profiles/{deviceProfileId}/measurements", { params }));
    expect(items).toMatchObject([{ key: "temperature", name: "Temperature", unit: "°C", kind: "gauge" }]);
    expect(complaints).toEqual([]);
  });

  test("profiles come out of a folder with a device repository: looked at, chosen, tried and taken", async () => {
    const { client } = catalogOf(console.server());
    const folder = mkdtempSync(join(tmpdir(), "upchirp-repository-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await writeProfileRepositories(folder);
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/device-profiles");
    await page.getByRole("button", { name: "Import" }).first().click();
    await page.getByRole("link", { name: "repositories of The Things Network and ChirpStack" }).click();
    const choose = async (path: string): Promise<void> => {
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose a folder" }).click();
      await (await chooser).setFiles(join(folder, path));
    };
    // One vendor's folder alone.
    await choose("ttn/vendor/tanks");
    await page.getByRole("alert", { name: "tanks is no such repository" }).waitFor();

    await choose("chirpstack");
    const table = page.getByRole("table", { name: "Profiles of the repository" });
    await table.getByRole("row", { name: /Pumps Pump 1 AU915.* AU915 1.0.4 yes/ }).waitFor();
    await table.getByRole("row", { name: /Fans Fan 1 EU868.* EU868 1.0.1 no/ }).waitFor();
    await page.getByText("vendors/pumps/devices/gone.toml: there is no gone.toml").waitFor();
    await page.getByRole("checkbox", { name: "Choose all that are listed" }).check();
    await page.getByRole("button", { name: "Try it" }).click();
    await page.getByText("3 created").waitFor();
    // The server's word about a profile comes with its file.
    await page.getByText(/^vendors\/pumps\/devices\/pump.toml, pumps\/pump.toml 1 odd.toml: /).waitFor();

    await choose("ttn");
    await page.getByText("vendor/tanks/lost.yaml: there is no lost.yaml").waitFor();
    await page.getByText("vendor/broken/index.yaml: index.yaml is not of its format").waitFor();
    await page.getByRole("combobox", { name: "Region" }).click();
    await page.getByRole("option", { name: "EU868" }).click();
    await table.getByRole("row", { name: /US915/ }).waitFor({ state: "detached" });
    await page.getByRole("checkbox", { name: "Choose Tanks & Co Level 1.0 EU868" }).check();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByText("1 created").waitFor();
    const search = { limit: 10, search: "Tanks & Co" };
    const { items } = dataOf(await client.GET("/api/device-profiles", { params: { query: search } }));
    expect(items).toMatchObject([
      { name: "Tanks & Co Level 1.0 EU868", sourceId: "ttn:tanks/level/1.0/EU863-870", codecScript: profileScript },
    ]);
    // A second time there is nothing to change.
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByText("1 unchanged").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a device's settings, keys and session are set, and it is deleted; an application gets an MQTT login", async () => {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Docks");
    const deviceProfileId = await catalog.profile("Meter");
    await catalog.device(devEui, "Pump", { applicationId, deviceProfileId });
    const { page, complaints } = await console.openLoggedIn();
    const params = { path: { devEui } };
    const dialog = page.getByRole("dialog");
    await page.goto(`/console/devices/${devEui}?tab=settings`);
    await page.getByRole("textbox", { name: "Name" }).fill("Pump of the dock");
    await page.getByLabel("RX1 delay, seconds").fill("99");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert", { name: "Nothing was changed" }).waitFor();
    await page.getByLabel("RX1 delay, seconds").fill("5");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The device is saved.").waitFor();
    const device = dataOf(await catalog.client.GET("/api/devices/{devEui}", { params }));
    expect(device).toMatchObject({ name: "Pump of the dock", mac: { rx1DelaySeconds: 5 } });

    await page.getByRole("tab", { name: "Activation" }).click();
    await page.getByRole("button", { name: "Set the keys" }).click();
    await dialog.getByLabel("AppKey", { exact: false }).first().fill("1234");
    await dialog.getByRole("button", { name: "Set" }).click();
    await dialog.getByText("32 hexadecimal digits.").waitFor();
    await dialog.getByLabel("AppKey", { exact: false }).first().fill("0c".repeat(16));
    await dialog.getByRole("button", { name: "Set" }).click();
    await page.getByText("They are set.").waitFor();
    // A dialog that fades away is still there for a moment.
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Set a session (ABP)" }).click();
    for (const [label, value] of [
      ["DevAddr", "01fedcba"],
      ["NwkSKey", "0d".repeat(16)],
      ["AppSKey", "0e".repeat(16)],
    ] as const)
      await dialog.getByRole("textbox", { name: label }).fill(value);
    await dialog.getByRole("button", { name: "Set" }).click();
    await page.getByRole("table", { name: "Session" }).getByText("01fedcba").waitFor();
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Delete the keys" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("There are none: the device cannot join.").waitFor();

    await page.goto(`/console/applications/${applicationId}?tab=mqtt`);
    await page.getByRole("button", { name: "Add login" }).click();
    await dialog.getByRole("textbox", { name: "User name" }).fill("dock-reader");
    await dialog.getByRole("button", { name: "Add" }).click();
    await dialog.getByText("Copy the password now").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("table", { name: "MQTT logins" }).getByText("dock-reader").waitFor();

    await page.goto(`/console/devices/${devEui}?tab=settings`);
    await page.getByRole("button", { name: "Delete device" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No devices yet").waitFor();
    expect(complaints).toEqual([]);
  });
});
