import { expect, test } from "vitest";
import { formatMessage, MappingFailed, mappingFault } from "../../../app-server/integration/format.ts";
import type { Integration, QueuedMessage } from "../../../app-server/integration-ports.ts";
import { applicationEvents } from "../../../app-server/uplink.ts";
import { createAppSKeyVault } from "../../../app-server/vault.ts";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import type { NetworkEvent } from "../../../platform/state/network-event.ts";
import { deviceInfo, directoryDevice, uplinkRecord } from "../support/fixtures.ts";
import { integrationId, integrationOf } from "../support/sink-context.ts";

const tools = {
  vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
  sandbox: {
    decode: async () => ({ kind: "decoded", object: { temperature: 21.5 }, warnings: [] }) as const,
    decodeDownlink: async () => ({ kind: "failed", message: "" }) as const,
    encode: async () => ({ kind: "failed", message: "" }) as const,
    close: async () => undefined,
  },
};

async function queued(event: NetworkEvent): Promise<QueuedMessage> {
  const [made] = await applicationEvents(event, directoryDevice({ kind: "cayenne-lpp" }), tools);
  if (made === undefined) throw new Error("no event");
  const { json, ...rest } = made;
  return { ...rest, integrationId, partition: 0, seq: 1, event: json };
}
const format = (message: QueuedMessage, more: Partial<Integration> = {}) =>
  formatMessage(integrationOf("http", more), message);

const { deduplicationId, time, devEui, applicationId } = uplinkRecord();
const base = { deduplicationId, time, devEui, applicationId };

test("ChirpStack's format is the event as MQTT clients get it, to the byte", async () => {
  const message = await queued(uplinkRecord());
  expect(format(message)).toMatchObject({ body: message.event, deduplicationId, time, kind: "up" });
});

test("an uplink in The Things Stack's format leaves out what is empty, and has what it has there", async () => {
  const { body } = format(await queued(uplinkRecord()), { format: "ttn-v3" });
  expect(JSON.parse(body)).toEqual({
    end_device_ids: {
      device_id: "eui-0101010101010101",
      application_ids: { application_id: applicationId },
      dev_eui: "0101010101010101",
      dev_addr: "00189440",
    },
    correlation_ids: [`upchirp:${deduplicationId}`],
    received_at: time,
    uplink_message: {
      f_port: 1,
      f_cnt: 4,
      frm_payload: "AQI=",
      decoded_payload: { temperature: 21.5 },
      rx_metadata: [
        {
          gateway_ids: { gateway_id: "eui-0016c001f153a14c", eui: "0016C001F153A14C" },
          rssi: -36,
          channel_rssi: -36,
          snr: 10.5,
          received_at: time,
        },
      ],
      settings: {
        data_rate: { lora: { bandwidth: 125_000, spreading_factor: 11, coding_rate: "4/5" } },
        frequency: "867100000",
      },
      received_at: time,
    },
  });
});

test("other events have their places in The Things Stack's format", async () => {
  const member = async (event: NetworkEvent): Promise<string | undefined> =>
    Object.keys(JSON.parse(format(await queued(event), { format: "ttn-v3" }).body)).at(-1);
  const gatewayId = parseGatewayId("0016c001f153a14c");
  const { txInfo, devAddr } = uplinkRecord();
  const ack = { kind: "ack", ...base, queueItemId: "q", fCntDown: 3 } as const;
  expect(await member({ kind: "join", ...base, devAddr, regionConfigId: "eu868" })).toBe("join_accept");
  expect(await member({ ...ack, acknowledged: true })).toBe("downlink_ack");
  expect(await member({ ...ack, acknowledged: false })).toBe("downlink_nack");
  const sent = await member({ kind: "txack", ...base, downlinkId: 7, fCntDown: 3, gatewayId, txInfo });
  expect(sent).toBe("downlink_sent");
  const log = { level: "ERROR", code: "EXPIRED", description: "", context: {} } as const;
  expect(await member({ kind: "log", ...base, ...log })).toBe("service_data");
});

test("every kind of event has an identifier that no other event of the device has", async () => {
  const gatewayId = parseGatewayId("0016c001f153a14c");
  const { txInfo } = uplinkRecord();
  const log = { kind: "log", ...base, level: "ERROR", code: "EXPIRED", description: "", context: {} } as const;
  const txack = { kind: "txack", ...base, downlinkId: 7, fCntDown: 3, gatewayId, txInfo } as const;
  const events: readonly NetworkEvent[] = [uplinkRecord(), log, txack, { ...txack, downlinkId: 8 }];
  const identifiers = await Promise.all(events.map(async event => format(await queued(event)).deduplicationId));
  expect(new Set(identifiers).size).toBe(4);
  for (const identifier of identifiers) expect(identifier).toMatch(/^[!-~]{8,}$/);
});

test("a mapping makes the message of the formatted event", async () => {
  const message = await queued(uplinkRecord());
  const mapping = "{device: deviceInfo.deviceName, celsius: object.temperature, best: max(rxInfo[].rssi)}";
  expect(JSON.parse(format(message, { mapping }).body)).toEqual({
    device: deviceInfo.deviceName,
    celsius: 21.5,
    best: -36,
  });
  const ttn = format(message, { format: "ttn-v3", mapping: "uplink_message.decoded_payload" });
  expect(JSON.parse(ttn.body)).toEqual({ temperature: 21.5 });
});

test("a mapping that makes nothing, or cannot, says so", async () => {
  const message = await queued(uplinkRecord());
  expect(() => format(message, { mapping: "object.humidity" })).toThrow("makes nothing of this event");
  expect(() => format(message, { mapping: "abs(devAddr)" })).toThrow(MappingFailed);
});

test("what is no expression is told before it is kept", () => {
  expect(mappingFault("{a: ")).toMatch(/./);
  expect(mappingFault("explode(@)")).toMatch(/Unknown function/);
  expect(mappingFault("abs(object.temperature)")).toBeUndefined();
  expect(mappingFault("")).toBeUndefined();
});
