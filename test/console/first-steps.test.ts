import { connectAsync } from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { gatewayOnAir } from "../support/console-radio.ts";

const gatewayId = "0016c001f1000002";
const devEui = "0000000000000e01";
const appKey = "0c".repeat(16);

describeInBrowser("the console's first steps", () => {
  const console = consoleUnderTest();

  test("lead from an empty server to a decoded reading and to the line that subscribes to it", async () => {
    const air = gatewayOnAir(console.server().udpPort, gatewayId);
    const device = air.device({ devEui, appKey });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/");
    await page.getByRole("main").getByRole("link", { name: "First steps" }).click();
    await page.getByRole("combobox", { name: "Region" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Continue" }).click();

    await page.getByLabel("EUI").fill("0016c001");
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByText("16 hexadecimal digits").waitFor();
    await page.getByLabel("EUI").fill(gatewayId);
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByText(`Waiting for the first packet of ${gatewayId}`).waitFor();
    await page.getByText(`"gateway_ID": "${gatewayId.toUpperCase()}"`).waitFor();
    await page.getByText(`"serv_port_up": ${console.server().udpPort}`).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    air.start();
    await page.getByText("The gateway is here.").waitFor();
    await page.getByRole("button", { name: "Continue" }).click();

    await page.getByLabel("Name").fill("Thermometer");
    await page.getByRole("combobox", { name: "How payloads are read" }).click();
    await page.getByRole("option", { name: "By a script" }).click();
    await page.getByRole("textbox", { name: "Codec script" }).waitFor();
    await page.getByRole("button", { name: "Add profile" }).click();
    await page.getByLabel("Application").waitFor();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("textbox", { name: "DevEUI" }).fill(devEui);
    await page.getByRole("textbox", { name: "AppKey" }).fill(appKey);
    await page.getByRole("button", { name: "Add device" }).click();

    await page.getByText("Waiting for the device to join").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    device.start();
    await page.getByText("The device has a session.").waitFor();
    device.send({ fPort: 1, payload: Uint8Array.of(0, 0xd7) });
    await page.getByText("It has said something.").waitFor();
    await page.getByText('"temperature": 21.5').waitFor();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Make a login" }).click();
    const line = (await page.getByRole("region", { name: "line to subscribe" }).textContent()) ?? "";
    expect(await seriousFaults(page)).toEqual([]);

    const [, username, password, topic] = /-u (\S+) -P '(\S+)'[^']*-t '(\S+)'/s.exec(line) ?? [];
    expect(line).toContain(`-p ${console.server().mqttPort} `);
    const login = { username: username ?? "", password: password ?? "" };
    const program = await connectAsync(`mqtt://127.0.0.1:${console.server().mqttPort}`, login);
    onTestFinished(() => program.endAsync(true));
    const heard = new Promise<string>(resolve => {
      program.on("message", (_topic, payload) => resolve(payload.toString()));
    });
    await program.subscribeAsync(topic ?? "", { qos: 1 });
    device.send({ fPort: 1, payload: Uint8Array.of(0, 0xd8) });
    expect(JSON.parse(await heard)).toMatchObject({ object: { temperature: 21.6 } });
    await page.getByRole("link", { name: "To the device" }).click();
    await page.getByRole("button", { name: /temperature 21.6/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("tell of a gateway that knocks with another EUI than the one that is waited for", async () => {
    const air = gatewayOnAir(console.server().udpPort, "0016c001f10000ff");
    air.start();
    const { page } = await console.openLoggedIn({ width: 390, height: 800, colorScheme: "dark" });
    await page.goto("/console/start?step=1&region=EU868");
    await page.getByLabel("EUI").fill("0016c001f1000003");
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByText("0016c001f10000ff").waitFor();
    await page.getByText("and is not registered.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Register that one" }).click();
    await page.getByRole("button", { name: "Register" }).waitFor();
  });
});
