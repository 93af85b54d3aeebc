import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";
import { gatewayOnAir } from "../support/console-radio.ts";

const gatewayId = "0016c001f1000001";
const devEui = "0000000000000d01";
const script = `function decodeUplink({ bytes }) {
  if (bytes.length < 2) return { data: {}, warnings: ["too short"] };
  return { data: { temperature: (bytes[0] * 256 + bytes[1]) / 10 } };
}
function encodeDownlink({ data }) { return { fPort: 9, bytes: [data.interval] }; }`;

describeInBrowser("the console's page of a device", () => {
  const console = consoleUnderTest();

  /** A device that has sent one temperature, and may send more. */
  async function thermometer() {
    const catalog = catalogOf(console.server());
    const applicationId = await catalog.application("Greenhouse");
    const deviceProfileId = await catalog.profile("Thermometer", { codec: "javascript", codecScript: script });
    await catalog.device(devEui, "North wall", { applicationId, deviceProfileId });
    await catalog.gateway(gatewayId);
    return { catalog, deviceProfileId };
  }
  const say = (...bytes: readonly number[]) => ({ fPort: 2, payload: Uint8Array.from(bytes) });

  test("shows what the device says as it says it, each frame field by field, and takes downlinks", async () => {
    const { deviceProfileId } = await thermometer();
    const air = gatewayOnAir(console.server().udpPort, gatewayId);
    air.start();
    const device = air.device({ devEui });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/devices/${devEui}`);
    await page.getByText("Not heard yet").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    device.start();
    device.send(say(0, 0xd2));
    await page.getByRole("button", { name: /temperature 21/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: /temperature 21/ }).click();
    await page
      .getByRole("dialog", { name: "temperature" })
      .getByText(/at last 21/)
      .waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("tab", { name: "Frames" }).click();
    await page.getByRole("button", { name: /Details of unconfirmed-data-up 0/ }).click();
    await page.getByText("Accepted.").waitFor();
    await page.getByRole("table", { name: "Receptions" }).getByText(gatewayId).waitFor();
    await page.getByRole("table", { name: "Fields" }).getByText("01abcdef").waitFor();
    await page.getByText("fits", { exact: true }).waitFor();
    await page.getByRole("region", { name: "Payload in the clear" }).getByText("00d2").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByText('{"temperature":21}').waitFor();

    await page.getByRole("tab", { name: "Queue" }).click();
    await page.getByText("Nothing waits").waitFor();
    await page.getByLabel("Payload in hex").fill("01 0");
    await page.getByRole("button", { name: "Queue" }).click();
    await page.getByText("Pairs of hexadecimal digits.").waitFor();
    await page.getByLabel("Payload in hex").fill("00".repeat(250));
    await page.getByRole("button", { name: "Queue" }).click();
    await page.getByText(/250 bytes do not fit/).waitFor();
    await page.getByLabel("Payload in hex").fill("01 ff");
    await page.getByRole("button", { name: "Queue" }).click();
    await page.getByRole("cell", { name: "01ff", exact: true }).waitFor();
    await page.getByText("JSON", { exact: true }).click();
    await page.getByLabel("Object for the codec").fill('{"interval": 7}');
    await page.getByRole("button", { name: "Queue" }).click();
    await page.getByRole("cell", { name: "07", exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Later 01ff" }).click();
    await page
      .getByRole("table", { name: "Waiting downlinks" })
      .getByText(/^(07|01ff)$/)
      .first()
      .getByText("07")
      .waitFor();
    await page.getByRole("button", { name: "Delete 01ff" }).click();
    await page.getByRole("cell", { name: "01ff", exact: true }).waitFor({ state: "hidden" });

    await page.getByRole("tab", { name: "Activation" }).click();
    await page.getByRole("table", { name: "Session" }).getByText("01abcdef").waitFor();
    await page.getByRole("tab", { name: "Twin" }).click();
    await page.getByRole("region", { name: "Reported" }).getByText('"temperature": 21').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("tab", { name: "Diagnosis" }).click();
    await page.getByRole("table", { name: "What was looked at" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await page.goto(`/console/device-profiles/${deviceProfileId}?tab=codec`);
    await page.getByRole("combobox", { name: "What a device sent" }).click();
    await page.getByRole("option", { name: "North wall" }).click();
    await page.getByRole("combobox", { name: "Uplink" }).click();
    await page.getByRole("option", { name: /^0, port 2/ }).click();
    await page.getByRole("button", { name: "Try" }).click();
    const result = page.getByRole("region", { name: "Result" });
    await result.getByText('"temperature": 21').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("a codec is tried before it is stored, and what came out is kept as a case that has to pass", async () => {
    const catalog = catalogOf(console.server());
    const deviceProfileId = await catalog.profile("Tried", { codec: "javascript", codecScript: script });
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "dark" });
    await page.goto(`/console/device-profiles/${deviceProfileId}?tab=codec`);
    await page.getByLabel("Bytes in hex").fill("00 64");
    await page.getByRole("button", { name: "Try" }).click();
    const result = page.getByRole("region", { name: "Result" });
    await result.getByText('"temperature": 10').waitFor();
    await result.getByLabel("Keep it as a case").fill("Ten degrees");
    await result.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The codec is saved.").waitFor();

    const editor = page.getByRole("textbox", { name: "Codec script" });
    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText("function decodeUplink() { return { data: { temperature: 11 } }; }");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Try all" }).click();
    await page.getByText("/object/temperature is 11, and not 10").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The codec was not saved").waitFor();
    await page.getByRole("button", { name: "Save it all the same" }).click();
    await page.getByText("The codec is saved.").first().waitFor();

    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText("\n\nfunction decodeUplink() { throw new Error('no such port'); }");
    await page.getByRole("button", { name: "Try", exact: true }).click();
    await result.getByText(/line \d+.*no such port/).waitFor();
    const params = { path: { deviceProfileId } };
    const { data } = await catalog.client.GET("/api/device-profiles/{deviceProfileId}", { params });
    expect(data?.codecScript).toContain("temperature: 11");
    expect(data?.codecCases.map(({ name }) => name)).toEqual(["Ten degrees"]);
    expect(complaints).toEqual([]);
  });

  test("a profile's settings are explained, changed, and refused where they are wrong", async () => {
    const catalog = catalogOf(console.server());
    const deviceProfileId = await catalog.profile("Of many settings");
    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/device-profiles/${deviceProfileId}`);
    await page.getByLabel("RX1 delay, seconds").fill("5");
    await page.getByLabel("RX2 frequency").fill("869.52501");
    await page.getByRole("switch", { name: /Class C/ }).check();
    await page.getByLabel("Class C time-out, seconds").fill("12");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The profile is saved.").waitFor();
    const params = { path: { deviceProfileId } };
    const { data } = await catalog.client.GET("/api/device-profiles/{deviceProfileId}", { params });
    expect(data).toMatchObject({ supportsClassC: true, classCTimeoutSeconds: 12, mac: { rx1DelaySeconds: 5 } });
    await page.getByLabel("RX1 delay, seconds").fill("99");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert", { name: "Nothing was changed" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("changes what a device shall be like as JSON, refuses what is none, and tells when somebody was faster", async () => {
    const catalog = catalogOf(console.server());
    const eui = "0000000000000d02";
    const applicationId = await catalog.application("Twins");
    const deviceProfileId = await catalog.profile("Twin", {
      codec: "javascript",
      codecScript: `${script}\nfunction encodeDesired({ desired }) { return { fPort: 9, bytes: [desired.interval] }; }`,
    });
    await catalog.device(eui, "South wall", { applicationId, deviceProfileId });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto(`/console/devices/${eui}?tab=twin`);
    await page.getByText("Nothing is asked of the device.").waitFor();
    const dialog = page.getByRole("dialog");
    const text = dialog.getByRole("textbox", { name: "Desired, as JSON" });
    const type = async (json: string): Promise<void> => {
      await page.getByRole("button", { name: "Change what it shall be" }).click();
      await text.fill(json);
    };
    await type("[1]");
    await dialog.getByText("This is no JSON object.").waitFor();
    await expect.poll(() => dialog.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    expect(await seriousFaults(page)).toEqual([]);
    await text.fill('{ "interval": 30, "led": { "on": true, "level": 2 } }');
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("The device is told as soon as it listens.").waitFor();
    await dialog.waitFor({ state: "hidden" });
    await page.getByText('"level": 2').first().waitFor();
    const params = { path: { devEui: eui } };
    const desired = async () => (await catalog.client.GET("/api/devices/{devEui}/twin", { params })).data?.desired;
    await expect.poll(desired).toEqual({ interval: 30, led: { on: true, level: 2 } });

    // Only what was changed is sent, so that what is taken out is gone and the rest stays.
    await type('{ "interval": 30, "led": { "level": 3 } }');
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });
    await expect.poll(desired).toEqual({ interval: 30, led: { level: 3 } });

    await type('{ "interval": 60 }');
    await catalog.client.PATCH("/api/devices/{devEui}/twin", { params, body: { desired: { interval: 45 } } });
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("It was not changed").waitFor();
    await expect.poll(desired).toMatchObject({ interval: 45 });
    await dialog.getByRole("button", { name: "Cancel" }).click();

    await page.getByRole("button", { name: "Forget both" }).click();
    await dialog.getByRole("button", { name: "Forget them" }).click();
    await page.getByText("Nothing is asked of the device.").waitFor();
    expect(complaints).toEqual([]);
  });
});
