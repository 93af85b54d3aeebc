import type { QueuedMessage } from "../integration-ports.ts";
import { isObject, type JsonObject, listAt, numberAt, objectAt, textAt } from "./json.ts";

/** Members that are empty, zero or false are left out, as The Things Stack does. */
const compact = (members: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(members).filter(
      ([, value]) =>
        value !== undefined &&
        value !== "" &&
        value !== 0 &&
        value !== false &&
        !(isObject(value) && Object.keys(value).length === 0),
    ),
  );

const ttnDeviceId = (devEui: string): string => `eui-${devEui}`;

function deviceIds({ devEui, applicationId }: QueuedMessage, event: JsonObject): JsonObject {
  return compact({
    device_id: ttnDeviceId(devEui),
    application_ids: { application_id: applicationId },
    dev_eui: devEui.toUpperCase(),
    dev_addr: textAt(event, "devAddr").toUpperCase(),
  });
}

function dataRate(modulation: JsonObject): JsonObject {
  if (isObject(modulation.lora)) {
    const { lora } = modulation;
    return {
      lora: compact({
        bandwidth: numberAt(lora, "bandwidth"),
        spreading_factor: numberAt(lora, "spreadingFactor"),
        coding_rate: textAt(lora, "codeRate").replace(/^CR_(\d+)_(\d+)$/, "$1/$2"),
      }),
    };
  }
  if (isObject(modulation.fsk)) return { fsk: compact({ bit_rate: numberAt(modulation.fsk, "datarate") }) };
  const lrFhss = objectAt(modulation, "lrFhss");
  return {
    lrfhss: compact({
      operating_channel_width: numberAt(lrFhss, "operatingChannelWidth"),
      coding_rate: textAt(lrFhss, "codeRate").replace(/^CR_(\d+)_(\d+)$/, "$1/$2"),
    }),
  };
}

const settings = (txInfo: JsonObject): JsonObject => ({
  data_rate: dataRate(objectAt(txInfo, "modulation")),
  frequency: String(numberAt(txInfo, "frequency") ?? 0),
});

function rxMetadata(rx: JsonObject, receivedAt: string): JsonObject {
  const gatewayId = textAt(rx, "gatewayId");
  const location = objectAt(rx, "location");
  return compact({
    gateway_ids: { gateway_id: ttnDeviceId(gatewayId), eui: gatewayId.toUpperCase() },
    time: textAt(rx, "gwTime"),
    antenna_index: numberAt(rx, "antenna"),
    rssi: numberAt(rx, "rssi"),
    channel_rssi: numberAt(rx, "rssi"),
    snr: numberAt(rx, "snr"),
    channel_index: numberAt(rx, "channel"),
    location: compact({
      latitude: numberAt(location, "latitude"),
      longitude: numberAt(location, "longitude"),
      altitude: numberAt(location, "altitude"),
    }),
    received_at: receivedAt,
  });
}

function uplink(event: JsonObject, receivedAt: string): JsonObject {
  return compact({
    f_port: numberAt(event, "fPort"),
    f_cnt: numberAt(event, "fCnt"),
    frm_payload: textAt(event, "data"),
    decoded_payload: isObject(event.object) ? event.object : undefined,
    rx_metadata: listAt(event, "rxInfo")
      .filter(isObject)
      .map(rx => rxMetadata(rx, receivedAt)),
    settings: settings(objectAt(event, "txInfo")),
    received_at: receivedAt,
    confirmed: event.confirmed,
  });
}

const downlink = (event: JsonObject): JsonObject => ({
  ...compact({ f_cnt: numberAt(event, "fCntDown") }),
  correlation_ids: [`upchirp:queue-item:${textAt(event, "queueItemId")}`],
});

function contents({ kind }: QueuedMessage, event: JsonObject, receivedAt: string): JsonObject {
  switch (kind) {
    case "up":
      return { uplink_message: uplink(event, receivedAt) };
    case "join":
      return { join_accept: { received_at: receivedAt } };
    case "ack":
      return event.acknowledged === true ? { downlink_ack: downlink(event) } : { downlink_nack: downlink(event) };
    case "txack":
      return { downlink_sent: downlink(event) };
    case "status":
    case "log":
    case "location":
    case "alert": {
      // The Things Stack has no message of its own for these.
      const { deviceInfo: _, time: __, deduplicationId: ___, ...data } = event;
      return { service_data: { service: `upchirp-${kind}`, data } };
    }
  }
}

/** The event as The Things Stack v3 gives it to applications (lorawan.v3.ApplicationUp as JSON). */
export function ttnMessage(message: QueuedMessage, event: JsonObject): JsonObject {
  const time = textAt(event, "time");
  const id = textAt(event, "deduplicationId");
  return {
    end_device_ids: deviceIds(message, event),
    correlation_ids: id === "" ? [] : [`upchirp:${id}`],
    received_at: time,
    ...contents(message, event, time),
  };
}
