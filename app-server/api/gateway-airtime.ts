import Type from "typebox";
import { type GatewayId, parseGatewayId } from "../../lorawan/ids.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { Modulation, Region } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { DownlinkFrameRecord, FrameRecord } from "../../platform/frames/frame-record.ts";
import type { TxModulation } from "../../platform/state/network-event.ts";
import { inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found } from "./refusal.ts";
import { Eui64, listOf, Time, timeOf } from "./schemas.ts";

const SubBand = Type.Object({
  fromHz: Type.Integer(),
  toHz: Type.Integer({ description: "Exclusive." }),
  dutyCycle: Type.Number({ description: "Fraction of an hour that a gateway may send here; 1: no limit." }),
  airtimeMs: Type.Number({ description: "What it has sent." }),
  budgetMs: Type.Number({ description: "What it may send in an hour." }),
});
const Transmission = Type.Object({
  time: Type.String({ description: "RFC 3339 in UTC: when the frame's fate was known, about when it began." }),
  frequency: Type.Integer({ description: "Hz." }),
  durationMs: Type.Number(),
  window: Type.String({ description: "`RX1`, `RX2`, `ping slot` or `immediately`." }),
});
const Airtime = Type.Object({
  since: Time,
  region: Type.Union([Type.String(), Type.Null()], {
    description: "That of the devices that it sent to; null: it sent to none that is known.",
  }),
  subBands: listOf(SubBand),
  otherAirtimeMs: Type.Number({ description: "Outside of every sub-band that is known." }),
  transmissions: listOf(Transmission),
  isWhole: Type.Boolean({ description: "False: it sent more than is looked through, and the sums are too small." }),
});
const Params = Type.Object({ gatewayId: Eui64 });

const hourMs = 3_600_000;
const pageSize = 1000;
/** More than an hour has room for, of frames of usual length. */
const maxPages = 20;
const maxTransmissions = 500;

interface Sent {
  readonly frame: DownlinkFrameRecord;
  readonly frequency: number;
  readonly durationMs: number;
  readonly window: string;
}

/** What a gateway has sent in the last hour, against what it may send: of the frames that the history has. */
export function gatewayAirtimeRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories, clock } = deps;
  api.get(
    "/gateways/:gatewayId/airtime",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: {
        summary: "Airtime of a gateway in the last hour",
        description:
          "Of the frames that the history keeps. The network server's own account, by which it refuses downlinks, begins anew " +
          "when that server does.",
        params: Params,
        response: { 200: Airtime },
      },
    },
    async request => {
      const gateway = found(await repositories.gateways.get(parseGatewayId(request.params.gatewayId)), "gateway");
      const hourAgo = timeOf(clock.nowMs() - hourMs);
      // What it did before it was this tenant's is not told to this one.
      const isHidden = !callerOf(request).isAdministrator && gateway.createdAt > hourAgo;
      const since = isHidden ? gateway.createdAt : hourAgo;
      const { sent, isWhole } = await sentBy(deps, gateway.gatewayId, since);
      const region = await regionOfFrames(deps, sent);
      return {
        since,
        region: region?.name ?? null,
        ...sumsOf(region, sent),
        transmissions: sent.slice(0, maxTransmissions).map(({ frame, ...rest }) => ({
          time: timeOf(frame.atMs),
          ...rest,
        })),
        isWhole,
      };
    },
  );
}

async function sentBy({ history }: ApiDependencies, gatewayId: GatewayId, since: string) {
  const filter = { tenants: "all", gatewayId, since, direction: "down", result: "sent" } as const;
  const sent: Sent[] = [];
  let after: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const { items, next } = await history.frames(filter, { limit: pageSize, ...(after !== undefined && { after }) });
    sent.push(...items.flatMap(frame => sentOf(frame, gatewayId)));
    if (next === undefined) return { sent, isWhole: true };
    after = next;
  }
  return { sent, isWhole: false };
}

function sentOf(frame: FrameRecord, gatewayId: GatewayId): readonly Sent[] {
  if (frame.direction === "up" || frame.txInfo === undefined) return [];
  const attempt = frame.attempts.find(({ gatewayId: by, status }) => by === gatewayId && status === "OK");
  if (attempt === undefined) return [];
  const { frequency, modulation } = frame.txInfo;
  const durationUs = airtimeUs(modulationOf(modulation), frame.phyPayload.length, { crc: false });
  return [{ frame, frequency, durationMs: durationUs / 1000, window: attempt.window }];
}

function modulationOf(modulation: TxModulation): Modulation {
  if ("lora" in modulation) {
    const { spreadingFactor, bandwidth: bandwidthHz } = modulation.lora;
    return { kind: "lora", spreadingFactor, bandwidthHz };
  }
  if ("fsk" in modulation) return { kind: "fsk", bitRate: modulation.fsk.datarate };
  const { operatingChannelWidth: operatingChannelWidthHz, codeRate } = modulation.lrFhss;
  return { kind: "lr-fhss", codingRate: codeRate === "CR_2_6" ? "1/3" : "2/3", operatingChannelWidthHz };
}

/** A gateway is in one region: that of the latest device whose profile is still there. */
async function regionOfFrames({ repositories }: ApiDependencies, sent: readonly Sent[]): Promise<Region | undefined> {
  const devEuis = [...new Set(sent.flatMap(({ frame }) => frame.subject?.devEui ?? []))].slice(0, 10);
  for (const devEui of devEuis) {
    const device = await repositories.devices.get(devEui);
    const profile = device && (await repositories.deviceProfiles.get(device.deviceProfileId));
    if (profile) return regionOf(profile.region, profile.regionalParameters);
  }
  return undefined;
}

function sumsOf(region: Region | undefined, sent: readonly Sent[]) {
  const subBands = (region?.subBands ?? []).map(({ fromHz, toHz, dutyCycle }) => ({
    ...{ fromHz, toHz, dutyCycle },
    airtimeMs: airtimeOf(sent.filter(({ frequency }) => frequency >= fromHz && frequency < toHz)),
    budgetMs: dutyCycle * hourMs,
  }));
  const inBands = subBands.reduce((sum, { airtimeMs }) => sum + airtimeMs, 0);
  return { subBands, otherAirtimeMs: Math.max(0, airtimeOf(sent) - inBands) };
}

const airtimeOf = (sent: readonly Sent[]): number => sent.reduce((sum, { durationMs }) => sum + durationMs, 0);
