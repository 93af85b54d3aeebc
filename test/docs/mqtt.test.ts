import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import type { ApplicationEvent, DirectoryDevice } from "../../app-server/ports.ts";
import { applicationEvents } from "../../app-server/uplink.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { NetworkEvent } from "../../platform/state/network-event.ts";
import { createDownlinks } from "../app-server/support/downlinks.ts";
import { applicationId, devAddr, devEui, directoryDevice, uplinkRecord } from "../app-server/support/fixtures.ts";
import { blocksOf, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/mqtt.md");
const blocks = blocksOf(page).filter(block => block.language === "json");
const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1 });
afterAll(() => sandbox.close());
const vault = createAppSKeyVault({ kekLabel: "upchirp", kek: new Uint8Array(32).fill(7) });
const device = directoryDevice({ kind: "cayenne-lpp" });
const temperature = Uint8Array.of(1, 103, 1, 16);
/** Its events have all that a codec can add. */
const talkativeDevice = directoryDevice({
  kind: "javascript",
  script: `function decodeUplink() { return { data: {}, warnings: ["w"] }; }
    function normalizeUplink() { return { data: { air: { temperature: 1 } }, warnings: ["w"] }; }`,
});

const base = {
  deduplicationId: "9c0d2e9a-52b6-41b8-9a5c-0a7fca2bd7b4",
  time: "2026-03-14T09:26:53.589Z",
  devEui,
  applicationId,
};
const lora = { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5", polarizationInversion: true };
const downTxInfo = { frequency: 868_500_000, modulation: { lora } };
const sealedKey = { kekLabel: "theirs", aesKey: "00112233445566778899aabbccddeeff0011223344556677" };
const gatewayId = parseGatewayId("0016c001f153a14c");

/** What the network server logs for each labelled example. */
const records: Readonly<Record<string, NetworkEvent>> = {
  "event up": uplinkRecord({}, temperature),
  "event up sealed": uplinkRecord({ appSKey: sealedKey }),
  "event join": { kind: "join", ...base, devAddr, regionConfigId: "eu868" },
  "event join sealed": { kind: "join", ...base, devAddr, sessionKeyId: "a1b2c3", regionConfigId: "eu868" },
  "event ack": { kind: "ack", ...base, queueItemId: "1", acknowledged: true, fCntDown: 12 },
  "event txack": {
    kind: "txack",
    ...base,
    downlinkId: 1,
    queueItemId: "1",
    fCntDown: 12,
    gatewayId,
    txInfo: downTxInfo,
  },
  "event log": {
    kind: "log",
    ...base,
    level: "WARNING",
    code: "UPLINK_F_CNT_RETRANSMISSION",
    description: "",
    context: { dev_addr: "00189440", f_cnt: "4" },
  },
  "event status": {
    kind: "status",
    ...base,
    margin: 18,
    externalPowerSource: false,
    batteryLevelUnavailable: false,
    batteryLevel: 74.31,
  },
};

async function produced(label: string, from = device): Promise<unknown> {
  const record = records[label];
  if (record === undefined) throw new Error(`no record is known for the example "${label}"`);
  const [event] = await applicationEvents(record, from, { vault, sandbox });
  return JSON.parse(event?.json ?? "");
}

/** Names of members down to `depth` levels, in their order, without those whose names are data. */
function shapeOf(value: unknown, depth = 2): unknown {
  if (Array.isArray(value)) return "array";
  if (typeof value !== "object" || value === null) return typeof value;
  if (depth === 0) return "object";
  return Object.entries(value).map(([name, member]) => {
    const free = name === "tags" || name === "object";
    return [name, free ? "object" : shapeOf(member, depth - 1)];
  });
}

const example = (label: string): string => {
  const found = blocks.filter(block => block.label === label);
  expect(found, label).toHaveLength(1);
  return found[0]?.text ?? "";
};

describe("events in docs/mqtt.md", () => {
  test("every JSON block is JSON and says what it shows", () => {
    expect(blocks.length).toBeGreaterThan(10);
    for (const { label, text } of blocks) {
      expect(() => JSON.parse(text), label).not.toThrow();
      expect(label).toMatch(/^(event|command) /);
    }
  });

  test.each(Object.keys(records))(
    "the example of %s has the members that the server writes, in their order",
    async label => {
      expect(shapeOf(JSON.parse(example(label)))).toEqual(shapeOf(await produced(label)));
    },
  );

  test("there is an example of every kind of event that the network server logs", () => {
    const source = readText("platform/state/network-event.ts");
    const kinds = [...source.matchAll(/readonly kind: "(\w+)"/g)].map(match => match[1]);
    const shown = Object.values(records).map(record => record.kind);
    expect([...new Set(shown)].sort()).toEqual([...new Set(kinds)].sort());
  });

  test.each(["up", "join", "ack", "txack", "log", "status"])("the table of %s lists its members", async kind => {
    const common = ["time", "deviceInfo"];
    const hasKeys = kind === "up" || kind === "join";
    const sealed = hasKeys ? Object.keys(Object(await produced(`event ${kind} sealed`))) : [];
    const talkative = Object.keys(Object(await produced(`event ${kind}`, talkativeDevice)));
    const members = [...Object.keys(Object(await produced(`event ${kind}`))), ...sealed, ...talkative];
    const rows = tableUnder(page, kind).map(([name]) => plain(name).replace("?", ""));
    expect([...rows].sort()).toEqual([...new Set(members)].filter(name => !common.includes(name)).sort());
  });
});

describe("commands in docs/mqtt.md", () => {
  const keptSession = { devAddr, fCntDown: 12 };
  const someKey = { aesKey: "000102030405060708090a0b0c0d0e0f" };
  /** The device of the page's examples. */
  const ofPage = parseDevEui("70b3d57ed0001234");
  const downlinks = () => {
    const made = createDownlinks(systemClock, sandbox, {
      device,
      downlinkSession: { ...keptSession, appSKey: someKey },
    });
    return { ...made, send: (body: string) => made.commands.down(applicationId, devEui, Buffer.from(forDevice(body))) };
  };
  const forDevice = (body: string): string => body.replaceAll(ofPage, devEui);
  const labelled = (prefix: string) => blocks.filter(block => block.label.startsWith(prefix));

  test("those that are said to be accepted are queued", async () => {
    const accepted = labelled("command accepted");
    expect(accepted.length).toBeGreaterThan(2);
    for (const { text } of accepted) {
      expect(await downlinks().send(text)).toMatchObject({ kind: "enqueued" });
    }
  });

  test("the one that is refused is answered as shown", async () => {
    const [refused] = labelled("command refused");
    const outcome = await downlinks().send(refused?.text ?? "");
    if (outcome.kind !== "refused") throw new Error("the command was queued");
    const answer: unknown = JSON.parse(outcome.answer?.json ?? "");
    const shown: unknown = JSON.parse(example("event log refused"));
    expect(shapeOf(answer, 3)).toEqual(shapeOf(shown, 3));
    const { level, code, description, context } = Object(shown);
    expect(answer).toMatchObject({ level, code, description, context });
  });

  test("the reasons are those that the code gives, with their log codes", async () => {
    const rows = tableUnder(page, "Refused commands").map(([reason, code]) => `${plain(reason)} ${plain(code)}`);
    const failing: DirectoryDevice = directoryDevice({ kind: "none" });
    const long = Buffer.alloc(243).toString("base64");
    const seen = new Set<string>();
    const note = (answer: ApplicationEvent | undefined): void => {
      const { code, context } = Object(JSON.parse(answer?.json ?? ""));
      seen.add(`${context.reason} ${code}`);
    };
    const refusedBy = async (commands: ReturnType<typeof downlinks>["commands"], bodies: readonly string[]) => {
      for (const body of bodies) {
        const outcome = await commands.down(applicationId, devEui, Buffer.from(body));
        if (outcome.kind === "refused") note(outcome.answer);
      }
    };
    await refusedBy(downlinks().commands, [
      "[]",
      '{"fPort":225,"data":"AQ=="}',
      '{"fPort":1,"data":"AQ==","expiresAt":"2001-01-01T00:00:00Z"}',
      `{"fPort":1,"data":"${long}"}`,
    ]);
    await refusedBy(createDownlinks(systemClock, sandbox, { device: failing }).commands, ['{"fPort":1,"object":{}}']);
    const same = '{"id":"a","fPort":1,"data":"AQ=="}';
    await refusedBy(downlinks().commands, [same, same]);
    const sealed = '{"fPort":1,"data":"AQ==","isEncrypted":true,"fCntDown":11}';
    const kept = createDownlinks(systemClock, sandbox, { device, downlinkSession: keptSession });
    await refusedBy(kept.commands, ['{"fPort":1,"data":"AQ=="}', sealed]);
    const other = '{"fPort":1,"data":"AQ=="}';
    await refusedBy(downlinks().commands, [other, other, other, other]);
    expect([...seen].sort()).toEqual([...rows].sort());
  });
});
