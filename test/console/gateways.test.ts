import { expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";

describeInBrowser("the console's gateways", () => {
  const console = consoleUnderTest();

  test("are added by a form that says what is wrong with what was typed", async () => {
    const { page, complaints } = await console.openLoggedIn({ colorScheme: "dark" });
    await page.goto("/console/gateways");
    await page.getByRole("button", { name: "Add gateway" }).first().click();
    const form = page.getByRole("dialog");
    await form.getByRole("textbox", { name: "EUI" }).fill("0016c001");
    await form.getByRole("textbox", { name: "Name" }).fill("Roof");
    await form.getByRole("button", { name: "Add" }).click();
    await form.getByText("16 hexadecimal digits, as on the gateway's label.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("textbox", { name: "EUI" }).fill("00-16-C0-01-F1-00-00-01");
    await form.getByRole("combobox", { name: "Tenant" }).click();
    await page.getByRole("option", { name: "Default" }).click();
    expect(await seriousFaults(page)).toEqual([]);
    await form.getByRole("button", { name: "Add" }).click();
    await page.getByRole("heading", { name: "Roof" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/gateways/0016c001f1000001");

    await page.goto("/console/gateways");
    await page.getByRole("link", { name: "Roof" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("textbox", { name: "Search in Gateways" }).fill("cellar");
    await page.getByText("Nothing fits this search.").waitFor();
    expect(complaints).toEqual([]);
  });
});
