import { readFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const gatewayId = "0016c001f1000031";

describeInBrowser("the console's region configurations", () => {
  const console = consoleUnderTest();

  test("one is added, its faults are told at its fields, it is changed, and not deleted while it is the default", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/region-configs");
    await page.getByRole("row", { name: /eu868.*built in.*default/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Add configuration" }).click();
    const form = page.getByRole("dialog");
    await form.getByRole("textbox", { name: "Name" }).fill("eu868-harbour");
    await form.getByRole("textbox", { name: "RX1 delay, seconds" }).fill("5");
    await form.getByRole("button", { name: "Add a channel" }).click();
    await form.getByRole("textbox", { name: "Channel 1" }).fill("915.2");
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText(/915200000 is outside the bands of the region/).waitFor();
    await form.getByRole("textbox", { name: "Channel 1" }).fill("867.1");
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /eu868-harbour EU868 here/ }).waitFor();
    // A dialog that fades away is still there for a moment.
    await form.waitFor({ state: "hidden" });

    await page.getByRole("button", { name: "eu868-harbour" }).click();
    await form.getByText("Named by device profiles: 0, gateways: 0").waitFor();
    await expect.poll(() => form.getByRole("textbox", { name: "RX1 delay, seconds" }).inputValue()).toBe("5");
    await expect.poll(() => form.getByRole("textbox", { name: "Channel 1" }).inputValue()).toBe("867.1 MHz");
    await form.getByRole("switch", { name: "Default of its region" }).check();
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /eu868-harbour EU868 here.*default/ }).waitFor();
    await form.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "eu868-harbour" }).click();
    await form.getByRole("button", { name: "Delete" }).click();
    const sure = page.getByRole("dialog", { name: "Delete eu868-harbour?" });
    await sure.getByRole("button", { name: "Delete" }).click();
    await sure.getByText(/default of EU868/).waitFor();
    // A browser tells of every answer that is a refusal.
    expect(complaints.filter(text => !/\b(409|422)\b/.test(text))).toEqual([]);
  });

  test("go out into a file and come in out of one, which is looked at first, and faults are told with their member", async () => {
    const { client } = catalogOf(console.server());
    const settings = { rx1DelaySeconds: 3 };
    const body = { id: "us915-pier", region: "US915", description: "Behind a satellite", settings } as const;
    dataOf(await client.POST("/api/region-configs", { body }));
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/region-configs");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const made: unknown = JSON.parse(await readFile(await (await download).path(), "utf8"));
    // Without what is built in and what the server gives itself.
    expect(made).toContainEqual({ ...body, isDefault: false });
    expect(JSON.stringify(made)).not.toMatch(/built-in|createdAt/);

    const form = page.getByRole("dialog");
    const choose = async (items: unknown): Promise<void> => {
      const buffer = Buffer.from(JSON.stringify(items));
      await form.locator("input[type=file]").setInputFiles({ name: "r.json", mimeType: "application/json", buffer });
    };
    await page.getByRole("button", { name: "Import" }).click();
    await choose([{ id: "x" }]);
    await form.getByText("Item 1 of r.json has no id, region and settings.").waitFor();
    const faulty = {
      id: "eu868-far",
      region: "EU868",
      settings: { extraChannels: [{ frequencyHz: 915_200_000, minDataRate: 0, maxDataRate: 5 }] },
    };
    await choose([body, { ...body, id: "us915-quay" }, { ...body, settings: { rx1DelaySeconds: 4 } }, faulty]);
    const rowOf = (name: RegExp) => form.getByRole("row", { name });
    await rowOf(/us915-pier US915 the same/).waitFor();
    await rowOf(/us915-pier US915 changes/).waitFor();
    await rowOf(/us915-quay US915 new/).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("button", { name: "Import" }).click();
    await form.getByText("2 taken, 1 not taken.").waitFor();
    await rowOf(/eu868-far EU868 not taken settings.extraChannels.*915200000 is outside the bands/).waitFor();
    await form.getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("row", { name: /us915-quay US915 here/ }).waitFor();
    const params = { path: { regionConfigId: "us915-pier" } };
    const { data } = await client.GET("/api/region-configs/{regionConfigId}", { params });
    expect(data).toMatchObject({ settings: { rx1DelaySeconds: 4 }, description: "Behind a satellite" });
    expect(complaints.filter(text => !/\b422\b/.test(text))).toEqual([]);
  });

  test("profiles and gateways choose one of those that there are, and any other can be typed", async () => {
    const catalog = catalogOf(console.server());
    const deviceProfileId = await catalog.profile("Meter");
    await catalog.gateway(gatewayId);
    const body = { id: "eu868-docks", region: "EU868", description: "Where ships are" } as const;
    dataOf(await catalog.client.POST("/api/region-configs", { body }));
    const { page, complaints } = await console.openLoggedIn({ width: 390, height: 700 });
    const input = page.getByRole("combobox", { name: "Region configuration" });
    const save = page.getByRole("button", { name: "Save" });
    await page.goto(`/console/device-profiles/${deviceProfileId}`);
    await input.click();
    await page.getByRole("option", { name: /^eu868 EU868/ }).waitFor();
    expect(await page.getByRole("option", { name: /us915/ }).count()).toBe(0);
    await page.getByRole("option", { name: "eu868-docks EU868, Where ships are" }).click();
    // Here, however far it is to the end of the form.
    expect(await isInSight(page, save)).toBe(true);
    await save.click();
    await page.getByText("The profile is saved.").waitFor();
    const profile = { params: { path: { deviceProfileId } } };
    expect(dataOf(await catalog.client.GET("/api/device-profiles/{deviceProfileId}", profile))).toMatchObject({
      regionConfigId: "eu868-docks",
    });

    await page.goto(`/console/gateways/${gatewayId}?tab=settings`);
    await input.fill("of-another-server");
    await page.getByText("The server knows no configuration of-another-server.").waitFor();
    await page.keyboard.press("Escape");
    expect(await seriousFaults(page)).toEqual([]);
    await save.click();
    await page.getByText("Saved", { exact: true }).waitFor();
    const gateway = { params: { path: { gatewayId } } };
    expect(dataOf(await catalog.client.GET("/api/gateways/{gatewayId}", gateway))).toMatchObject({
      regionConfigId: "of-another-server",
    });
    expect(complaints).toEqual([]);
  });

  test.each([
    ["a telephone", 390, 700],
    ["a desktop", 1280, 800],
  ])(
    "the end of a long form stays in sight on %s, and hides nothing that the Tab key comes to",
    async (_where, width, height) => {
      const deviceProfileId = await catalogOf(console.server()).profile("Long");
      const { page } = await console.openLoggedIn({ width, height });
      await page.goto(`/console/device-profiles/${deviceProfileId}`);
      const name = page.getByRole("textbox", { name: "Name" });
      await name.fill("Longer");
      expect(await isInSight(page, page.getByRole("button", { name: "Save" }))).toBe(true);
      await name.focus();
      for (let presses = 0; ; presses += 1) {
        if (await page.evaluate<boolean>("document.activeElement.closest('.form-end') !== null")) break;
        expect(presses, "fields before the button").toBeLessThan(80);
        const hidden = `(() => {
        const field = document.activeElement.getBoundingClientRect();
        return field.bottom > document.querySelector(".form-end").getBoundingClientRect().top ? document.activeElement.outerHTML : "";
      })()`;
        await expect.poll(() => page.evaluate<string>(hidden)).toBe("");
        await page.keyboard.press("Tab");
      }
      await page.keyboard.press("Enter");
      await page.getByText("The profile is saved.").waitFor();
    },
  );
});

async function isInSight(page: Page, element: Locator): Promise<boolean> {
  const box = await element.boundingBox();
  const height = page.viewportSize()?.height ?? 0;
  return box !== null && box.y >= 0 && box.y + box.height <= height;
}
