import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeQR } from "qr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser, seriousFaults } from "../support/browser.ts";
import { consoleUnderTest } from "../support/console.ts";
import { catalogOf } from "../support/console-catalog.ts";

const label = "LW:D0:70B3D57ED0000001:70B3D57ED0000105:02A40001:S4711";
/** One black dot. */
const tile = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

describeInBrowser("the console of a server that has tiles, in a browser that has a camera", () => {
  const asked: string[] = [];
  const tiles = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(200, { "Content-Type": "image/png", "Access-Control-Allow-Origin": "*" }).end(tile);
  });
  const folder = mkdtempSync(join(tmpdir(), "upchirp-camera-"));
  const film = join(folder, "label.y4m");
  beforeAll(async () => {
    writeFileSync(film, filmOf(label));
    await new Promise<void>(resolve => tiles.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    tiles.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const console = consoleUnderTest(
    () => [
      "--set",
      `appServer.console.mapTilesUrl=http://127.0.0.1:${(tiles.address() as AddressInfo).port}/{z}/{x}/{y}.png`,
    ],
    () => [
      // Drawn without a graphics card.
      ...["--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
      ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
      `--use-file-for-fake-video-capture=${film}`,
    ],
  );

  test("draws gateways over tiles of the configured server, which its security policy lets in", async () => {
    const catalog = catalogOf(console.server());
    const gatewayId = "0016c001f1000001";
    await catalog.gateway(gatewayId);
    const body = { location: { latitude: 52.1, longitude: 5.1, altitude: 10 } };
    const { error } = await catalog.client.PATCH("/api/gateways/{gatewayId}", {
      params: { path: { gatewayId } },
      body,
    });
    expect(error).toBeUndefined();
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/gateways?view=map");
    const map = page.getByRole("region", { name: "Map of gateways" });
    await map.locator("canvas").waitFor();
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    expect(asked[0]).toMatch(/^\/\d+\/\d+\/\d+\.png$/);
    expect(await seriousFaults(page)).toEqual([]);
    // The one gateway is in the middle.
    const box = await map.boundingBox();
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) / 2 + 1, (box?.y ?? 0) + (box?.height ?? 0) / 2);
    const clickUntilThere = async (): Promise<string> => {
      await page.mouse.click((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + (box?.height ?? 0) / 2);
      return new URL(page.url()).pathname;
    };
    await expect.poll(clickUntilThere, { timeout: 20_000 }).toBe(`/console/gateways/${gatewayId}`);
    expect(complaints).toEqual([]);
  });

  test("reads the code on a label by the camera", async () => {
    const catalog = catalogOf(console.server());
    await catalog.application("Labelled ones");
    await catalog.profile("Of the vendor", { vendorId: 0x02a4, vendorProfileId: 1 });
    const { page, complaints } = await console.openLoggedIn();
    await page.goto("/console/devices/add");
    await page.getByRole("combobox", { name: "Application" }).fill("label");
    await page.getByRole("option", { name: "Labelled ones" }).click();
    await page.getByRole("button", { name: "Scan the label" }).click();
    await page.getByText("The label is read, and its profile is found.").waitFor();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await expect.poll(() => page.getByLabel("DevEUI", { exact: false }).first().inputValue()).toBe("70b3d57ed0000105");
    expect(complaints).toEqual([]);
  });
});

/** Two pictures of a code as a camera sees it: YUV4MPEG2 of 640 by 480. */
function filmOf(text: string): Buffer {
  const [width, height] = [640, 480];
  const code = encodeQR(text, "raw", { border: 4 });
  const scale = Math.floor(height / code.length);
  const [left, top] = [(width - code.length * scale) >> 1, (height - code.length * scale) >> 1];
  const luma = Buffer.alloc(width * height, 235);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isDark = code[Math.floor((y - top) / scale)]?.[Math.floor((x - left) / scale)] === true;
      if (isDark) luma[y * width + x] = 16;
    }
  }
  const picture = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc((width * height) / 2, 128)]);
  return Buffer.concat([Buffer.from("YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n"), picture, picture]);
}
