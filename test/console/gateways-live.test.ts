import { createSocket } from "node:dgram";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { type ConsoleFleet, startFleet } from "../support/console-fleet.ts";

/** PULL_DATA of protocol version 2. */
function pullData(eui: string, port: number): Promise<void> {
  const socket = createSocket("udp4");
  const datagram = Buffer.concat([Uint8Array.of(2, 0, 1, 2), Buffer.from(eui, "hex")]);
  return new Promise((resolve, reject) =>
    socket.send(datagram, port, "127.0.0.1", error => {
      socket.close();
      if (error) reject(error);
      else resolve();
    }),
  );
}

describeInBrowser("the console with radio traffic behind it", () => {
  const console = consoleUnderTest();
  let radio: ConsoleFleet;
  beforeAll(() => {
    radio = startFleet(console.server(), { devices: 4, gateways: 2, intervalSeconds: 2 });
  });
  afterAll(() => radio.end());

  test("shows on the overview what is there, what happens, and how much of it", async () => {
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/");
    const events = page.getByRole("table", { name: "Events" });
    await events.getByText("up", { exact: true }).first().waitFor();
    await page.getByRole("status").getByText("live", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("2 online").waitFor();
    await summed();
    await page.reload();
    await page.getByText(/uplinks: [1-9]\d* in total/).waitFor({ state: "attached" });
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  /** Resolves when the history has added something up. */
  async function summed(): Promise<void> {
    const client = createClient({ url: console.server().apiUrl, token: console.server().token() });
    const uplinks = async () => {
      const { items } = dataOf(await client.GET("/api/metrics"));
      return items.at(-1)?.counts.uplinks ?? 0;
    };
    await expect.poll(uplinks, { timeout: 60_000, interval: 200 }).toBeGreaterThan(0);
  }

  test("shows a gateway's traffic, airtime, frames and what to enter at it", async () => {
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "dark" });
    await page.goto("/console/gateways");
    await page.getByRole("link", { name: "Simulated gateway 1" }).click();
    await page.getByRole("heading", { name: "Simulated gateway 1" }).waitFor();
    await page.getByRole("table", { name: "Frames by frequency" }).waitFor();
    await page.getByText(/Online 100% of the time that is known.|Nobody has looked yet./).waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("tab", { name: "Airtime" }).click();
    await page.getByText("868–868.6 MHz").waitFor();
    await page.getByRole("img", { name: /downlinks on \d+ frequencies/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.getByRole("tab", { name: "Frames" }).click();
    await page.getByRole("table", { name: "Frames" }).getByText("data up").first().waitFor();

    await page.getByRole("tab", { name: "Set up" }).click();
    await page.getByText(`"serv_port_up": ${console.server().udpPort}`).waitFor();
    await page.getByRole("textbox", { name: "Address of this server" }).fill("lora.example.org");
    await page.getByText('"server_address": "lora.example.org"').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("takes a gateway in that was heard before it was registered, and puts it on the map", async () => {
    await pullData("0016c001f10000aa", console.server().udpPort);
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/gateways");
    await page.getByText("A gateway is heard that is not registered.").waitFor();
    await page.getByRole("button", { name: "Show" }).click();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Adopt 0016c001f10000aa" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("Cellar");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Cellar" }).waitFor();

    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByRole("textbox", { name: "Latitude" }).fill("52.1");
    await page.getByRole("textbox", { name: "Longitude" }).fill("500");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("That was not saved").waitFor();
    await page.getByRole("textbox", { name: "Longitude" }).fill("5.1");
    await page.getByRole("combobox", { name: "Its packets come from" }).click();
    await page.getByRole("option", { name: "these networks" }).click();
    await page.getByRole("combobox", { name: "Networks" }).fill("10.0.0.0/8");
    await page.keyboard.press("Enter");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.goto("/console/gateways?view=map");
    await page.getByRole("link", { name: /^Cellar, / }).click();
    await page.getByRole("heading", { name: "Cellar" }).waitFor();

    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Delete gateway" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Gateways" }).waitFor();
    await page.getByRole("link", { name: "Simulated gateway 1" }).waitFor();
    await expect.poll(() => page.getByRole("link", { name: "Cellar" }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("can be read on a telephone", async () => {
    const { page } = await console.openLoggedIn({ width: 390, height: 800 });
    for (const path of ["/console/", "/console/gateways"]) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate<number>(overflow), path).toBeLessThanOrEqual(0);
    }
  });

  test("shows what is of many tenants, added up, and of the one that is chosen", async () => {
    const client = createClient({ url: console.server().apiUrl, token: console.server().token() });
    for (const n of Array.from({ length: 30 }).keys())
      dataOf(await client.POST("/api/tenants", { body: { name: `Customer ${n}` } }));
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/");
    await page.getByText("2 online").waitFor();
    await page.getByText(/uplinks: [1-9]\d* in total/).waitFor({ state: "attached" });
    await page.getByRole("combobox", { name: "Tenant" }).click();
    await page.getByRole("option", { name: "Customer 29" }).click();
    await page.getByText("2 online").waitFor({ state: "detached" });
    await page.getByText("There is no device here yet").waitFor();
    expect(complaints).toEqual([]);
  });
});
