import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const devEui = "0000000000000e01";
const gatewayId = "0016c001f1000001";
const deviceTabs = ["overview", "diagnosis", "live", "events", "queue", "twin", "activation", "settings"];
const longName = "Temperatursensorgehaeuseaussenwandbefestigungsschraubenzieherkasten_building-17_floor-03";

/** What opens something over the page; of the rows of a table those in the first. */
const openers = ["dialog", "menu"]
  .map(kind => `[aria-haspopup=${kind}]:not(:disabled):not(tbody > tr:nth-of-type(n + 2) *)`)
  .join(", ");

describeInBrowser("every page of the console", () => {
  const console = consoleUnderTest();

  /** One of each kind, with a name that fits nowhere, and the addresses of their pages. */
  async function filled(): Promise<readonly string[]> {
    const catalog = catalogOf(console.server());
    const tenantId = await catalog.tenantId();
    const applicationId = await catalog.application(longName, longName);
    const deviceProfileId = await catalog.profile(longName);
    await catalog.device(devEui, longName, { applicationId, deviceProfileId });
    await catalog.gateway(gatewayId);
    const body = {
      tenantId,
      kind: "http",
      name: longName,
      description: longName,
      settings: { url: "http://192.0.2.1/" },
    };
    const { id: integrationId } = dataOf(await catalog.client.POST("/api/integrations", { body }));
    const mqtt = { params: { path: { applicationId } }, body: { username: "reader" } };
    dataOf(await catalog.client.POST("/api/applications/{applicationId}/mqtt-credentials", mqtt));
    const downlink = { params: { path: { devEui } }, body: { fPort: 1, data: "AQ==" } };
    dataOf(await catalog.client.POST("/api/devices/{devEui}/queue", downlink));
    return [
      ...["/", "/alerts", "/start", "/gateways", "/gateways?view=map", "/applications", "/devices", "/devices/add"],
      ...["traffic", "airtime", "frames", "set", "settings"].map(tab => `/gateways/${gatewayId}?tab=${tab}`),
      ...["", "?tab=mqtt"].map(search => `/applications/${applicationId}${search}`),
      ...deviceTabs.map(tab => `/devices/${devEui}?tab=${tab}`),
      ...["/device-profiles", "/device-profiles/repository"],
      ...["settings", "codec", "measurements"].map(tab => `/device-profiles/${deviceProfileId}?tab=${tab}`),
      ...["/integrations", "/integrations/new", `/integrations/${integrationId}`, "/tenants"],
      ...["users", "alerts", "limits", "history", "settings"].map(tab => `/tenants/${tenantId}?tab=${tab}`),
      ...["/users", "/api-keys", "/audit-log", "/transfer", "/region-configs", "/server", "/account", "/nowhere"],
      ...["/devices/ffffffffffffffff", "/gateways/ffffffffffffffff", "/applications/nonsense"],
    ];
  }

  let paths: readonly string[];
  beforeAll(async () => {
    paths = await filled();
  });

  test("has no serious fault in light and in dark, and is not wider than a telephone", {
    timeout: 240_000,
  }, async () => {
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
      faults.push(...(await seriousFaults(page, { of: "colours" })).map(fault => `${path}, dark: ${fault}`));
      await page.setViewportSize({ width: 390, height: 800 });
      const width = (): Promise<number> => page.evaluate<number>("document.documentElement.scrollWidth");
      await expect.poll(width, { message: `${path}, 390 px` }).toBeLessThanOrEqual(390);
    }
    expect(faults).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("has dialogs and menus without a serious fault, opened by the keyboard, closed by Escape, which give the focus back", {
    timeout: 240_000,
  }, async () => {
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "dark" });
    const faults: string[] = [];
    const opened = new Set<string>();
    for (const path of paths) {
      await page.goto(`/console${path}`);
      await page.getByRole("heading").first().waitFor();
      await page.locator(".mantine-Skeleton-root").first().waitFor({ state: "hidden" });
      for (const opener of await page.locator(openers).all()) {
        const name = `${path.split("?")[0]}: ${(await opener.getAttribute("aria-label")) ?? (await opener.textContent())}`;
        if (opened.has(name) || (path !== "/" && name.endsWith(": Account"))) continue;
        opened.add(name);
        await opener.press("Enter");
        const popup = page.getByRole("dialog").or(page.getByRole("menu"));
        await popup.waitFor();
        const found = await seriousFaults(page, { within: "[role=dialog], [role=menu]" });
        faults.push(...found.map(fault => `${name}: ${fault}`));
        await page.keyboard.press("Escape");
        await popup.waitFor({ state: "hidden" });
        const message = `${name} has the focus again`;
        await expect.poll(() => opener.and(page.locator(":focus")).count(), { message }).toBe(1);
      }
    }
    expect(faults).toEqual([]);
    expect(opened.size).toBeGreaterThan(30);
    expect(complaints).toEqual([]);
  });

  test("closes of two dialogs the one on top, and goes through the tabs of a device by the arrow keys", async () => {
    const { page, complaints } = await console.openLoggedIn();
    const press = (key: string) => page.keyboard.press(key);
    await page.goto("/console/users");
    await page.getByRole("button", { name: console.administrator.email }).press("Enter");
    const panel = page.getByRole("dialog", { name: console.administrator.email });
    const sure = page.getByRole("dialog", { name: `Delete ${console.administrator.email}?` });
    await panel.getByRole("button", { name: "Delete user" }).press("Enter");
    await expect.poll(() => focused(page)).toBe("Cancel");
    await press("Escape");
    await sure.waitFor({ state: "hidden" });
    expect(await panel.isVisible()).toBe(true);
    await expect.poll(() => focused(page)).toBe("Delete user");
    await press("Escape");
    await panel.waitFor({ state: "hidden" });
    await expect.poll(() => focused(page)).toBe(console.administrator.email);

    await page.goto(`/console/devices/${devEui}`);
    await page.getByRole("tab", { name: "Overview" }).focus();
    for (const name of ["Diagnosis", "Frames", "Events", "Queue", "Twin", "Activation", "Settings"]) {
      await press("ArrowRight");
      await page.getByRole("tabpanel", { name }).waitFor();
      expect(await focused(page)).toBe(name);
      expect(await isOutlined(page)).toBe(true);
    }
    // From a menu, which is gone by then.
    await page.goto("/console/devices?state=never-seen");
    await page.getByRole("button", { name: "Saved filters" }).press("Enter");
    await page.getByRole("menuitem", { name: "Save this filter" }).press("Enter");
    await page.getByRole("dialog").getByRole("textbox", { name: "Name" }).waitFor();
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await expect.poll(() => focused(page)).toBe("Saved filters");
    // What is chosen for many devices is in a dialog that comes and goes as a whole.
    await page.goto("/console/devices");
    await page.getByRole("checkbox", { name: "Choose all that are listed" }).press("Space");
    await page.getByRole("region", { name: "Chosen devices" }).getByRole("button", { name: "Move" }).press("Enter");
    await page.getByRole("dialog").getByRole("combobox", { name: "Application" }).waitFor();
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await expect.poll(() => focused(page)).toBe("Move");
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
    // It takes the focus a moment after it is there; an arrow that is pressed before that is not its own.
    await expect.poll(() => focused(page)).toBe("Your account");
    await press("ArrowDown");
    await expect.poll(() => focused(page)).toBe("Dark");
    await press("ArrowUp");
    await expect.poll(() => focused(page)).toBe("Your account");
    await press("Escape");
    await page.getByRole("menu").waitFor({ state: "hidden" });
    await expect.poll(() => focused(page)).toBe("Account");

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
