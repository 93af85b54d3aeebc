import type { GatewayId } from "../../lorawan/ids.ts";
import type { RegionName } from "../../lorawan/region/region.ts";
import type { NetworkContext } from "../context.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import type { Session } from "../session.ts";
import type { Collection } from "./dedup.ts";

/** What the gateways that heard a Join-Request say of the configuration it falls under. */
export type Membership =
  /** Absent: no gateway that heard it belongs to one. */
  | { readonly kind: "ours"; readonly regionConfigId?: string }
  | { readonly kind: "elsewhere"; readonly regionConfigIds: readonly string[] };

/**
 * A device whose profile names no configuration takes that of the gateway which heard it first. One whose profile names
 * its own is not joined by gateways of others alone: they would send it to channels that they do not listen to.
 */
export async function membershipOf(
  context: NetworkContext,
  profile: Pick<DeviceProfileConfig, "region" | "regionConfigId">,
  collection: Collection,
): Promise<Membership> {
  const wanted = existing(context, profile.region, profile.regionConfigId);
  const heard = await configurationOf(context, profile.region, collection.first.gatewayId);
  if (wanted === undefined) return { kind: "ours", ...(heard !== undefined && { regionConfigId: heard }) };
  if (heard === undefined || heard === wanted) return { kind: "ours", regionConfigId: wanted };
  const receptions = await collection.collected;
  const all = await Promise.all(receptions.map(copy => configurationOf(context, profile.region, copy.gatewayId)));
  if (all.some(id => id === undefined || id === wanted)) return { kind: "ours", regionConfigId: wanted };
  return { kind: "elsewhere", regionConfigIds: [...new Set(all.flatMap(id => id ?? []))] };
}

/**
 * A device that was activated by personalisation belongs where its first uplink is heard, as one that joins belongs where its
 * Join-Request is. Undefined where that is settled already, by the profile or by earlier uplinks, or where nobody says.
 */
export async function homeOfFirstUplink(
  context: NetworkContext,
  profile: Pick<DeviceProfileConfig, "regionConfigId">,
  session: Pick<Session, "region" | "joinEui" | "lastUplinkAtMs">,
  gatewayId: GatewayId,
): Promise<string | undefined> {
  const { region, joinEui, lastUplinkAtMs } = session;
  if (joinEui !== undefined || lastUplinkAtMs !== undefined) return undefined;
  if (existing(context, region, profile.regionConfigId) !== undefined) return undefined;
  return configurationOf(context, region, gatewayId);
}

/** The configuration that the gateway is set up for, if it is one of this region. */
export const configurationOf = async (
  context: NetworkContext,
  region: RegionName,
  gatewayId: GatewayId,
): Promise<string | undefined> => existing(context, region, (await context.catalog.gateway(gatewayId))?.regionConfigId);

/** One that does not exist, or is of another region, is as none: people write the name in three places. */
const existing = (
  { regionConfigs }: NetworkContext,
  region: RegionName,
  regionConfigId: string | undefined,
): string | undefined => regionConfigs().find(config => config.region === region && config.id === regionConfigId)?.id;
