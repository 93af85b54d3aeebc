import { cryptPayload } from "../lorawan/phy/security.ts";
import type {
  AppSKeyKnowledge,
  DeviceClass,
  LogCode,
  NetworkEvent,
  UplinkEvent,
} from "../platform/state/network-event.ts";
import type {
  ApplicationEvent,
  ApplicationEventKind,
  AppSKeyVault,
  CodecSandbox,
  DecodeOutcome,
  DeviceInfo,
  DirectoryDevice,
} from "./ports.ts";

export interface EventTools {
  readonly vault: AppSKeyVault;
  readonly sandbox: CodecSandbox;
}

/** The payload in the clear, or as it came when the AppSKey is not ours (C36). */
type Opened =
  | { readonly kind: "clear"; readonly data: Uint8Array }
  | { readonly kind: "sealed"; readonly data: Uint8Array };

type Decoded =
  | DecodeOutcome
  /** No codec, no port, or no key. */
  | { readonly kind: "raw" };

/**
 * What applications get for one event of the network server, in order: one event, and for an uplink whose codec failed
 * a `log` event after it. Rejects only when a tool does.
 */
export async function applicationEvents(
  event: NetworkEvent,
  { info, ...known }: DirectoryDevice,
  tools: EventTools,
): Promise<readonly ApplicationEvent[]> {
  const device = { ...known, info: event.deviceClass ? withClass(info, event.deviceClass) : info };
  switch (event.kind) {
    case "up":
      return uplinkEvents(event, device, tools);
    case "join": {
      const { deduplicationId, devAddr, regionConfigId } = event;
      const isSealed = knowsOfAppSKey(event) && openAppSKey(event, tools.vault) === undefined;
      const fields = { devAddr, regionConfigId, ...(isSealed && { joinServerContext: joinServerContext(event) }) };
      return [applicationEvent("join", event.time, device.info, { deduplicationId }, fields)];
    }
    case "ack": {
      const { deduplicationId, queueItemId, acknowledged, fCntDown } = event;
      const fields = { queueItemId, acknowledged, fCntDown };
      return [applicationEvent("ack", event.time, device.info, { deduplicationId }, fields)];
    }
    case "txack": {
      const { downlinkId, queueItemId = "", fCntDown, gatewayId, txInfo } = event;
      const fields = { queueItemId, fCntDown, gatewayId, txInfo };
      return [applicationEvent("txack", event.time, device.info, { downlinkId }, fields)];
    }
    case "log": {
      const { level, code, description, deduplicationId } = event;
      // The contract's log events have no member for it, so the identifier that tells a second copy travels in `context`.
      const context = { ...event.context, deduplication_id: deduplicationId };
      return [applicationEvent("log", event.time, device.info, {}, { level, code, description, context })];
    }
    case "status": {
      const { deduplicationId, margin, externalPowerSource, batteryLevelUnavailable, batteryLevel } = event;
      const fields = { margin, externalPowerSource, batteryLevelUnavailable, batteryLevel };
      return [applicationEvent("status", event.time, device.info, { deduplicationId }, fields)];
    }
  }
}

/** A `log` event of the application server's own: level ERROR. */
export function errorLogEvent(
  info: DeviceInfo,
  time: string,
  code: LogCode,
  description: string,
  context: Readonly<Record<string, string>>,
): ApplicationEvent {
  return applicationEvent("log", time, info, {}, { level: "ERROR", code, description, context });
}

async function uplinkEvents(event: UplinkEvent, device: DirectoryDevice, tools: EventTools) {
  const opened = openPayload(event, tools.vault);
  const decoded = await decodePayload(event, opened, device, tools.sandbox);
  const up = uplinkEvent(event, opened, decoded, device.info);
  const fault = faultOf(decoded);
  if (fault === undefined) return [up];
  const context = { deduplication_id: event.deduplicationId, f_cnt: String(event.fCnt) };
  return [up, errorLogEvent(device.info, event.time, "UPLINK_CODEC", fault, context)];
}

function faultOf(decoded: Decoded): string | undefined {
  if (decoded.kind === "failed") return decoded.message;
  return decoded.kind === "decoded" && decoded.normalized?.kind === "failed" ? decoded.normalized.message : undefined;
}

/** The codec's part of the event; lists that would be empty are left out. */
function decodedMembers(decoded: Decoded): Readonly<Record<string, unknown>> {
  if (decoded.kind !== "decoded") return {};
  const { object, warnings, normalized } = decoded;
  return {
    object,
    ...(warnings.length > 0 && { decodedPayloadWarnings: warnings }),
    ...(normalized?.kind === "normalized" && {
      normalizedPayload: normalized.measurements,
      ...(normalized.warnings.length > 0 && { normalizedPayloadWarnings: normalized.warnings }),
    }),
  };
}

