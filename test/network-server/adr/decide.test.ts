import { describe, expect, test } from "vitest";
import { parseDevEui, parseTenantId } from "../../../lorawan/ids.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import type { AdrInput } from "../../../network-server/adr/adr.ts";
import { decideAdr } from "../../../network-server/adr/decide.ts";
import { defaultAdr } from "../../../network-server/adr/default.ts";
import type { AdrScriptOutcome, AdrScriptRequest, DeviceProfileConfig } from "../../../network-server/ports.ts";
import { scenarioProfile } from "../../support/scenario.ts";
import { someSession } from "../../support/sessions.ts";

const input: AdrInput = {
  region: regionOf("EU868", "RP002-1.0.4"),
  dataRate: 2,
  txPowerIndex: 1,
  nbTrans: 1,
  history: [{ fCnt: 3, snrDb: 5, gatewayCount: 2 }],
  sentCount: 1,
  heardCount: 1,
  dataRates: [1, 2, 3, 4],
  installationMarginDb: 10,
  adrAckReq: true,
};
const devEui = parseDevEui("70b3d57ed0001234");
const tenantId = parseTenantId("00000000-0000-4000-8000-000000000001");

/** What is decided when the profile's script answers this, and what the script was asked. */
async function decided(
  outcome: AdrScriptOutcome,
  profile: Partial<DeviceProfileConfig> = { adrAlgorithm: "script", adrScript: "source" },
  changes: Partial<AdrInput> = {},
) {
  const asked: (readonly [string, string, AdrScriptRequest])[] = [];
  const scripts = {
    decide: async (...call: readonly [string, string, AdrScriptRequest]) => {
      asked.push(call);
      return outcome;
    },
  };
  const device = { devEui, tenantId, profile: { ...scenarioProfile("EU868"), ...profile } };
  return { asked, decision: await decideAdr(scripts, device, someSession(), { ...input, ...changes }) };
}

const answer = (wanted: { dataRate: number; txPowerIndex: number; nbTrans: number }, words = {}): AdrScriptOutcome => ({
  kind: "decided",
  wanted,
  ...words,
});
const good = { dataRate: 4, txPowerIndex: 7, nbTrans: 15 };

describe("a profile with a script", () => {
  test("asks it under the tenant's scope with what is known of the device", async () => {
    const { asked, decision } = await decided(answer(good, { id: "mine", reason: "as I like it" }));
    expect(decision).toEqual({ wanted: good, reason: "mine, as I like it" });
    expect(asked).toEqual([
      [
        "source",
        tenantId,
        {
          devEui,
          regionName: "eu868",
          regionCommonName: "EU868",
          macVersion: "1.0.4",
          regParamsRevision: "RP002-1.0.4",
          adr: true,
          adrAckReq: true,
          dr: 2,
          txPowerIndex: 1,
          nbTrans: 1,
          minDr: 1,
          maxDr: 4,
          maxTxPowerIndex: 7,
          requiredSnrForDr: -15,
          installationMargin: 10,
          uplinkHistory: [{ fCnt: 3, maxSnr: 5, txPowerIndex: 1, gatewayCount: 2 }],
        },
      ],
    ]);
  });

  test("does not claim an SNR for FSK", async () => {
    const { asked } = await decided(answer(good), undefined, { dataRate: 7 });
    expect(asked[0]?.[2]).not.toHaveProperty("requiredSnrForDr");
  });

  test.each([
    [{ ...good, dataRate: 5 }, "dr 5 is not within 1 to 4"],
    [{ ...good, dataRate: 0 }, "dr 0 is not within 1 to 4"],
    [{ ...good, txPowerIndex: 8 }, "txPowerIndex 8 is not within 0 to 7"],
    [{ ...good, nbTrans: 0 }, "nbTrans 0 is not within 1 to 15"],
    [{ ...good, nbTrans: 16 }, "nbTrans 16 is not within 1 to 15"],
  ])("keeps the device as it is when %j is asked for", async (wanted, fault) => {
    const { decision } = await decided(answer(wanted));
    expect(decision).toMatchObject({ wanted: { dataRate: 2, txPowerIndex: 1, nbTrans: 1 }, fault });
  });

  test("keeps the device as it is when the script fails", async () => {
    const { decision } = await decided({ kind: "failed", message: "boom" });
    expect(decision).toMatchObject({ wanted: { dataRate: 2, txPowerIndex: 1, nbTrans: 1 }, fault: "boom" });
  });

  test("is told the rates that are neighbours, and may ask for SF6 and SF5 where they are allowed", async () => {
    const fast = { region: regionOf("EU868", "RP002-1.0.5"), dataRates: [1, 2, 3, 4, 5, 12, 13] };
    const { asked, decision } = await decided(answer({ ...good, dataRate: 13 }), undefined, fast);
    expect(asked[0]?.[2]).toMatchObject({ minDr: 1, maxDr: 5 });
    expect(decision?.wanted.dataRate).toBe(13);
    const gap = await decided(answer({ ...good, dataRate: 6 }), undefined, fast);
    expect(gap.decision?.fault).toBe("dr 6 is not within 1 to 5");
  });

  test("may leave a device where it is, outside of the limits", async () => {
    const { decision } = await decided(answer({ ...good, dataRate: 5 }), undefined, { dataRate: 5 });
    expect(decision?.fault).toBeUndefined();
  });
});

test("a profile with the default algorithm asks no script, one without ADR decides nothing", async () => {
  const byDefault = await decided(answer(good), { adrAlgorithm: "default" });
  expect(byDefault.decision).toEqual(defaultAdr(input));
  const alone = await decided(answer(good), { adrAlgorithm: "none" });
  expect(alone.decision).toBeUndefined();
  expect([...byDefault.asked, ...alone.asked]).toEqual([]);
});
