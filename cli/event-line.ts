import { isObject } from "./option-values.ts";
import { cellOf } from "./table.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
const text = (value: unknown): string => (value === undefined ? "" : cellOf(value));

function radioOf(event: JsonObject): string {
  const receptions = Array.isArray(event.rxInfo) ? event.rxInfo.filter(isObject) : [];
  const rssi = receptions.map(({ rssi }) => rssi).filter(value => typeof value === "number");
  const lora = objectOf(objectOf(objectOf(event.txInfo).modulation).lora);
  const parts = [
    typeof lora.spreadingFactor === "number" ? `SF${lora.spreadingFactor}` : "",
    rssi.length > 0 ? `${Math.max(...rssi)} dBm` : "",
    receptions.length > 1 ? `${receptions.length} gateways` : "",
  ];
  return parts.filter(part => part !== "").join(", ");
}

function uplinkText(event: JsonObject): string {
  const data = typeof event.data === "string" ? Buffer.from(event.data, "base64").toString("hex") : "";
  const content = isObject(event.object) ? JSON.stringify(event.object) : data === "" ? "no payload" : data;
  const radio = radioOf(event);
  return `${content}  (port ${text(event.fPort)}, counter ${text(event.fCnt)}${radio === "" ? "" : `, ${radio}`})`;
}

function statusText(event: JsonObject): string {
  const battery = event.externalPowerSource === true ? "external power" : `battery ${text(event.batteryLevel)} %`;
  return `${event.batteryLevelUnavailable === true ? "battery not known" : battery}, margin ${text(event.margin)} dB`;
}

const texts: Readonly<Record<string, (event: JsonObject) => string>> = {
  up: uplinkText,
  join: event => `address ${text(event.devAddr)}`,
  ack: event =>
    (event.acknowledged === true ? "acknowledged" : "not acknowledged").concat(` ${text(event.queueItemId)}`),
  txack: event => `sent by ${text(event.gatewayId)}, counter ${text(event.fCntDown)} ${text(event.queueItemId)}`,
  log: event => `${text(event.level)} ${text(event.code)}: ${text(event.description)}`,
  status: statusText,
  location: event => text(event.location),
};

/** Control characters of a device's or a script's text must not steer the terminal. */
const printable = (line: string): string => line.replace(/\p{Cc}+/gu, " ").trimEnd();

const timeWidth = 8;
const nameWidth = 24;
const kindWidth = 6;

/** One line for people: time of day (UTC), device, kind, what it says. */
export function eventLine(kind: string, event: JsonObject): string {
  const info = objectOf(event.deviceInfo);
  const device = text(info.deviceName) || text(info.devEui);
  const time = (typeof event.time === "string" ? event.time.slice(11, 19) : "").padEnd(timeWidth);
  const content = (texts[kind] ?? (other => JSON.stringify(other)))(event);
  return printable(`${time}  ${device.padEnd(nameWidth)}  ${kind.padEnd(kindWidth)}  ${content}`);
}
