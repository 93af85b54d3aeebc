import type { SinkMessage } from "../integration-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";
import { numberAt, objectAt, textAt } from "./json.ts";

const ttnKinds: Readonly<Partial<Record<ApplicationEventKind, string>>> = {
  up: "up",
  join: "join",
  txack: "down/sent",
  log: "service/data",
  status: "service/data",
  location: "location/solved",
  alert: "service/data",
};

const values: Readonly<Record<string, (message: SinkMessage) => string>> = {
  tenantId: ({ tenantId }) => tenantId,
  applicationId: ({ applicationId }) => applicationId,
  applicationName: ({ event }) => textAt(objectAt(event, "deviceInfo"), "applicationName"),
  devEui: ({ devEui }) => devEui,
  deviceName: ({ event }) => textAt(objectAt(event, "deviceInfo"), "deviceName"),
  kind: ({ kind }) => kind,
  fPort: ({ event }) => String(numberAt(event, "fPort") ?? 0),
};

/** Last levels of the topic that The Things Stack publishes such a message to: safe as they are. */
const ttnKindOf = ({ kind, event }: SinkMessage): string =>
  ttnKinds[kind] ?? (event.acknowledged === true ? "down/ack" : "down/nack");

const isPlaceholder = (name: string): boolean => name === "ttnKind" || Object.hasOwn(values, name);
const pattern = /\{([^{}]*)\}/g;

/** Names in braces that are no placeholders. */
export const unknownPlaceholders = (template: string): readonly string[] =>
  [...template.matchAll(pattern)].map(([, name = ""]) => name).filter(name => !isPlaceholder(name));

/** `application/{applicationId}/...` with what the message has; each value as `encode` makes it fit its place. */
export const filled = (template: string, message: SinkMessage, encode: (value: string) => string): string =>
  template.replace(pattern, (whole, name: string) => {
    if (name === "ttnKind") return ttnKindOf(message);
    const value = values[name];
    return value === undefined ? whole : encode(value(message));
  });
