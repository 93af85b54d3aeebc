import type { ApplicationEvent } from "../ports.ts";

/** `application/{applicationId}/device/{devEui}/event/{kind}` */
export const eventTopic = ({ applicationId, devEui, kind }: ApplicationEvent): string =>
  `application/${applicationId}/device/${devEui}/event/${kind}`;

/** What the server subscribes to at a broker of its own or another's. */
export const commandFilter = "application/+/device/+/command/down";

/** The ids as the topic spells them, or undefined for a topic that is no downlink command. */
export function parseCommandTopic(topic: string): { applicationId: string; devEui: string } | undefined {
  const levels = topic.split("/");
  const [first, applicationId, third, devEui, fifth, sixth] = levels;
  const shaped = levels.length === 6 && first === "application" && third === "device";
  if (!shaped || fifth !== "command" || sixth !== "down" || !applicationId || !devEui) return undefined;
  return { applicationId, devEui };
}
