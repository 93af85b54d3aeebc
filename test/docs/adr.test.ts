import { afterAll, describe, expect, test } from "vitest";
import { parseTenantId } from "../../lorawan/ids.ts";
import { createAdrScripts } from "../../network-server/adr-script/sandbox.ts";
import type { AdrScriptRequest } from "../../network-server/ports.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { blocksOf, codesIn, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/adr.md");
const textOf = (label: string): string => blocksOf(page).find(block => block.label === label)?.text ?? "";
const scripts = createAdrScripts({ clock: systemClock, metrics: createMetrics(), timeMs: 1000, patienceMs: 20_000 });
afterAll(() => scripts.close());
const scope = parseTenantId("00000000-0000-4000-8000-000000000001");

describe("docs/adr.md", () => {
  test("the request has the members of the type, and the table explains each", () => {
    const source = readText("network-server/ports.ts");
    const [, body = ""] = /export interface AdrScriptRequest \{\n([\s\S]*?)\n\}/.exec(source) ?? [];
    const members = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(match => match[1]);
    expect(Object.keys(JSON.parse(textOf("adr request")))).toEqual(members);
    const explained = tableUnder(page, "An algorithm of your own").flatMap(([names]) => codesIn(names ?? ""));
    expect(explained).toEqual(members);
  });

  test("the script spends a margin as it says", async () => {
    const example: AdrScriptRequest = JSON.parse(textOf("adr request"));
    const heard = (maxSnr: number) =>
      Array.from({ length: 20 }, (_, fCnt) => ({ fCnt, maxSnr, txPowerIndex: 0, gatewayCount: 1 }));
    const decide = (changes: Partial<AdrScriptRequest>) =>
      scripts.decide(textOf("adr script"), scope, { ...example, ...changes });
    expect(await decide({})).toMatchObject({ wanted: { dataRate: 0, txPowerIndex: 0, nbTrans: 1 }, id: "textbook" });
    // SF12 needs -20 dB and 10 dB are kept: at 8.5 dB 18.5 dB are six steps.
    expect(await decide({ uplinkHistory: heard(8.5) })).toMatchObject({
      wanted: { dataRate: 5, txPowerIndex: 1, nbTrans: 1 },
      reason: "best SNR 8.5 dB",
    });
    expect(await decide({ dr: 5, txPowerIndex: 3, requiredSnrForDr: -7.5, uplinkHistory: heard(-4) })).toMatchObject({
      wanted: { dataRate: 5, txPowerIndex: 0 },
    });
  });
});
