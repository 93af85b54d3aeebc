import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const devEui = "0000000000000e01";
const gatewayId = "0016c001f1000001";
const deviceTabs = ["overview", "diagnosis", "live", "events", "queue", "twin", "activation", "settings"];
const longName = "Temperatursensorgehaeuseaussenwandbefestigungsschraubenzieherkasten_building-17_floor-03";

describeInBrowser("every page of the console", () => {
  const console = consoleUnderTest();

  /** One of each kind, with a name that fits nowhere. */
  async function filled(): Promise<readonly string[]> {
    const catalog = catalogOf(console.server());
    const tenantId = await catalog.tenantId();
    const applicationId = await catalog.application(longName);
    const deviceProfileId = await catalog.profile(longName);
    await catalog.device(devEui, longName, { applicationId, deviceProfileId });
    await catalog.gateway(gatewayId);
    return [
      ...["/", "/alerts", "/start", "/gateways", "/gateways?view=map", "/applications", "/devices", "/devices/add"],
      ...["traffic", "airtime", "frames", "set", "settings"].map(tab => `/gateways/${gatewayId}?tab=${tab}`),
      ...["", "?tab=mqtt"].map(search => `/applications/${applicationId}${search}`),
      ...deviceTabs.map(tab => `/devices/${devEui}?tab=${tab}`),
      ...["/device-profiles", "/device-profiles/repository"],
      ...["settings", "codec", "measurements"].map(tab => `/device-profiles/${deviceProfileId}?tab=${tab}`),
      ...["/integrations", "/integrations/new", "/tenants"],
      ...["users", "alerts", "history", "settings"].map(tab => `/tenants/${tenantId}?tab=${tab}`),
      ...["/users", "/api-keys", "/audit-log", "/transfer", "/server", "/account", "/nowhere"],
    ];
  }

  test("has no serious fault in light and in dark, and is not wider than a telephone", {
    timeout: 240_000,
  }, async () => {
    const paths = await filled();
    const { page, complaints } = await console.openLoggedIn();
    const faults: string[] = [];
    for (const path of paths) {
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(`/console${path}`);
      await page.getByRole("heading").first().waitFor();
      faults.push(...(await seriousFaults(page)).map(fault => `${path}: ${fault}`));
      await page.emulateMedia({ colorScheme: "dark" });
      await expect.poll(() => page.evaluate("document.documentElement.dataset.mantineColorScheme")).toBe("dark");
      faults.push(...(await seriousFaults(page, ["color-contrast"])).map(fault => `${path}, dark: ${fault}`));
      await page.setViewportSize({ width: 390, height: 800 });
      const width = (): Promise<number> => page.evaluate<number>("document.documentElement.scrollWidth");
      await expect.poll(width, { message: `${path}, 390 px` }).toBeLessThanOrEqual(390);
    }
    expect(faults).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("is left by the navigation, whose dialogs, menus and rows are used by the keyboard alone", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/applications");
    await page.getByRole("button", { name: "Add application" }).waitFor();
    const press = (key: string) => page.keyboard.press(key);
    await tabTo(page, "Devices");
    expect(await isOutlined(page)).toBe(true);
    await press("Enter");
    await page.getByRole("heading", { name: "Devices" }).waitFor();

    // A menu: opened, walked through and left, and then the button has the focus again.
    await tabTo(page, "Account");
    await press("Enter");
    await press("ArrowDown");
    await page.getByRole("menuitem", { name: "Your account" }).waitFor();
    await press("Escape");
    await page.getByRole("menu").waitFor({ state: "hidden" });
    expect(await focused(page)).toBe("Account");

    // A dialog keeps the focus in itself, and gives it back.
    await press("Shift+Tab");
    await page.goto("/console/applications");
    await page.getByRole("button", { name: "Add application" }).first().waitFor();
    await tabTo(page, "Add application");
    await press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Name" }).waitFor();
    await expect.poll(() => isIn(page, "[role=dialog]")).toBe(true);
    for (let presses = 0; presses < 8; presses += 1) {
      await press("Tab");
      expect(await isIn(page, "[role=dialog]")).toBe(true);
    }
    await press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await expect.poll(() => focused(page)).toBe("Add application");

    // A row's own action.
    await page.goto("/console/api-keys");
    await page.getByRole("button", { name: "Delete" }).first().waitFor();
    await tabTo(page, "Delete");
    expect(await isOutlined(page)).toBe(true);
    await press("Enter");
    await expect.poll(() => focused(page)).toBe("Cancel");
    await press("Enter");
    await dialog.waitFor({ state: "hidden" });
    // The order of a list.
    await tabTo(page, "Name");
    await press("Enter");
    await expect
      .poll(() => page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"))
      .toBe("descending");
    expect(complaints).toEqual([]);
  });
});

/** What has the focus, by its name. */
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>("(document.activeElement?.ariaLabel ?? document.activeElement?.textContent ?? '').trim()");

/** Goes on with the Tab key until something of that name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`nothing that is called ${name} is reached by the Tab key`);
}

/** Whether one sees that it has the focus. */
const isOutlined = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>("getComputedStyle(document.activeElement).outlineStyle !== 'none'");

const isIn = (page: Page, selector: string): Promise<boolean> =>
  page.evaluate<boolean>(`document.activeElement?.closest(${JSON.stringify(selector)}) !== null`);
