import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findingCodes } from "../../app-server/diagnosis-ports.ts";
import { startDiagnoses } from "../support/diagnosed-life.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { blocksOf, cellsOf, filesUnder, plain, readText } from "./markdown.ts";

const page = readText("docs/troubleshooting.md");
const rows = page
  .split("\n")
  .filter(line => /^\| `[a-z_]+` \|/.test(line))
  .map(cellsOf);

describe("docs/troubleshooting.md", () => {
  test("has every finding with what to do, once", () => {
    expect(rows.map(([code]) => plain(code)).toSorted()).toEqual([...findingCodes].toSorted());
    for (const [, severity, whatToDo] of rows) {
      expect(severity).toMatch(/^(error|warning|notice)( or warning)?$/);
      expect(whatToDo).toMatch(/^\S.{20,}\.$/);
    }
  });

  test("every finding is the first of a scenario", () => {
    const scenarios = filesUnder("test/scenarios").filter(name => /\/diagnosis-[a-z]+\.test\.ts$/.test(name));
    const text = scenarios.map(readText).join("\n");
    expect(findingCodes.filter(code => !text.includes(`"${code}"`))).toEqual([]);
  });
});

describe("the example", () => {
  let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
  beforeAll(async () => {
    diagnoses = await startDiagnoses();
  });
  afterAll(() => diagnoses.end());

  test("is what upchirp why prints for a device with a wrong key", async () => {
    const { api } = diagnoses;
    const viewer = { tenantId: diagnoses.tenantId, name: "viewer", role: "viewer", expiresAt: null } as const;
    const { token } = await api.repositories.apiKeys.create(viewer);
    const env = { UPCHIRP_URL: await api.app.listen({ host: "127.0.0.1", port: 0 }), UPCHIRP_TOKEN: token };
    const life = await diagnoses.life();
    const { gatewayId } = await life.addGateway();
    const { device, devEui } = await life.addDevice();
    await life.rootKeys.put(devEui, { nwkKey: new Uint8Array(16).fill(9) });
    device.start();
    await life.clock.advance(120_000);
    await life.diagnose(devEui);
    const { output } = await runProgram(["why", devEui], createTestTerminal({ env }));
    const shown = output
      .replaceAll(devEui, "70b3d57ed0001234")
      .replaceAll(`roof ${gatewayId}`, "roof")
      .replaceAll(gatewayId, "0016c001f1500812");
    expect(blocksOf(page).find(({ label }) => label === "why")?.text).toBe(shown);
  });
});
