import type { SinkMessage } from "../integration-ports.ts";
import { numberAt, objectAt, textAt } from "./json.ts";
import { bestReception, readingsOf } from "./readings.ts";

/** An event as databases keep it, but for the message itself. Members that its kind does not have are null. */
interface EventRow {
  /** As the event has it: RFC 3339. */
  readonly time: string;
  readonly deduplication_id: string;
  readonly event: string;
  readonly tenant_id: string;
  readonly application_id: string;
  readonly application_name: string;
  readonly dev_eui: string;
  readonly device_name: string;
  readonly f_cnt: number | null;
  readonly f_port: number | null;
  readonly dr: number | null;
  /** Hz. */
  readonly frequency: number | null;
  /** dBm, of the gateway that heard it best. */
  readonly rssi: number | null;
  /** dB. */
  readonly snr: number | null;
  /** Base64. */
  readonly data: string | null;
  readonly object: object | null;
  readonly tags: object;
}

export function eventRow({ event, ...message }: SinkMessage): EventRow {
  const info = objectAt(event, "deviceInfo");
  const { rssi = null, snr = null } = bestReception(event);
  return {
    time: message.time,
    deduplication_id: message.deduplicationId,
    event: message.kind,
    tenant_id: message.tenantId,
    application_id: message.applicationId,
    application_name: textAt(info, "applicationName"),
    dev_eui: message.devEui,
    device_name: textAt(info, "deviceName"),
    f_cnt: numberAt(event, "fCnt") ?? null,
    f_port: numberAt(event, "fPort") ?? null,
    dr: numberAt(event, "dr") ?? null,
    frequency: numberAt(objectAt(event, "txInfo"), "frequency") ?? null,
    rssi,
    snr,
    data: typeof event.data === "string" ? event.data : null,
    object: "object" in event ? objectAt(event, "object") : null,
    tags: objectAt(info, "tags"),
  };
}

/** One reading of an event. */
interface ReadingRow {
  readonly time: string;
  readonly deduplication_id: string;
  readonly event: string;
  readonly application_id: string;
  readonly dev_eui: string;
  readonly device_name: string;
  readonly name: string;
  /** Yes is 1, no is 0. */
  readonly number: number | null;
  readonly text: string | null;
}

/** Of uplinks alone. */
export function readingRows(message: SinkMessage): readonly ReadingRow[] {
  const { kind, time, deduplicationId, applicationId, devEui, event } = message;
  if (kind !== "up") return [];
  const device = {
    time,
    deduplication_id: deduplicationId,
    event: kind,
    application_id: applicationId,
    dev_eui: devEui,
    device_name: textAt(objectAt(event, "deviceInfo"), "deviceName"),
  };
  return readingsOf(message).map(([name, value]) => ({
    ...device,
    name,
    number: typeof value === "string" ? null : Number(value),
    text: typeof value === "string" ? value : null,
  }));
}
