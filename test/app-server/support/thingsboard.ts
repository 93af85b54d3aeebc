import type { Received } from "../../contracts/sink.ts";

export const telemetryTopic = "v1/gateway/telemetry";

/** What one message of ThingsBoard's gateway API brings of events, of devices whose names are their DevEUIs. */
export const thingsboardReceived = ({
  topic,
  text,
}: {
  readonly topic: string;
  readonly text: string;
}): readonly Received[] => {
  if (topic !== telemetryTopic) return [];
  const devices = Object.entries<readonly { readonly values: { readonly fCnt: number } }[]>(JSON.parse(text));
  return devices.flatMap(([devEui, points]) => points.map(({ values: { fCnt } }) => ({ devEui, fCnt })));
};