const openAppSKey = ({ appSKey }: AppSKeyKnowledge, vault: AppSKeyVault) => appSKey && vault.open(appSKey);

/** False for joins that were logged by a version that did not say. */
const knowsOfAppSKey = ({ appSKey, sessionKeyId }: AppSKeyKnowledge): boolean =>
  appSKey !== undefined || sessionKeyId !== undefined;

function openPayload(event: UplinkEvent, vault: AppSKeyVault): Opened {
  const encrypted = Buffer.from(event.frmPayload, "base64");
  const key = openAppSKey(event, vault);
  if (key === undefined) return { kind: "sealed", data: encrypted };
  return { kind: "clear", data: cryptPayload(key, "up", event.devAddr, event.fCnt, encrypted) };
}

async function decodePayload(
  event: UplinkEvent,
  opened: Opened,
  device: DirectoryDevice,
  sandbox: CodecSandbox,
): Promise<Decoded> {
  if (device.codec.kind === "none" || opened.kind === "sealed" || event.fPort === undefined) return { kind: "raw" };
  return sandbox.decode(device.codec, {
    bytes: opened.data,
    fPort: event.fPort,
    recvTimeMs: Date.parse(event.time),
    variables: device.variables,
    tags: device.info.tags,
    scope: device.info.tenantId,
  });
}

function uplinkEvent(event: UplinkEvent, opened: Opened, decoded: Decoded, info: DeviceInfo): ApplicationEvent {
  const { deduplicationId, devAddr, adr, dr, fCnt, fPort = 0, confirmed, rxInfo, txInfo, regionConfigId } = event;
  const data = Buffer.from(opened.data).toString("base64");
  return applicationEvent(
    "up",
    event.time,
    info,
    { deduplicationId },
    {
      devAddr,
      adr,
      dr,
      fCnt,
      fPort,
      confirmed,
      data,
      ...decodedMembers(decoded),
      rxInfo,
      txInfo,
      ...(opened.kind === "sealed" ? { joinServerContext: joinServerContext(event) } : {}),
      regionConfigId,
    },
  );
}

/** What an application needs to decrypt payloads itself; in the contract the id is hex and the key base64. */
function joinServerContext({ appSKey, sessionKeyId = "" }: AppSKeyKnowledge) {
  if (!appSKey) return { sessionKeyId };
  const aesKey = Buffer.from(appSKey.aesKey, "hex").toString("base64");
  return { sessionKeyId, appSKey: { kekLabel: appSKey.kekLabel ?? "", aesKey } };
}

const ofClass = new WeakMap<DeviceInfo, Map<DeviceClass, DeviceInfo>>();

/** The same object for the same arguments. */
function withClass(info: DeviceInfo, deviceClass: DeviceClass): DeviceInfo {
  const deviceClassEnabled = `CLASS_${deviceClass}` as const;
  if (info.deviceClassEnabled === deviceClassEnabled) return info;
  const known = ofClass.get(info) ?? new Map<DeviceClass, DeviceInfo>();
  const found = known.get(deviceClass) ?? { ...info, deviceClassEnabled };
  ofClass.set(info, known.set(deviceClass, found));
  return found;
}

const deviceInfoJson = new WeakMap<DeviceInfo, string>();

/** The device's part of every event is written once for as long as the directory gives the same object. */
function jsonOf(info: DeviceInfo): string {
  const known = deviceInfoJson.get(info);
  if (known !== undefined) return known;
  const json = JSON.stringify({
    tenantId: info.tenantId,
    tenantName: info.tenantName,
    applicationId: info.applicationId,
    applicationName: info.applicationName,
    deviceProfileId: info.deviceProfileId,
    deviceProfileName: info.deviceProfileName,
    deviceName: info.deviceName,
    devEui: info.devEui,
    deviceClassEnabled: info.deviceClassEnabled,
    tags: info.tags,
  });
  deviceInfoJson.set(info, json);
  return json;
}

/** Members in the order of the contract: an identifier, time, deviceInfo, then the event's own. */
function applicationEvent(
  kind: ApplicationEventKind,
  time: string,
  info: DeviceInfo,
  identifier: Readonly<Record<string, string | number>>,
  fields: Readonly<Record<string, unknown>>,
): ApplicationEvent {
  const before = JSON.stringify({ ...identifier, time }).slice(0, -1);
  const json = `${before},"deviceInfo":${jsonOf(info)},${JSON.stringify(fields).slice(1)}`;
  const body = { ...identifier, time, deviceInfo: info, ...fields };
  return { kind, tenantId: info.tenantId, applicationId: info.applicationId, devEui: info.devEui, json, body };
}
