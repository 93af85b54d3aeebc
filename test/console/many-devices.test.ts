import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const count = 100_000;
const nameOf = (index: number): string => `Meter ${index.toString().padStart(6, "0")}`;

describeInBrowser("the console's lists", () => {
  const console = consoleUnderTest();

  async function manyDevices(): Promise<void> {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Town");
    const deviceProfile = await catalog.profile("Meter");
    const lines = Array.from({ length: count }, (_, index) => {
      const devEui = (0xaa00_0000_0000_0000n + BigInt(index)).toString(16);
      return `${devEui},${nameOf(index)}\n`;
    });
    const { error } = await catalog.client.POST("/api/imports/devices", {
      params: { query: { applicationId, deviceProfile } },
      headers: { "Content-Type": "text/csv" },
      body: `dev_eui,name\n${lines.join("")}`,
      bodySerializer: text => text,
    });
    expect(error).toBeUndefined();
  }

  test("scroll and search through 100,000 devices, of which a screenful is made at a time", async () => {
    await manyDevices();
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/devices");
    const list = page.getByRole("table", { name: "Devices" });
    await list.getByRole("link", { name: nameOf(0), exact: true }).waitFor();
    const rows = list.getByRole("row");
    expect(await rows.count()).toBeLessThan(60);
    // Three pages of the API farther down, each read when its beginning comes near.
    const scrolled = async (): Promise<number> => {
      await list.hover();
      await page.mouse.wheel(0, 900);
      return lastOf(await rows.allTextContents());
    };
    for (const seen of [150, 350, 550]) {
      await expect.poll(scrolled, { timeout: 60_000 }).toBeGreaterThan(seen);
      expect(await rows.count()).toBeLessThan(60);
    }
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("textbox", { name: "Search in Devices" }).fill(nameOf(count - 1));
    await list.getByRole("link", { name: nameOf(count - 1), exact: true }).waitFor();
    await page.getByRole("textbox", { name: "Search in Devices" }).fill("aa00000000004e20");
    await list.getByRole("link", { name: nameOf(0x4e20), exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get("search")).toBe("aa00000000004e20");
    expect(complaints).toEqual([]);
  });

  test("are part of a page whose first load is under 300 kB", async () => {
    const { page } = await console.openLoggedIn();
    await page.goto("/console/devices");
    await page.getByRole("heading", { name: "Devices" }).waitFor();
    await page.waitForLoadState("networkidle");
    const sizes = await page.evaluate<readonly { name: string; size: number }[]>(`
      [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
        .filter(({ name }) => name.includes("/console/"))
        .map(({ name, encodedBodySize }) => ({ name, size: encodedBodySize }))`);
    expect(sizes.some(({ name }) => name.endsWith(".js"))).toBe(true);
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(300_000);
  });
});

const lastOf = (rows: readonly string[]): number =>
  Math.max(...rows.map(row => Number(/Meter (\d+)/.exec(row)?.[1] ?? 0)));
