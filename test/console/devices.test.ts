import { encodeQR } from "qr";
import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const appKey = "000102030405060708090a0b0c0d0e0f";
const label = "LW:D0:70B3D57ED0000001:70B3D57ED0000105:02A40001:S4711";

describeInBrowser("the console's applications and devices", () => {
  const console = consoleUnderTest();

  test("applications are added, changed, cloned and deleted", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/applications");
    await page.getByText("No applications yet").waitFor();
    await page.getByRole("button", { name: "Add application" }).first().click();
    const form = page.getByRole("dialog");
    await form.getByRole("button", { name: "Add", exact: true }).click();
    await form.getByText("Give it a name.").waitFor();
    await form.getByLabel("Name").fill("Water");
    await form.getByRole("button", { name: "Add to tags" }).click();
    await form.getByLabel("Tags, name 1").fill("site");
    await form.getByLabel("Tags, value 1").fill("north");
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Water" }).waitFor();
    await page.getByText("site=north").waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("button", { name: "Edit" }).click();
    await form.getByLabel("Description").fill("Meters of the town");
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByText("Meters of the town").waitFor();
    await page.getByRole("button", { name: "Clone" }).click();
    await form.getByRole("button", { name: "Clone" }).click();
    await page.getByRole("heading", { name: "Water (copy)" }).waitFor();
    await page.getByRole("button", { name: "Delete" }).click();
    await form.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Applications" }).waitFor();
    await page.getByRole("link", { name: "Water", exact: true }).waitFor();
    await expect.poll(() => page.getByRole("link", { name: "Water (copy)" }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("one that has devices is not deleted, and the page says why; another's change is not overwritten", async () => {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Kept");
    const deviceProfileId = await catalog.profile("Of kept ones");
    await catalog.device("0000000000000a01", "Keeper", { applicationId, deviceProfileId });
    const { page } = await console.openLoggedIn();
    await page.goto(`/console/applications/${applicationId}`);
    await page.getByRole("link", { name: "Keeper" }).waitFor();
    await page.getByRole("button", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "hidden" });

    await page.getByRole("button", { name: "Edit" }).click();
    const params = { path: { applicationId } };
    await catalog.client.PATCH("/api/applications/{applicationId}", { params, body: { description: "by another" } });
    await dialog.getByLabel("Description").fill("by me");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Somebody else changed this meanwhile").waitFor();
  });

  test("a device is added by hand, which says what is wrong, and by what was pasted", async () => {
    const catalog = catalogOf(console.server());
    await catalog.application("Typed ones");
    await catalog.profile("Typed profile");
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/devices/add");
    await page.getByRole("button", { name: "Add device" }).click();
    await page.getByText("Choose where its data goes.").waitFor();
    await page.getByText("32 hexadecimal digits.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("combobox", { name: "Application" }).fill("typed");
    await page.getByRole("option", { name: "Typed ones" }).click();
    await page.getByRole("combobox", { name: "Device profile" }).fill("typed");
    await page.getByRole("option", { name: "Typed profile" }).click();
    await page.getByRole("button", { name: "Paste" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Text").fill("nothing of use");
    await dialog.getByRole("button", { name: "Take over" }).click();
    await dialog.getByText("There is no EUI and no key in this text.").waitFor();
    await dialog.getByLabel("Text").fill(`DevEUI: 70-B3-D5-7E-D0-00-01-01\nAppKey = ${appKey}`);
    await dialog.getByRole("button", { name: "Take over" }).click();
    await page.getByText("Found: devEui, appKey.").waitFor();
    await page.getByLabel("Name").fill("Meter 101");
    await page.getByRole("button", { name: "Add device" }).click();
    await page.getByRole("heading", { name: "Meter 101" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/devices/70b3d57ed0000101");
    await page.getByText("The device has to join first.").waitFor();
    await page.getByRole("tab", { name: "Activation" }).click();
    await page.getByText("They are set.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("the code on a label is read from a picture, finds its profile, and fills in the form", async () => {
    const catalog = catalogOf(console.server());
    await catalog.application("Labelled ones");
    await catalog.profile("Of the vendor", { vendorId: 0x02a4, vendorProfileId: 1 });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/devices/add");
    await page.getByRole("combobox", { name: "Application" }).fill("label");
    await page.getByRole("option", { name: "Labelled ones" }).click();
    await page.getByRole("button", { name: "Scan the label" }).click();
    const buffer = Buffer.from(encodeQR(label, "gif", { scale: 6, border: 4 }));
    const dialog = page.getByRole("dialog");
    await dialog.getByText("The camera cannot be used").or(dialog.getByText("Browsers open the camera only")).waitFor();
    const chooser = page.waitForEvent("filechooser");
    await dialog.getByRole("button", { name: "Read it from a picture" }).click();
    await (await chooser).setFiles({ name: "label.gif", mimeType: "image/gif", buffer });
    await page.getByText("The label is read, and its profile is found.").waitFor();
    await expect.poll(() => page.getByLabel("DevEUI", { exact: false }).first().inputValue()).toBe("70b3d57ed0000105");
    await expect.poll(() => page.getByRole("combobox", { name: "Device profile" }).inputValue()).toBe("Of the vendor");
    // The server knows which addresses are free, the browser makes keys up.
    await page.getByText("Session (ABP)").click();
    await page.getByRole("button", { name: "Random DevAddr" }).click();
    await expect
      .poll(() => page.getByLabel("DevAddr", { exact: false }).first().inputValue())
      .toMatch(/^0[01][0-9a-f]{6}$/);
    await page.getByText("Joins (OTAA)").click();
    await page.getByRole("button", { name: "Random AppKey" }).click();
    await page.getByRole("button", { name: "Add device" }).click();
    await page.getByText("serialNumber=4711").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a list is narrowed in its address, and many devices are changed at once", async () => {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Many");
    const otherId = await catalog.application("Moved");
    const deviceProfileId = await catalog.profile("Of many");
    const digits = Array.from({ length: 6 }, (_, index) => index.toString());
    for (const digit of digits)
      await catalog.device(`00000000000b000${digit}`, `Many ${digit}`, { applicationId, deviceProfileId });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/devices?application=${applicationId}`);
    await page.getByRole("checkbox", { name: "Choose all that are listed" }).check();
    await page.getByText("6 devices").waitFor();
    await page.getByRole("checkbox", { name: "Choose Many 5" }).uncheck();
    await page.getByRole("button", { name: "Disable" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Disable devices: 5").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Disable" }).click();
    await page.getByText("disabled").nth(4).waitFor();

    await page.getByRole("combobox", { name: "State" }).click();
    await page.getByRole("option", { name: "never seen" }).click();
    await page.getByRole("link", { name: "Many 0" }).waitFor({ state: "hidden" });
    expect(new URL(page.url()).searchParams.get("state")).toBe("never-seen");
    await page.reload();
    await page.getByRole("link", { name: "Many 5" }).waitFor();
    await page.getByRole("button", { name: "Saved filters" }).click();
    await page.getByRole("menuitem", { name: "Save this filter" }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill("Silent ones");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.goto("/console/devices?sort=-lastHeardAt");
    await page.getByRole("link", { name: "Many 0" }).waitFor();
    await page.getByRole("button", { name: "Saved filters" }).click();
    await page.getByRole("menuitem", { name: "Silent ones" }).click();
    await page.getByRole("link", { name: "Many 0" }).waitFor({ state: "hidden" });
    expect(new URL(page.url()).search).toBe(`?application=${applicationId}&state=never-seen`);
    await page.getByRole("button", { name: "Silent ones" }).click();
    await page.getByRole("menuitem", { name: "Forget Silent ones" }).click();
    await page.getByRole("button", { name: "Saved filters" }).waitFor();
    await page.getByRole("checkbox", { name: "Choose Many 5" }).check();
    await page.getByRole("button", { name: "Move" }).click();
    await dialog.getByRole("combobox", { name: "Application" }).fill("moved");
    await page.getByRole("option", { name: "Moved" }).click();
    await dialog.getByRole("button", { name: "Move" }).click();
    await page.getByText("Nothing fits this search.").waitFor();
    const moved = await catalog.client.GET("/api/devices", { params: { query: { applicationId: otherId } } });
    expect(moved.data?.items.map(({ name }) => name)).toEqual(["Many 5"]);
    expect(complaints).toEqual([]);
  });

  test("a viewer sees everything and no button that writes", async () => {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Looked at");
    const deviceProfileId = await catalog.profile("Looked at", { codec: "cayenne-lpp" });
    await catalog.device("0000000000000c01", "Seen", { applicationId, deviceProfileId });
    const login = await catalog.viewer();
    const { page, complaints } = await console.openLoggedIn({}, login);
    const places = [
      "/console/applications",
      `/console/applications/${applicationId}`,
      "/console/devices",
      "/console/devices/0000000000000c01",
      "/console/devices/0000000000000c01?tab=queue",
      "/console/devices/0000000000000c01?tab=activation",
      "/console/devices/0000000000000c01?tab=settings",
      "/console/device-profiles",
      `/console/device-profiles/${deviceProfileId}`,
      `/console/device-profiles/${deviceProfileId}?tab=codec`,
    ];
    const writing = /^(Add|Edit|Clone|Delete|Import|Save|Queue|Set|Replace|End|Forget|Move|Keep)\b/;
    for (const place of places) {
      await page.goto(place);
      await page
        .getByText(/Looked at|Seen/)
        .first()
        .waitFor();
      const main = page.getByRole("main");
      const names = await main.getByRole("button").or(main.getByRole("link")).allTextContents();
      expect(names.filter(name => writing.test(name))).toEqual([]);
      expect(await page.getByRole("checkbox", { name: /Choose/ }).count()).toBe(0);
    }
    for (const place of ["/console/devices/add", "/console/integrations/new", "/console/device-profiles/repository"]) {
      await page.goto(place);
      await page.getByText(/You may not add/).waitFor();
      expect(await page.getByRole("main").getByRole("textbox").count()).toBe(0);
    }
    await page.goto("/console/devices/0000000000000c01?tab=settings");
    await expect.poll(() => page.getByLabel("Name").isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
  });
});
