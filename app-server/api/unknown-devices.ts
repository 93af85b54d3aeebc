import Type, { type Static } from "typebox";
import { FrameError } from "../../lorawan/errors.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { UnknownDevice } from "../history-ports.ts";
import { administrators } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { Eui64, listOf, strict, Time, timeOf } from "./schemas.ts";

const Query = Type.Object(
  {
    devEui: Type.Optional(Eui64),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 100 })),
  },
  strict,
);
const Unknown = Type.Object({
  devEui: Eui64,
  joinEui: Eui64,
  requests: Type.Integer({ description: "Join-Requests within the last seven days." }),
  lastHeardAt: Time,
  frequencyHz: Type.Integer({ description: "Of the last one." }),
  gatewayIds: listOf(Eui64, { description: "That heard the last one." }),
});

const lookBackMs = 7 * 24 * 3600 * 1000;

function answerOf({ requests, last }: UnknownDevice): Static<typeof Unknown> | undefined {
  const request = decodeFrame(last.phyPayload);
  if (last.direction === "down" || request instanceof FrameError || request.kind !== "join-request") return undefined;
  return {
    devEui: request.devEui,
    joinEui: request.joinEui,
    requests,
    lastHeardAt: timeOf(last.atMs),
    frequencyHz: last.txInfo.frequency,
    gatewayIds: [...new Set(last.rxInfo.map(({ gatewayId }) => gatewayId))],
  };
}

export function unknownDeviceRoutes(api: Api, { repositories, history, clock }: ApiDependencies): void {
  api.get(
    "/devices/unknown",
    {
      // What no tenant has belongs to none, so only those above all tenants see it.
      config: { access: administrators },
      schema: {
        summary: "List devices that ask to join and are not here",
        description: "Of the frames that history keeps.",
        querystring: Query,
        response: { 200: Type.Object({ items: listOf(Unknown) }) },
      },
    },
    async request => {
      const { devEui, limit = 100 } = request.query;
      const since = timeOf(clock.nowMs() - lookBackMs);
      const filter = { since, limit, ...(devEui !== undefined && { devEui: parseDevEui(devEui) }) };
      const heard = (await history.unknownDevices(filter)).flatMap(device => answerOf(device) ?? []);
      const known = await Promise.all(heard.map(device => repositories.devices.get(parseDevEui(device.devEui))));
      return { items: heard.filter((_device, index) => known[index] === undefined) };
    },
  );
}
