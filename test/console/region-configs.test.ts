import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";

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
    expect(await form.getByRole("textbox", { name: "RX1 delay, seconds" }).inputValue()).toBe("5");
    expect(await form.getByRole("textbox", { name: "Channel 1" }).inputValue()).toBe("867.1 MHz");
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
});
