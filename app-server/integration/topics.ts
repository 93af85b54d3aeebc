import type { ApplicationEvent } from "../ports.ts";
import { type TwinMessage, type TwinOperation, twinOperations } from "../twin-ports.ts";

/** `application/{applicationId}/device/{devEui}/event/{kind}` */
export const eventTopic = ({ applicationId, devEui, kind }: ApplicationEvent): string =>
  `application/${applicationId}/device/${devEui}/event/${kind}`;

/** What the server subscribes to at a broker of its own or another's. */
export const commandFilter = "application/+/device/+/command/down";

/** What it subscribes to for twins. */
export const twinFilters: readonly string[] = twinOperations.map(
  operation => `application/+/device/+/twin/${operation}`,
);

/** `application/{applicationId}/device/{devEui}/twin/{topic}` */
export const twinTopic = ({ applicationId, devEui, topic }: TwinMessage): string =>
  `application/${applicationId}/device/${devEui}/twin/${topic}`;

/** What a client asks for with a message: a downlink, or something of a twin. */
export interface TopicRequest {
  readonly kind: "down" | TwinOperation;
  /** As the topic spells them. */
  readonly applicationId: string;
  readonly devEui: string;
}

/** Undefined for a topic by which nothing is asked for. */
export function parseRequestTopic(topic: string): TopicRequest | undefined {
  const levels = topic.split("/");
  const [first, applicationId, third, devEui, fifth, sixth] = levels;
  const shaped = levels.length === 6 && first === "application" && third === "device";
  if (!shaped || !applicationId || !devEui) return undefined;
  const kind =
    fifth === "command" && sixth === "down" ? sixth : twinOperations.find(one => fifth === "twin" && one === sixth);
  return kind && { kind, applicationId, devEui };
}
