import type { EventFormat, SinkMessage } from "../../integration-ports.ts";
import { isObject, objectAt, textAt } from "../json.ts";

export interface Announcement {
  readonly topic: string;
  readonly body: string;
}

/** What a measurement's name says of it: Home Assistant's device class and unit. */
const known: readonly (readonly [name: RegExp, deviceClass: string, unit: string])[] = [
  [/temp(erature)?/i, "temperature", "°C"],
  [/humidity|^rh$/i, "humidity", "%"],
  [/battery.*(v|volt(age)?)$|voltage|^vbat$/i, "voltage", "V"],
  [/battery|^bat$/i, "battery", "%"],
  [/pressure|barometer/i, "atmospheric_pressure", "hPa"],
  [/co2/i, "carbon_dioxide", "ppm"],
  [/illuminance|^lux$|light/i, "illuminance", "lx"],
];

const maxAnnounced = 50_000;
const maxMeasurements = 64;
const maxDepth = 5;
/** Names that are safe in a template and in a topic. */
const plainName = /^[\w .-]{1,64}$/;

interface Measurement {
  readonly path: readonly string[];
  readonly isBinary: boolean;
}

/** Every number and every yes or no of what the codec made, by where it is. */
function measurementsOf(value: unknown, path: readonly string[] = []): readonly Measurement[] {
  if (typeof value === "number" || typeof value === "boolean") {
    return path.length === 0 ? [] : [{ path, isBinary: typeof value === "boolean" }];
  }
  if (!isObject(value) || path.length === maxDepth) return [];
  return Object.entries(value)
    .filter(([name]) => plainName.test(name))
    .flatMap(([name, member]) => measurementsOf(member, [...path, name]))
    .slice(0, maxMeasurements);
}

const idOf = (path: readonly string[]): string => path.join("_").replace(/[^A-Za-z0-9_-]/g, "_");

/**
 * Announces each measurement of a device to Home Assistant (MQTT discovery), once as long as it is remembered; a repeat does
 * no harm. State is read from the messages of the device's uplinks.
 */
export class HomeAssistantDiscovery {
  readonly #prefix: string;
  readonly #place: readonly string[];
  readonly #announced = new Set<string>();

  constructor(prefix: string, format: EventFormat) {
    this.#prefix = prefix.replace(/\/+$/, "");
    this.#place = format === "chirpstack" ? ["object"] : ["uplink_message", "decoded_payload"];
  }

  /** What has to be told before the message; each is to be retained. */
  announcements(message: SinkMessage, stateTopic: string): readonly Announcement[] {
    if (message.kind !== "up") return [];
    const device = deviceOf(message);
    return measurementsOf(message.event.object)
      .map(measurement => this.#announcement(message, measurement, stateTopic, device))
      .filter(({ topic, body }) => !this.#announced.has(`${topic} ${body}`));
  }

  announced({ topic, body }: Announcement): void {
    if (this.#announced.size >= maxAnnounced) this.#announced.clear();
    this.#announced.add(`${topic} ${body}`);
  }

  #announcement(
    { devEui }: SinkMessage,
    { path, isBinary }: Measurement,
    stateTopic: string,
    device: object,
  ): Announcement {
    const id = idOf(path);
    const value = [...this.#place, ...path].reduce((text, name) => `${text}[${JSON.stringify(name)}]`, "value_json");
    const component = isBinary ? "binary_sensor" : "sensor";
    const body = {
      name: path.join(" "),
      unique_id: `upchirp_${devEui}_${id}`,
      state_topic: stateTopic,
      // Uplinks of another port may not have it: the state stays.
      value_template: `{{ ${isBinary ? `('ON' if ${value} else 'OFF')` : value} if ${value} is defined else this.state }}`,
      ...(!isBinary && { state_class: "measurement", ...classOf(path) }),
      device,
    };
    return { topic: `${this.#prefix}/${component}/upchirp_${devEui}/${id}/config`, body: JSON.stringify(body) };
  }
}

function classOf(path: readonly string[]): object {
  const [entry] = path.toReversed().flatMap(name => known.filter(([pattern]) => pattern.test(name)));
  return entry === undefined ? {} : { device_class: entry[1], unit_of_measurement: entry[2] };
}

function deviceOf({ devEui, event }: SinkMessage): object {
  const info = objectAt(event, "deviceInfo");
  return {
    identifiers: [`upchirp_${devEui}`],
    name: textAt(info, "deviceName") || devEui,
    model: textAt(info, "deviceProfileName"),
    serial_number: devEui,
  };
}
