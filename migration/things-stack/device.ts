import { MalformedValue } from "../../lorawan/errors.ts";
import { type ApplicationId, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { CarriedDevice, CarriedNonces, CarriedProfile, CarriedSession } from "../carried.ts";
import { hasRisingDevNonce } from "../nonces.ts";
import type { NoteTopic } from "../notes.ts";
import { derivedUuid } from "../uuid.ts";
import type { JsonFields } from "./json-values.ts";
import { clearKey, type Opener } from "./keys.ts";
import { type SessionParts, sessionOf, timeOf } from "./session.ts";

export interface DeviceContext {
  readonly profile: CarriedProfile;
  readonly applicationId: ApplicationId;
  readonly opened: Opener;
}

export interface DecodedDevice {
  readonly device: CarriedDevice;
  readonly notes: readonly NoteTopic[];
}

/** Throws MalformedValue. A session that cannot be carried does not keep the rest of the device back. */
export function deviceOf(exported: JsonFields, context: DeviceContext): DecodedDevice {
  const { profile, applicationId, opened } = context;
  const ids = exported.fields("ids");
  const devEui = ids?.text("dev_eui");
  if (ids === undefined || devEui === undefined) {
    throw new MalformedValue("it has no DevEUI, by which devices are known here: give it one on The Things Stack");
  }
  const notes: NoteTopic[] = [];
  const joinEui = parseJoinEui(ids.text("join_eui") ?? "0".repeat(16));
  const settings = exported.fields("mac_settings");
  const parts: Omit<SessionParts, "session" | "macState" | "isPending"> = {
    settings,
    macVersion: profile.macVersion,
    frequencyPlanId: profile.regionConfigId ?? "",
    joinEui: profile.supportsOtaa ? joinEui : undefined,
    lastRjCount0: exported.number("last_rj_count_0"),
    lastSeenAtMs: timeOf(exported.text("last_seen_at")),
    lastStatusAtMs: timeOf(exported.text("last_dev_status_received_at")),
    opened,
  };
  const active = sessionIn(exported, "session", "mac_state", parts);
  const pending = sessionIn(exported, "pending_session", "pending_mac_state", parts);
  const session = active ?? pending;
  const queue = typeof active === "object" ? queueOf(exported, active, notes) : [];
  const awaited = queue.find(({ sent }) => sent !== undefined);
  const rootKeys = profile.supportsOtaa ? rootKeysOf(exported, profile, opened, notes) : undefined;
  if (Object.keys(exported.texts("locations")).length > 0) notes.push("device-locations");
  if (exported.fields("mac_state")?.text("device_class") === "CLASS_B") notes.push("class-b");
  if (settings?.has("supports_32_bit_f_cnt") && !settings.isTrue("supports_32_bit_f_cnt"))
    notes.push("counters-16-bits");
  return {
    device: {
      device: {
        devEui: parseDevEui(devEui),
        joinEui,
        applicationId,
        deviceProfileId: profile.id,
        name: exported.text("name") || ids.text("device_id") || devEui,
        description: exported.text("description") ?? "",
        isDisabled: false,
        resetsFCnt: settings?.isTrue("resets_f_cnt") ?? false,
        mac: {},
        variables: {},
        tags: { ...exported.texts("attributes"), "device-id": ids.text("device_id") ?? "" },
      },
      profile,
      ...(rootKeys && { rootKeys }),
      nonces: profile.supportsOtaa ? [noncesOf(exported, joinEui, profile)] : [],
      ...(session !== undefined && { session: withAwaited(session, awaited) }),
      ...(active !== undefined && pending !== undefined && { rejoined: pending }),
      queue,
    },
    notes,
  };
}

function sessionIn(
  exported: JsonFields,
  name: string,
  macName: string,
  parts: Omit<SessionParts, "session" | "macState" | "isPending">,
): CarriedSession | string | undefined {
  const session = exported.fields(name);
  if (!session) return undefined;
  try {
    return sessionOf({ ...parts, session, macState: exported.fields(macName), isPending: name === "pending_session" });
  } catch (error) {
    if (error instanceof MalformedValue) return error.message;
    throw error;
  }
}

const withAwaited = (session: CarriedSession | string, awaited: QueueItem | undefined): CarriedSession | string =>
  typeof session === "string" || awaited?.sent === undefined
    ? session
    : { ...session, awaitedAck: { queueItemId: awaited.id, fCntDown: awaited.sent.fCntDown } };

/** Before 1.1 the root key is the AppKey. */
function rootKeysOf(
  exported: JsonFields,
  { macVersion }: CarriedProfile,
  opened: Opener,
  notes: NoteTopic[],
): CarriedDevice["rootKeys"] {
  const keys = exported.fields("root_keys");
  const appKey = keys && clearKey(keys, "app_key", opened);
  const nwkKey = keys && isVersion11(macVersion) ? clearKey(keys, "nwk_key", opened) : appKey;
  if (appKey?.kind === "sealed" || nwkKey?.kind === "sealed") notes.push("wrapped-root-keys");
  else if (appKey?.kind !== "clear" || nwkKey?.kind !== "clear") notes.push("no-root-keys");
  if (appKey?.kind !== "clear" || nwkKey?.kind !== "clear") return undefined;
  return isVersion11(macVersion) ? { nwkKey: nwkKey.hex, appKey: appKey.hex } : { nwkKey: appKey.hex };
}

function noncesOf(
  exported: JsonFields,
  joinEui: CarriedNonces["joinEui"],
  { macVersion }: CarriedProfile,
): CarriedNonces {
  const joinNonce = exported.number("last_join_nonce") ?? 0;
  const devNonces = exported.numbers("used_dev_nonces");
  if (devNonces.some(nonce => nonce < 0 || nonce > 0xffff)) {
    throw new MalformedValue("used_dev_nonces holds what is no DevNonce");
  }
  const lastRjCount1 = exported.number("last_rj_count_1") ?? 0;
  const highest = Math.max(exported.number("last_dev_nonce") ?? 0, ...devNonces);
  const hasJoined = joinNonce > 0 || devNonces.length > 0 || highest > 0;
  return {
    joinEui,
    joinNonce,
    devNonces,
    ...(hasRisingDevNonce(macVersion) && hasJoined && { lastDevNonce: highest }),
    ...(lastRjCount1 > 0 && { lastRjCount1 }),
  };
}

/** What waits is encrypted there already, under the counter that was meant for it. */
function queueOf(exported: JsonFields, session: CarriedSession, notes: NoteTopic[]): readonly QueueItem[] {
  const sent = exported.fields("mac_state")?.fields("pending_application_downlink");
  const waiting = exported.fields("session")?.list("queued_application_downlinks") ?? [];
  const items = [
    ...(sent ? [{ downlink: sent, isSent: true }] : []),
    ...waiting.map(downlink => ({ downlink, isSent: false })),
  ];
  if (items.length === 0) return [];
  const { appSKey } = session;
  if (!appSKey || !("key" in appSKey)) {
    notes.push("sealed-downlinks");
    return [];
  }
  const devEui = exported.fields("ids")?.text("dev_eui") ?? "";
  const { key } = appSKey;
  return items.map(({ downlink, isSent }) => {
    const fPort = downlink.number("f_port") ?? 0;
    if (fPort < 1 || fPort > 223)
      throw new MalformedValue(`f_port of a waiting downlink is ${fPort}, where 1 to 223 are`);
    const fCnt = downlink.number("f_cnt") ?? 0;
    const sealed = downlink.text("frm_payload") ?? "";
    const payload = cryptPayload(key, "down", session.devAddr, fCnt, Buffer.from(sealed, "base64"));
    const confirmed = downlink.isTrue("confirmed");
    const enqueuedAtMs = session.lastUplinkAtMs ?? 0;
    return {
      id: derivedUuid(devEui, session.devAddr, String(fCnt), sealed),
      fPort,
      confirmed,
      data: Buffer.from(payload).toString("base64"),
      enqueuedAtMs,
      ...(isSent && confirmed && { sent: { fCntDown: fCnt, atMs: enqueuedAtMs, attempts: 1 } }),
    };
  });
}
