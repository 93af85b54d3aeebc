import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { dataOf } from "../../client/client.ts";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";
import { gatewayOnAir } from "../support/console-radio.ts";

const appKey = "0c".repeat(16);

/** What changes something and is on no path that another suite walks. */
describeInBrowser("the console's actions", () => {
  const console = consoleUnderTest();

  test("a member's role is changed and taken away, its logins are ended, and the user is deleted", async () => {
    const catalog = catalogOf(console.server());
    const { client } = catalog;
    const tenantId = await catalog.tenantId();
    const login = await catalog.viewer();
    const { page, complaints } = await console.openLoggedIn();
    const dialog = page.getByRole("dialog");
    await page.goto(`/console/tenants/${tenantId}?tab=users`);
    const row = page.getByRole("table", { name: "Users" }).getByRole("row", { name: login.email });
    await row.getByText("viewer", { exact: true }).waitFor();
    await row.getByRole("button", { name: "Change" }).click();
    await dialog.getByRole("combobox", { name: "Role" }).click();
    await page.getByRole("option", { name: /^Gateway manager/ }).click();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Save" }).click();
    await row.getByText("gateway-manager", { exact: true }).waitFor();
    await dialog.waitFor({ state: "hidden" });
    const members = async () =>
      dataOf(await client.GET("/api/tenants/{tenantId}/users", { params: { path: { tenantId } } })).items;
    await expect.poll(members).toMatchObject([{ email: login.email, role: "gateway-manager" }]);
    await row.getByRole("button", { name: "Remove" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("Nobody has a role here yet").waitFor();
    await expect.poll(members).toEqual([]);

    const theirs = await console.openLoggedIn({}, login);
    const theirStatus = async () => (await theirs.context.request.get("/api/me")).status();
    await expect.poll(theirStatus).toBe(200);
    await page.goto("/console/users");
    await page.getByRole("button", { name: login.email }).click();
    await dialog.getByRole("table", { name: "Logins" }).waitFor();
    await dialog.getByRole("button", { name: "End all" }).click();
    const sure = page.getByRole("dialog", { name: "End every login of this user?" });
    await sure.getByRole("button", { name: "End" }).click();
    await dialog.getByText("Not logged in.").waitFor();
    await sure.waitFor({ state: "hidden" });
    await expect.poll(theirStatus).toBe(401);
    await dialog.getByRole("button", { name: "Delete user" }).click();
    await page
      .getByRole("dialog", { name: `Delete ${login.email}?` })
      .getByRole("button", { name: "Delete" })
      .click();
    await page.getByRole("button", { name: login.email }).waitFor({ state: "hidden" });
    expect((await theirs.context.request.post("/api/login", { data: login })).status()).toBe(401);
    expect(complaints).toEqual([]);
  });

  test("users end another login of their own, and choose how the pages look", async () => {
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "light" });
    await page.goto("/console/account");
    const logins = page.getByRole("table", { name: "Logins" });
    await logins.getByText("this one").waitFor();
    const others = async () => logins.getByRole("button", { name: "End" }).count();
    const before = await others();
    const other = await console.openLoggedIn();
    await page.reload();
    await expect.poll(others).toBe(before + 1);
    // The newest stands first.
    await logins.getByRole("button", { name: "End" }).first().click();
    await expect.poll(others).toBe(before);
    expect((await other.context.request.get("/api/me")).status()).toBe(401);

    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "Dark" }).click();
    const scheme = () => page.evaluate("document.documentElement.dataset.mantineColorScheme");
    await expect.poll(scheme).toBe("dark");
    await page.reload();
    await logins.waitFor();
    await expect.poll(scheme).toBe("dark");
    expect(complaints).toEqual([]);
  });

  test("a gateway that is bound to an address is heard from a new one when it is let in", async () => {
    const { client, ...catalog } = catalogOf(console.server());
    const gatewayId = "0016c001f1000011";
    const body = { tenantId: await catalog.tenantId(), gatewayId, name: "Yard", sourceRule: { kind: "pin" as const } };
    dataOf(await client.POST("/api/gateways", { body }));
    const params = { path: { gatewayId } };
    const status = async () => dataOf(await client.GET("/api/gateways/{gatewayId}/status", { params }));
    const pinned = async () => (await status()).pinnedAddress;
    const { udpPort } = console.server();
    await pullData(gatewayId, udpPort, "127.0.0.1");
    await expect.poll(pinned).toBe("127.0.0.1");
    await pullData(gatewayId, udpPort, "127.0.0.2");
    await expect.poll(async () => (await status()).counts.refused).toBe(1);

    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/gateways/${gatewayId}?tab=settings`);
    await page.getByRole("button", { name: "Let a new address in" }).click();
    const sure = page.getByRole("dialog", { name: "Forget 127.0.0.1?" });
    await sure.getByRole("button", { name: "Forget" }).click();
    await page.getByText("The next address may be a new one.").waitFor();
    await page.getByRole("button", { name: "Let a new address in" }).waitFor({ state: "hidden" });
    await pullData(gatewayId, udpPort, "127.0.0.2");
    await expect.poll(pinned).toBe("127.0.0.2");
    expect(complaints).toEqual([]);
  });

  test("a device counts its joins anew when its DevNonces are forgotten, its session ends, its queue is put in order", async () => {
    const catalog = catalogOf(console.server());
    const { client } = catalog;
    const [devEui, gatewayId] = ["0000000000000d11", "0016c001f1000012"];
    const applicationId = await catalog.application("Joining");
    const deviceProfileId = await catalog.profile("Joining");
    const body = { devEui, name: "Begins anew", applicationId, deviceProfileId, keys: { appKey } };
    dataOf(await client.POST("/api/devices", { body }));
    await catalog.gateway(gatewayId);
    const air = gatewayOnAir(console.server().udpPort, gatewayId);
    air.start();
    const { page, complaints } = await console.openLoggedIn();
    const dialog = page.getByRole("dialog");
    await page.goto(`/console/devices/${devEui}?tab=activation`);
    await page.getByText("None in the history.").waitFor();
    /** Joins with the first DevNonce, as one that has lost its memory does. */
    const joinAnew = async (outcome: RegExp, times = 1): Promise<void> => {
      const device = air.device({ devEui, appKey });
      device.start();
      await page
        .getByText(outcome)
        .nth(times - 1)
        .waitFor();
      device.stop();
    };
    await joinAnew(/^Accepted, with DevAddr/);
    await joinAnew(/DevNonce/);
    await page.getByRole("button", { name: "Forget DevNonces" }).click();
    await dialog.getByRole("button", { name: "Forget them" }).click();
    await page.getByText("They are forgotten.").waitFor();
    await dialog.waitFor({ state: "hidden" });
    await joinAnew(/^Accepted, with DevAddr/, 2);

    const queue = async () => {
      const { items } = dataOf(await client.GET("/api/devices/{devEui}/queue", { params: { path: { devEui } } }));
      return items.map(({ data }) => Buffer.from(data, "base64").toString("hex"));
    };
    for (const hex of ["01", "02", "03"]) {
      const data = Buffer.from(hex, "hex").toString("base64");
      dataOf(
        await client.POST("/api/devices/{devEui}/queue", { params: { path: { devEui } }, body: { fPort: 1, data } }),
      );
    }
    await page.getByRole("tab", { name: "Queue" }).click();
    await page.getByRole("button", { name: "Earlier 03" }).click();
    await expect.poll(queue).toEqual(["01", "03", "02"]);
    await expect
      .poll(() => page.getByRole("table", { name: "Waiting downlinks" }).locator(".mono").allTextContents())
      .toEqual(["01", "03", "02"]);
    await page.getByRole("button", { name: "Earlier 03" }).click();
    await expect.poll(queue).toEqual(["03", "01", "02"]);
    await page.getByRole("button", { name: "Delete all" }).click();
    await dialog.getByRole("button", { name: "Delete all" }).click();
    await page.getByText("Nothing waits").waitFor();
    await expect.poll(queue).toEqual([]);
    await dialog.waitFor({ state: "hidden" });

    await page.getByRole("tab", { name: "Activation" }).click();
    await page.getByRole("button", { name: "End the session" }).click();
    await dialog.getByRole("button", { name: "End it" }).click();
    await page.getByText("It has none yet").waitFor();
    expect(complaints).toEqual([]);
  });

  test("many devices are tagged, disabled, enabled and deleted at once", async () => {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Chosen");
    const deviceProfileId = await catalog.profile("Chosen");
    for (const name of ["One", "Two"])
      await catalog.device(`00000000000d02${name === "One" ? "01" : "02"}`, name, { applicationId, deviceProfileId });
    const { page, complaints } = await console.openLoggedIn();
    const dialog = page.getByRole("dialog");
    const list = async () => {
      const params = { query: { applicationId } };
      return dataOf(await catalog.client.GET("/api/devices", { params })).items;
    };
    const chosen = async (action: string): Promise<void> => {
      await page.getByRole("checkbox", { name: "Choose all that are listed" }).check();
      await page.getByRole("region", { name: "Chosen devices" }).getByRole("button", { name: action }).click();
    };
    const doIt = async (yes: string): Promise<void> => {
      await dialog.getByRole("button", { name: yes }).click();
      await dialog.waitFor({ state: "hidden" });
    };
    await page.goto(`/console/devices?application=${applicationId}`);
    await chosen("Choose none");
    await page.getByRole("region", { name: "Chosen devices" }).waitFor({ state: "hidden" });
    await chosen("Tag");
    await dialog.getByRole("textbox", { name: "Name" }).fill("site");
    await dialog.getByRole("textbox", { name: "Value" }).fill("dock");
    expect(await seriousFaults(page)).toEqual([]);
    await doIt("Tag");
    await expect.poll(async () => (await list()).map(({ tags }) => tags)).toEqual([{ site: "dock" }, { site: "dock" }]);
    await chosen("Disable");
    await doIt("Disable");
    await expect.poll(async () => (await list()).map(({ isDisabled }) => isDisabled)).toEqual([true, true]);
    await chosen("Enable");
    await doIt("Enable");
    await expect.poll(async () => (await list()).map(({ isDisabled }) => isDisabled)).toEqual([false, false]);
    await chosen("Delete");
    await doIt("Delete");
    await page.getByText("Nothing fits this search.").waitFor();
    await expect.poll(list).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("profiles are added, cloned and deleted, an MQTT login and a region's configuration are deleted", async () => {
    const catalog = catalogOf(console.server());
    const { client } = catalog;
    const { page, complaints } = await console.openLoggedIn();
    const dialog = page.getByRole("dialog");
    await page.goto("/console/device-profiles");
    await page.getByRole("button", { name: "Add profile" }).first().click();
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await dialog.getByText("Give it a name.").waitFor();
    await dialog.getByRole("textbox", { name: "Name" }).fill("Valve");
    await dialog.getByRole("combobox", { name: "Region" }).click();
    await page.getByRole("option", { name: "US915" }).click();
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Valve", exact: true }).waitFor();
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Clone" }).click();
    await dialog.getByRole("button", { name: "Clone" }).click();
    await page.getByRole("heading", { name: "Valve (copy)" }).waitFor();
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Device profiles" }).waitFor();
    const named = dataOf(await client.GET("/api/device-profiles", { params: { query: { search: "Valve" } } })).items;
    expect(named).toMatchObject([{ name: "Valve", region: "US915" }]);

    const applicationId = await catalog.application("Read by a program");
    const path = { applicationId };
    const mqtt = { params: { path }, body: { username: "reader", isReadOnly: true } };
    dataOf(await client.POST("/api/applications/{applicationId}/mqtt-credentials", mqtt));
    await page.goto(`/console/applications/${applicationId}?tab=mqtt`);
    const logins = page.getByRole("table", { name: "MQTT logins" });
    await logins.getByText("reader", { exact: true }).waitFor();
    await logins.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No MQTT logins").waitFor();

    const config = { id: "eu868-yard", region: "EU868" as const, settings: { rx1DelaySeconds: 5 } };
    dataOf(await client.POST("/api/region-configs", { body: config }));
    await page.goto("/console/region-configs");
    await page.getByRole("button", { name: "eu868-yard" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    const sure = page.getByRole("dialog", { name: "Delete eu868-yard?" });
    await sure.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "eu868-yard" }).waitFor({ state: "hidden" });
    expect(complaints).toEqual([]);
  });

  test("lists are narrowed to the tenant that is chosen above them", async () => {
    const catalog = catalogOf(console.server());
    const { id: tenantId } = dataOf(await catalog.client.POST("/api/tenants", { body: { name: "Harbour" } }));
    dataOf(await catalog.client.POST("/api/applications", { body: { tenantId, name: "Cranes" } }));
    await catalog.application("Of the default");
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/applications");
    await page.getByRole("link", { name: "Of the default" }).waitFor();
    await page.getByRole("combobox", { name: "Tenant" }).click();
    await page.getByRole("option", { name: "Harbour" }).click();
    await page.getByRole("link", { name: "Of the default" }).waitFor({ state: "hidden" });
    await page.getByRole("link", { name: "Cranes" }).waitFor();
    expect(complaints).toEqual([]);
  });
});

/** PULL_DATA of protocol version 2, from an address of this machine. */
function pullData(gatewayId: string, port: number, from: string): Promise<void> {
  const socket = createSocket("udp4");
  const datagram = Buffer.concat([Uint8Array.of(2, 0, 1, 2), Buffer.from(gatewayId, "hex")]);
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, from, () =>
      socket.send(datagram, port, "127.0.0.1", error => {
        socket.close();
        if (error) reject(error);
        else resolve();
      }),
    );
  });
}
